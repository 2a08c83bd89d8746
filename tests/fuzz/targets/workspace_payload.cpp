// store/workspace/operation: the operations of an entry, from a member who may be hostile.
#include "store/feed/entry.hpp"
#include "store/workspace/operation.hpp"
#include "tests/fuzz/target.hpp"

KEYFOLD_FUZZ_TARGET(workspace_payload) {
  using namespace keyfold;
  const auto payload = workspace::decode_payload(data);
  if (!payload) return;
  // The table of objects may come in another order, and what is not understood is left out: so the encoding need
  // not be the same, but what it says is.
  const auto again = workspace::encode_payload(*payload);
  const auto twice = workspace::decode_payload(again);
  if (again.size() <= feed::max_payload_size)
    fuzz::require(twice && twice->operations == payload->operations, "operations survive encoding");
  std::size_t bound = 64;
  for (const auto& o : payload->operations) {
    bound += workspace::size_of(o);
    fuzz::require(workspace::nodes_of(o, {}, {}).size() <= 2,
                  "an operation is about two nodes at most");
  }
  fuzz::require(again.size() <= bound, "size_of bounds what operations add");
  fuzz::require(
      workspace::objects_of(*payload).size() <= payload->operations.size() * workspace::max_chunks,
      "objects are bounded by chunks");
}
