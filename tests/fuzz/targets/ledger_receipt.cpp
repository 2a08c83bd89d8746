// store/ledger/receipt: what relays sign, and records.
//   input := which (1) ‖ bytes
#include "store/ledger/receipt.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace keyfold;

/// Two statements contradict each other, or not, whichever is looked at first.
void check_comparison(bytes_view data) {
  fuzz::input in(data);
  const auto a = ledger::decode_statement(in.part());
  const auto b = ledger::decode_statement(in.rest());
  if (!a || !b) return;
  using ledger::contradiction;
  const auto convicts = [](contradiction c) {
    return c == contradiction::forked || c == contradiction::stepped_back;
  };
  fuzz::require(ledger::compare(*a, *a) == contradiction::none, "a statement agrees with itself");
  fuzz::require(convicts(ledger::compare(*a, *b)) == convicts(ledger::compare(*b, *a)),
                "who is convicted does not depend on the order of hearing");
}

}  // namespace

KEYFOLD_FUZZ_TARGET(ledger_receipt) {
  fuzz::input in(data);
  const auto which = in.byte();
  const auto encoded = in.rest();
  switch (which % 4) {
    case 0:
      return fuzz::require_one_encoding(encoded, ledger::decode_statement,
                                        ledger::encode_statement);
    case 1:
      return fuzz::require_one_encoding(encoded, ledger::decode_receipt, ledger::encode_receipt);
    case 2:
      return fuzz::require_one_encoding(encoded, ledger::decode_record, ledger::encode_record);
    default:
      return check_comparison(encoded);
  }
}
