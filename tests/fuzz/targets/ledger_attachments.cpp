// store/ledger/attachments: sealed keys and frontiers.
//   input := which (1) ‖ attachment
#include "store/ledger/attachments.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace keyfold;

void check_frontier_list(bytes_view data) {
  const auto heads = ledger::decode_frontier(data);
  const auto checked = ledger::check_frontier(
      data, {}, {}, {}, [](device_id) { return std::optional<ledger::device_facts>{}; });
  fuzz::require(checked.heads.empty(), "nothing that no known device signed is a head");
  fuzz::require(checked.bad == (heads ? heads->size() : 1), "each other one counts as bad");
  if (!heads) return;
  const auto sorted = ledger::encode_frontier(*heads);
  if (!sorted) return;
  const auto again = ledger::decode_frontier(*sorted);
  fuzz::require(again && ledger::encode_frontier(*again) == *sorted,
                "a frontier has one order, and decodes again");
}

}  // namespace

KEYFOLD_FUZZ_TARGET(ledger_attachments) {
  fuzz::input in(data);
  const auto which = in.byte();
  const auto encoded = in.rest();
  switch (which % 4) {
    case 0:
      return fuzz::require_one_encoding(encoded, ledger::decode_rows, ledger::encode_rows);
    case 1:
      return fuzz::require_one_encoding(encoded, ledger::decode_earlier, ledger::encode_earlier);
    case 2:
      return check_frontier_list(encoded);
    default:
      return fuzz::require_one_encoding(encoded, ledger::decode_parts, ledger::encode_parts);
  }
}
