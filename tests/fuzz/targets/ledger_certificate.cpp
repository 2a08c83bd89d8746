// store/ledger/certificate: headers and certificates, and what is attached to them.
//   input := what (1) ‖ bytes
#include "store/ledger/attachments.hpp"
#include "tests/fuzz/target.hpp"

KEYFOLD_FUZZ_TARGET(ledger_certificate) {
  using namespace keyfold;
  fuzz::input in(data);
  const bool header = in.byte() % 2 == 0;
  const auto encoded = in.rest();
  if (header)
    return fuzz::require_one_encoding(encoded, ledger::decode_header, ledger::encode_header);
  fuzz::require_one_encoding(encoded, ledger::decode_certificate, ledger::encode_certificate);
  const auto c = ledger::decode_certificate(encoded);
  if (!c || !c->body) return;
  if (const auto body = ledger::decode_body(*c->body))
    for (const bool complete : {false, true})
      (void)ledger::check_attachments(*body, c->attached, complete);
}
