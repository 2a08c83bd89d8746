// store/workspace/operation, store/object/list: the list of a long file's chunks, in both of its encodings.
//   input := which (1) ‖ bytes
#include "store/object/list.hpp"
#include "store/workspace/operation.hpp"
#include "tests/fuzz/target.hpp"

KEYFOLD_FUZZ_TARGET(chunk_lists) {
  using namespace keyfold;
  fuzz::input in(data);
  const bool rows = in.byte() % 2 == 0;
  const auto encoded = in.rest();
  if (!rows)
    return fuzz::require_one_encoding(
        encoded, [](bytes_view d) { return workspace::decode_chunk_list(d, 1 << 20); },
        [](const auto& list) { return workspace::encode_chunk_list(list); });
  fuzz::require_one_encoding(encoded, object::decode_list,
                             [](const auto& list) { return object::encode_list(list); });
  const auto list = object::decode_list(encoded);
  if (!list) return;
  workspace::file_content content;
  for (const auto& chunk : *list) content.size += chunk.length;
  content.list_hash = object::hash_list(content.size, *list);
  fuzz::require(object::check_list(content, *list).has_value(),
                "a file has the list that it hashes");
  ++content.size;
  fuzz::require(!object::check_list(content, *list), "a file of another size has not");
}
