#include "store/mirror/remake.hpp"

#include <fcntl.h>

#include <set>

#include "store/mirror/disk.hpp"
#include "store/object/list.hpp"

namespace keyfold::mirror {
namespace {

/// Gathers the chunks of one object, each place in it once.
class gathering {
 public:
  gathering(const root& r, const object_id& object) : root_(r), object_(object) {}

  /// Takes what the file at `path` has of the object.
  void add(const local_path& path, const version_chunks& file) {
    std::uint64_t offset = 0;
    file_descriptor opened;
    bool tried = false;
    for (const auto& chunk : file.chunks) {
      if (lacks(chunk)) {
        if (!std::exchange(tried, true))
          if (auto found = root_.open_path(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW))
            opened = std::move(*found);
        if (opened.get() < 0) break;
        read(opened, chunk, offset);
      }
      offset += chunk.length;
    }
    if (file.content.level > 0) add_list(file);
  }
  [[nodiscard]] std::vector<object::clear_chunk> take() && { return std::move(chunks_); }

 private:
  [[nodiscard]] bool lacks(const workspace::chunk_ref& chunk) const {
    return chunk.object == object_ && !places_.contains(chunk.offset);
  }
  void keep(const workspace::chunk_ref& chunk, bytes plaintext) {
    places_.insert(chunk.offset);
    size_ += plaintext.size();
    chunks_.push_back({chunk, std::move(plaintext)});
  }
  void read(const file_descriptor& file, const workspace::chunk_ref& chunk, std::uint64_t offset) {
    if (chunk.length > object::max_chunk_size - size_) return;  // more than an object holds
    bytes plaintext(static_cast<std::size_t>(chunk.length));
    if (read_exactly(file.get(), offset, plaintext) &&
        object::hash_chunk(plaintext) == chunk.plaintext_hash)
      keep(chunk, std::move(plaintext));
  }
  /// The list of a file's chunks is in chunks itself, and follows from them.
  void add_list(const version_chunks& file) {
    const auto& parts = file.content.chunks;
    if (std::none_of(parts.begin(), parts.end(), [&](const auto& c) { return lacks(c); })) return;
    const auto list = object::encode_list(file.chunks);
    bytes_view rest(list);
    for (const auto& part : parts) {
      const auto plaintext = rest.first(std::min<std::size_t>(part.length, rest.size()));
      if (lacks(part) && plaintext.size() <= object::max_chunk_size - size_)
        keep(part, to_bytes(plaintext));
      rest = rest.subspan(plaintext.size());
    }
  }

  const root& root_;
  const object_id& object_;
  std::set<std::uint64_t> places_;
  std::vector<object::clear_chunk> chunks_;
  std::size_t size_ = 0;  ///< of their plaintexts, at most max_chunk_size
};

}  // namespace

bool may_remake(const base& b, const object_id& object) {
  return !b.holders(object, 1).empty();
}

expected<object::sealed_object> remake(const root& r, const base& b,
                                       const chunks_of_version& chunks, const object_id& object) {
  gathering found(r, object);
  for (const auto& row : b.holders(object)) {
    const auto file = chunks(row.version);
    const auto path = file ? b.path_of(row.id) : std::nullopt;
    if (path) found.add(*path, *file);
  }
  auto made = object::seal_again(object, std::move(found).take());
  // Another object is made where the last chunk lacks: nobody need tell that from the rest.
  if (!made) return fail(errc::not_found, made.error().message);
  return made;
}

}  // namespace keyfold::mirror
