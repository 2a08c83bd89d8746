// store/workspace: names that come from members and from disks, and those that are made of them.
//   input := number (2) ‖ time (6) ‖ name
#include "store/workspace/names.hpp"
#include "store/ledger/sealing.hpp"
#include "store/workspace/operation.hpp"
#include "tests/fuzz/target.hpp"

KEYFOLD_FUZZ_TARGET(names) {
  using namespace keyfold;
  fuzz::input in(data);
  const auto number = in.number(2) + 2;
  const auto time = static_cast<std::int64_t>(in.number(6));
  const auto name = as_text(in.rest());
  const auto normal = workspace::normalize_name(name);
  if (normal) {
    fuzz::require(workspace::check_name(*normal).has_value(), "a normalized name is one");
    fuzz::require(workspace::normalize_name(*normal) == *normal,
                  "normalizing again changes nothing");
  }
  if (ledger::is_plain_text(name, workspace::max_name_size, "/") && name != "." && name != "..")
    fuzz::require(workspace::check_name(name).has_value(), "plain text is a good name");
  if (!workspace::check_name(name))
    return fuzz::require(!normal, "what is no name is not made one");
  const device_id author;
  for (const auto& made : {workspace::conflict_name(name, author, time),
                           workspace::conflict_name(name, author, time, number),
                           workspace::numbered_name(name, number)}) {
    fuzz::require(workspace::check_name(made).has_value(), "a made up name is a name");
    fuzz::require(workspace::may_be_made_up(made), "and is known as made up");
  }
}
