// store/invitation: messages of the code exchange, each decoded as every kind.
//   input := which (1) ‖ message
#include "store/invitation/events.hpp"
#include "store/invitation/messages.hpp"
#include "store/ledger/certificate.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace keyfold;
using invitation::kind;

void check_admit(bytes_view message, kind k) {
  // The root key stands in the message: take the organization that it makes, so that decoding goes on.
  const auto decode = [&](bytes_view m) -> expected<invitation::admission> {
    auto r = reader::parse(m);
    organization_id organization;
    if (r) {
      r->array(9);
      for (int i = 0; i < 4; ++i) r->raw();
      if (const auto root = signing_public_key::decode(r->bin(33)))
        organization = ledger::organization_of(*root);
    }
    return invitation::decode_admit(m, k, organization);
  };
  fuzz::require_one_encoding(message, decode, [](const invitation::admission& a) {
    return to_bytes(invitation::encode_admit(a).view());
  });
}

void check_claim(bytes_view message, kind k) {
  const hash32 transcript;
  const auto claim = invitation::decode_claim(message, k, transcript);
  if (!claim) return;
  fuzz::require(ledger::is_plain_text(claim->label, ledger::max_label_size), "a label can be read");
  fuzz::require(claim->keys.user.has_value() == (k == kind::user), "a claim fits its invitation");
}

void check_handshake(bytes_view commit, bytes_view reveal) {
  const auto random = seeded_random(1);
  invitation::handshake own(invitation::party::greeter, {}, 1, *random);
  if (own.take_commit(commit))
    fuzz::require(!own.take_reveal(reveal), "a commitment is not opened by guessing");
}

}  // namespace

KEYFOLD_FUZZ_TARGET(invitation_messages) {
  fuzz::input in(data);
  const auto which = in.byte();
  const auto k = which % 2 == 0 ? kind::user : kind::device;
  if (which >= 0x80) {
    const auto commit = in.part();
    return check_handshake(commit, in.rest());
  }
  const auto message = in.rest();
  const auto named = invitation::kind_of(message);
  if (named) fuzz::require(!invitation::is_sealed(message), "a plain message does not look sealed");
  check_admit(message, k);
  check_claim(message, k);
  if (invitation::decode_abort(message))
    fuzz::require(named == invitation::message_kind::abort, "an abort is of its kind");
  fuzz::require_one_encoding(message, invitation::progress::decode,
                             [](const invitation::progress& p) { return p.encode(); });
}
