#include "actors/mirror_objects.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>

#include "store/mirror/disk.hpp"

namespace keyfold::actors {
namespace {

constexpr std::size_t objects_of_a_sync = 8;

/// Where a chunk's plaintext is.
struct found_chunk {
  workspace::chunk_ref chunk;
  mirror::local_path path;
  std::uint64_t offset = 0;  ///< in that file
  bytes plaintext;           ///< instead, of a list of chunks
};
using found_chunks = std::map<object_id, std::vector<found_chunk>>;

void note_file(found_chunks& found, const mirror::local_path& file, const agreed_content& agreed) {
  std::uint64_t offset = 0;
  for (const auto& chunk : agreed.chunks) {
    if (const auto at = found.find(chunk.object); at != found.end())
      at->second.push_back({chunk, file, offset, {}});
    offset += chunk.length;
  }
  if (agreed.content.level == 0) return;
  const auto list = object::encode_list(agreed.chunks);
  bytes_view rest(list);
  for (const auto& chunk : agreed.content.chunks) {
    const auto size = std::min<std::size_t>(chunk.length, rest.size());
    if (const auto at = found.find(chunk.object); at != found.end())
      at->second.push_back({chunk, {}, 0, to_bytes(rest.first(size))});
    rest = rest.subspan(size);
  }
}

/// The chunk's plaintext; nullopt if it is not there any more.
std::optional<bytes> read(const mirror::root& root, const found_chunk& f) {
  if (f.path.empty()) return f.plaintext;
  const auto file = root.open_path(f.path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  if (!file || f.chunk.length > object::max_chunk_size) return std::nullopt;
  bytes out(static_cast<std::size_t>(f.chunk.length));
  const bool there = mirror::read_exactly(file->get(), f.offset, out) &&
                     object::hash_chunk(out) == f.chunk.plaintext_hash;
  return there ? std::optional(std::move(out)) : std::nullopt;
}

expected<object::sealed_object> make_one(const mirror_state& s, const object_id& id,
                                         const std::vector<found_chunk>& found) {
  std::vector<object::clear_chunk> chunks;
  for (const auto& each : found)
    if (auto plaintext = read(s.root, each)) chunks.push_back({each.chunk, std::move(*plaintext)});
  return object::seal_again(id, std::move(chunks));
}

}  // namespace

std::vector<object_id> make_again(mirror_state& s, caf::scoped_actor& self,
                                  const std::vector<object_id>& objects) {
  found_chunks found;
  for (const auto& id : objects)
    if (!s.not_made_again.contains(id)) found[id];
  if (found.empty()) return {};
  object::local_source source(*s.options.objects.objects);
  object::opener opener(source);
  s.base.walk(mirror::root_row, [&](const mirror::base_row& row) {
    const auto agreed = agreed_content_of(s, self, opener, row);
    const auto at = agreed ? s.base.path_of(row.id) : std::nullopt;
    if (at) note_file(found, *at, *agreed);
  });
  std::vector<object_id> out;
  std::vector<object::sealed_object> batch;
  const auto store = [&] {
    const auto stored = s.options.objects.objects->put(batch, object::origin::fetched);
    if (!stored) spdlog::warn("mirror {}: {}", s.root.folder(), stored.error().message);
    for (const auto& each : batch)
      if (stored) out.push_back(each.id());
    batch.clear();
  };
  for (const auto& [id, chunks] : found) {
    if (auto made = make_one(s, id, chunks)) {
      batch.push_back(std::move(*made));
      if (batch.size() == objects_of_a_sync) store();
    } else if (s.not_made_again.insert(id).second) {
      spdlog::info("mirror {}: the object {} cannot be made again: {}", s.root.folder(),
                   to_text(id), made.error().message);
    }
  }
  store();
  if (!out.empty())
    spdlog::info("mirror {}: {} objects were made again of what stands there", s.root.folder(),
                 out.size());
  return out;
}

}  // namespace keyfold::actors
