#include "store/ledger/log.hpp"

namespace keyfold::ledger {
namespace {

bytes key_of(ledger_seq seq) {
  bytes out;
  append_u64(out, seq.value);
  return out;
}

}  // namespace

void log::put(const state& s, ledger_seq seq) {
  below_.put(key_of(seq), encode_record(*s.record_at(seq)));
}

expected<state> log::load(organization_id organization) const {
  state out(organization);
  std::optional<error> failure;
  below_.scan({}, {}, [&](bytes_view key, bytes_view value) {
    const auto seq = key.size() == 8 ? read_u64(key) : ~std::uint64_t{0};
    const auto r = decode_record(value);
    const auto added = r ? out.add(*r) : tl::unexpected<error>(r.error());
    if (seq + 1 != out.size() || !added || !added->advanced)
      failure = error{errc::damaged, "the ledger's record " + std::to_string(out.size()) +
                                         " on disk cannot be read"};
    return !failure;
  });
  if (failure) return tl::unexpected<error>(*failure);
  return out;
}

std::optional<ledger_seq> log::last() const {
  const auto found = below_.last({});
  if (!found || found->first.size() != 8) return std::nullopt;
  return ledger_seq{read_u64(found->first)};
}

expected<addition> add(state& s, log& l, const record& r) {
  KEYFOLD_TRY(auto out, s.add(r));
  if (out.advanced || out.filled) l.put(s, r.certificate.header.seq);
  return out;
}

}  // namespace keyfold::ledger
