// store/ledger/body: what certificates say.
#include "store/ledger/body.hpp"
#include "tests/fuzz/target.hpp"

KEYFOLD_FUZZ_TARGET(ledger_body) {
  using namespace keyfold;
  const auto body = ledger::decode_body(data);
  if (!body) return;
  (void)ledger::rotation_of(body->what);
  const auto name = ledger::kind_name(body->what);
  if (const auto* unknown = std::get_if<ledger::unknown_body>(&body->what))
    return fuzz::require(name == "kind_" + std::to_string(unknown->kind),
                         "an unknown kind is told by number");
  fuzz::require(ledger::encode_body(*body) == to_bytes(data), "a body has one encoding");
}
