// store/object/chunker: a workspace's creator chooses the table of chunk sizes; whatever it is, chunking goes on.
//   input := rows (1), each: largest file, min, average, max (4 each) ‖ file size (4) ‖ content
#include "store/object/chunker.hpp"
#include "tests/fuzz/target.hpp"

KEYFOLD_FUZZ_TARGET(chunk_sizes) {
  using namespace keyfold;
  static const object::gear_table gear{{}};
  fuzz::input in(data);
  std::vector<object::chunk_class> table(in.byte() % 8);
  for (auto& row : table) row = {in.number(4), in.number(4), in.number(4), in.number(4)};
  const auto sizes = object::sizes_for(table, in.number(4));
  if (!sizes) return;
  fuzz::require(sizes->min > 0 && sizes->max <= object::max_chunk_size, "chunks are bounded");
  object::chunker chunks(gear, *sizes);
  std::uint64_t length = 0;
  for (auto left = in.rest(); !left.empty();) {
    const auto step = chunks.feed(left);
    fuzz::require(step.taken > 0 && step.taken <= left.size(), "a chunker goes on");
    length += step.taken;
    left = left.subspan(step.taken);
    fuzz::require(length <= sizes->max && (!step.border || length >= sizes->min),
                  "a chunk is as long as the table says");
    if (step.border) length = 0;
  }
}
