#include "store/object/list.hpp"

#include "crypto/hash.hpp"

namespace keyfold::object {
namespace {

/// The plaintext of an object holds at most that many bytes, its padding included.
bool possible(const chunk_ref& chunk) {
  return chunk.length > 0 && chunk.length <= max_chunk_size &&
         chunk.offset <= max_chunk_size - chunk.length;
}

/// Reads consecutive fields of one row.
class row_reader {
 public:
  explicit row_reader(bytes_view row) : left_(row) {}
  bytes_view take(std::size_t size) {
    const auto out = left_.first(size);
    left_ = left_.subspan(size);
    return out;
  }
  template <class Id>
  Id id() {
    return *Id::from(take(Id::size));
  }

 private:
  bytes_view left_;
};

}  // namespace

bytes encode_list(std::span<const chunk_ref> chunks) {
  bytes out;
  out.reserve(chunks.size() * list_row_size);
  for (const auto& chunk : chunks) {
    append(out, chunk.object.view());
    out.push_back(stream_algorithm);
    append(out, chunk.key.view());
    append_u64(out, chunk.offset);
    append_u64(out, chunk.length);
    append(out, chunk.plaintext_hash.view());
  }
  return out;
}

expected<std::vector<chunk_ref>> decode_list(bytes_view data) {
  if (data.size() % list_row_size != 0)
    return fail(errc::malformed, "a chunk list that ends within a row");
  std::vector<chunk_ref> out;
  out.reserve(data.size() / list_row_size);
  for (; !data.empty(); data = data.subspan(list_row_size)) {
    row_reader row(data.first(list_row_size));
    chunk_ref chunk;
    chunk.object = row.id<object_id>();
    if (row.take(1)[0] != stream_algorithm)
      return fail(errc::unknown_algorithm, "an object under another cipher");
    KEYFOLD_TRY(chunk.key, symmetric_key::from(row.take(symmetric_key::size)));
    chunk.offset = read_u64(row.take(8));
    chunk.length = read_u64(row.take(8));
    chunk.plaintext_hash = row.id<hash32>();
    if (!possible(chunk)) return fail(errc::bad_chunk_list, "a chunk that no object can hold");
    out.push_back(chunk);
  }
  return out;
}

hash32 hash_list(std::uint64_t file_size, std::span<const chunk_ref> chunks) {
  hasher h("keyfold/v1/chunk-list");
  h.update_u64(file_size);
  for (const auto& chunk : chunks) h.update(chunk.plaintext_hash.view());
  return h.finish();
}

expected<void> check_list(const file_content& content, std::span<const chunk_ref> chunks) {
  std::uint64_t sum = 0;
  for (const auto& chunk : chunks) {
    if (!possible(chunk)) return fail(errc::bad_chunk_list, "a chunk that no object can hold");
    sum += chunk.length;  // cannot overflow: a length has 23 bits, and the chunks are in memory
  }
  if (sum != content.size)
    return fail(errc::bad_chunk_list, "chunks that are not as long as their file");
  if (hash_list(content.size, chunks) != content.list_hash)
    return fail(errc::bad_chunk_list, "chunks that are not those of the file's list hash");
  return {};
}

}  // namespace keyfold::object
