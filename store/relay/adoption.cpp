#include "store/relay/adoption.hpp"

namespace keyfold::relay {

adoption::adoption(db::view& part, organization_id id)
    : ledger_part_(part, bytes{'l'}),
      signer_part_(part, bytes{'s'}),
      ledger_(id),
      log_(ledger_part_) {}

expected<std::unique_ptr<adoption>> adoption::open(db::view& part, organization_id id) {
  std::unique_ptr<adoption> out(new adoption(part, id));
  KEYFOLD_TRY(out->ledger_, out->log_.load(id));
  return out;
}

expected<std::size_t> adoption::take(std::span<const bytes_view> records) {
  std::size_t taken = 0;
  for (const auto encoded : records) {
    const auto one = [&]() -> expected<void> {
      KEYFOLD_TRY(const auto r, ledger::decode_record(encoded));
      KEYFOLD_CHECK(ledger::add(ledger_, log_, r));
      return {};
    }();
    if (!one && taken == 0) return fail(one);
    if (!one) break;
    ++taken;
  }
  return taken;
}

expected<bytes> adoption::append(bytes_view certificate, const signing_key& receipt_key,
                                 random_source& random) {
  KEYFOLD_TRY(const auto c, ledger::decode_certificate(certificate));
  KEYFOLD_CHECK(ledger_.check(c));
  KEYFOLD_TRY(const auto body, ledger::decode_body(*c.body));
  const auto* moved = std::get_if<ledger::relay_set>(&body.what);
  if (moved == nullptr || moved->receipt_key != receipt_key.public_key())
    return fail(errc::creation_refused, "not the certificate that makes this the relay");
  signer signs(signer_part_, ledger_.id(), receipt_key, moved->term, random);
  const ledger::record made{c, signs.receipt(c.position())};
  KEYFOLD_CHECK(ledger::add(ledger_, log_, made));
  return ledger::encode_receipt(made.receipt);
}

bool adoption::is_whole(const signing_public_key& receipt_key) const {
  const auto& terms = ledger_.organization().terms();
  return terms.size() > 1 && terms.back().receipt_key == receipt_key;
}

}  // namespace keyfold::relay
