// store/object/seal: objects and ranges of them, as a replica may answer; and chunks that a member names in them.
//   input := first cell (1) ‖ offset (3) ‖ length (3) ‖ object size (4) ‖ change at (2) ‖ change by (1) ‖ bytes
#include "store/object/seal.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace keyfold;

const bytes& plaintext() {
  static const bytes out = [] {
    bytes b(70'000);
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<std::uint8_t>(i * i >> 7);
    return b;
  }();
  return out;
}
const object::sealed_object& honest() {
  static const auto out = object::seal_object({}, plaintext());
  return out;
}

}  // namespace

KEYFOLD_FUZZ_TARGET(object_cells) {
  fuzz::input in(data);
  const auto first = static_cast<std::size_t>(in.byte() % 4);
  object::chunk_ref chunk;
  chunk.object = honest().id();
  chunk.offset = in.number(3);
  chunk.length = in.number(3);
  const auto claimed = in.number(4);
  const auto change_at = static_cast<std::size_t>(in.number(2));
  const auto change_by = in.byte();
  const auto raw = to_bytes(in.rest());

  // Bytes that nobody sealed.
  fuzz::require(!object::sealed_object::check(honest().id(), raw), "an object is not guessed");
  fuzz::require(!object::open_chunk(chunk, raw.size(), first, raw), "a chunk is not guessed");
  (void)object::cell_count(claimed);

  // A range of the honest object, of another size or with one byte changed.
  const auto all = honest().data();
  const auto begin = std::min(first * sealed_cell_size, all.size());
  object::cell_range range{all.size(), first, to_bytes(all.subspan(begin)), honest().hashes()};
  const bool there = begin < all.size();
  fuzz::require(object::check_range(honest().id(), range).has_value() == there,
                "an honest range is taken");
  if (claimed != all.size()) {
    range.object_size = claimed;
    fuzz::require(!object::check_range(honest().id(), range), "a range of another size is not");
    range.object_size = all.size();
  }
  if (there && change_by != 0) {
    range.cells[change_at % range.cells.size()] ^= change_by;
    fuzz::require(!object::check_range(honest().id(), range), "a changed range is not");
    range.cells[change_at % range.cells.size()] ^= change_by;
  }

  // A chunk that is named somewhere in it.
  const bool within = chunk.length > 0 && chunk.offset < plaintext().size() &&
                      chunk.length <= plaintext().size() - chunk.offset;
  if (within) {
    const auto part = bytes_view(plaintext()).subspan(chunk.offset, chunk.length);
    chunk.plaintext_hash = object::hash_chunk(part);
    const auto span = object::cells_of(chunk.offset, chunk.length);
    const auto opened = object::open_chunk(chunk, range.object_size, first, range.cells);
    fuzz::require(opened.has_value() == (first <= span.first), "a chunk opens from its cells");
    if (opened) fuzz::require(*opened == to_bytes(part), "as the bytes that were sealed");
  } else {
    fuzz::require(!object::open_chunk(chunk, range.object_size, first, range.cells),
                  "a chunk outside of its object, or without its hash, does not open");
  }
}
