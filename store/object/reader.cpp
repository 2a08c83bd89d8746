#include "store/object/reader.hpp"

#include <set>

namespace keyfold::object {
namespace {

tl::unexpected<error> fail_missing() {
  return fail(errc::objects_missing, "content that is not on this device yet");
}

/// The chunks of a level 1 list, whose plaintext is no file: its limits are its own.
expected<void> check_list_chunks(std::span<const chunk_ref> chunks) {
  if (chunks.size() > max_direct_chunks)
    return fail(errc::bad_chunk_list, "a list of too many chunks");
  std::uint64_t sum = 0;
  for (const auto& chunk : chunks) {
    if (chunk.length == 0 || chunk.length > list_chunk_sizes.max ||
        chunk.offset > max_chunk_size - chunk.length)
      return fail(errc::bad_chunk_list, "a chunk of a list that no object can hold");
    sum += chunk.length;
  }
  if (sum % list_row_size != 0) return fail(errc::bad_chunk_list, "a list that ends within a row");
  return {};
}

std::vector<object_id> ids_of(std::span<const chunk_ref> chunks) {
  std::set<object_id> out;
  for (const auto& chunk : chunks) out.insert(chunk.object);
  return {out.begin(), out.end()};
}

}  // namespace

file_reader::file_reader(opener& objects, std::vector<chunk_ref> chunks)
    : objects_(&objects), chunks_(std::move(chunks)) {
  std::uint64_t end = 0;
  ends_.reserve(chunks_.size());
  for (const auto& chunk : chunks_) ends_.push_back(end += chunk.length);
}

expected<file_reader> file_reader::open(const file_content& content, opener& objects,
                                        std::vector<object_id>& missing) {
  if (content.level > 1) return fail(errc::bad_chunk_list, "a chunk list of an unknown level");
  if (content.level == 0) {
    KEYFOLD_CHECK(check_list(content, content.chunks));
    return file_reader(objects, content.chunks);
  }
  KEYFOLD_CHECK(check_list_chunks(content.chunks));
  bytes encoded;
  file_reader list(objects, content.chunks);
  KEYFOLD_CHECK(list.read_all(
      [&](bytes_view data) -> expected<void> {
        append(encoded, data);
        return {};
      },
      missing));
  KEYFOLD_TRY(auto chunks, decode_list(encoded));
  KEYFOLD_CHECK(check_list(content, chunks));
  return file_reader(objects, std::move(chunks));
}

std::pair<std::size_t, std::size_t> file_reader::chunks_of(std::uint64_t offset,
                                                           std::uint64_t length) const {
  if (offset >= size() || length == 0) return {0, 0};
  const auto end = offset + std::min(length, size() - offset);
  const auto first = std::upper_bound(ends_.begin(), ends_.end(), offset) - ends_.begin();
  const auto last = std::lower_bound(ends_.begin(), ends_.end(), end) - ends_.begin() + 1;
  return {static_cast<std::size_t>(first), static_cast<std::size_t>(last)};
}

std::vector<object_id> file_reader::objects_of(std::uint64_t offset, std::uint64_t length) const {
  const auto [first, last] = chunks_of(offset, length);
  std::set<object_id> out;
  for (const auto& chunk : std::span(chunks_).subspan(first, last - first))
    if (here_ == nullptr || !here_->has(chunk)) out.insert(chunk.object);
  return {out.begin(), out.end()};
}

expected<std::optional<bytes_view>> file_reader::open_chunk(const chunk_ref& chunk) {
  if (here_ != nullptr && here_->has(chunk))
    if (const auto plain = here_->open(chunk)) return plain;
  return objects_->open(chunk);
}

expected<void> file_reader::read(std::uint64_t offset, std::uint64_t length,
                                 const content_sink& sink, std::vector<object_id>& missing) {
  const auto before = missing.size();
  for (const auto& id : objects_of(offset, length)) {
    KEYFOLD_TRY(const bool here, objects_->has(id));
    if (!here) missing.push_back(id);
  }
  if (missing.size() > before) return fail_missing();
  const auto [first, last] = chunks_of(offset, length);
  for (auto at = first; at < last; ++at) {
    const auto& chunk = chunks_[at];
    KEYFOLD_TRY(const auto plain, open_chunk(chunk));
    if (!plain) {
      missing.push_back(chunk.object);
      return fail_missing();
    }
    const auto begin = ends_[at] - chunk.length;
    const auto skip = offset > begin ? offset - begin : 0;
    const auto stop = std::min(chunk.length, offset + std::min(length, size() - offset) - begin);
    KEYFOLD_CHECK(sink(plain->subspan(skip, stop - skip)));
  }
  return {};
}

expected<std::vector<object_id>> objects_of(const file_content& content, opener& objects,
                                            std::vector<object_id>& missing) {
  KEYFOLD_TRY(const auto file, file_reader::open(content, objects, missing));
  std::set<object_id> out;
  for (const auto& id : ids_of(file.chunks())) out.insert(id);
  for (const auto& id : ids_of(content.chunks)) out.insert(id);
  return std::vector(out.begin(), out.end());
}

}  // namespace keyfold::object
