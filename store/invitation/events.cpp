#include "store/invitation/events.hpp"

#include "crypto/codec.hpp"

namespace keyfold::invitation {
namespace {

constexpr std::array<std::string_view, 11> names{"wrong_code", "cancelled", "expired",   "attempts",
                                                 "replaced",   "timeout",   "peer_left", "rejected",
                                                 "refused",    "used",      "ledger"};

}  // namespace

std::string_view to_string(reason r) {
  return names[static_cast<std::size_t>(r)];
}

reason reason_from_string(std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<reason>(i);
  return reason::refused;
}

guest_keys guest_keys::generate(kind k, random_source& random) {
  std::optional<box_key> user;
  if (k == kind::user) user = box_key::generate(random);
  return {std::move(user), signing_key::generate(random), box_key::generate(random)};
}

claimed_keys guest_keys::public_keys() const {
  claimed_keys out{std::nullopt, signing.public_key(), link.public_key()};
  if (user) out.user = user->public_key();
  return out;
}

bytes progress::encode() const {
  writer w;
  w.array(3).uint(1).uint(reveals);
  admitted ? w.bin(admitted->encode()) : w.nil();
  return std::move(w).take();
}

expected<progress> progress::decode(bytes_view data) {
  KEYFOLD_TRY(auto r, reader::parse(data));
  progress out;
  r.array(3);
  if (r.uint() != 1 && r.good()) return fail(errc::unknown_version, "progress of a later version");
  out.reveals = static_cast<unsigned>(r.uint_up_to(UINT32_MAX));
  const auto key = r.optional_bin(33);
  KEYFOLD_CHECK(r.finish());
  if (key) {
    KEYFOLD_TRY(out.admitted, signing_public_key::decode(*key));
  }
  return out;
}

}  // namespace keyfold::invitation
