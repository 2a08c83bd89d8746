#include "store/mirror/former.hpp"

#include <fcntl.h>

#include "store/mirror/disk.hpp"

namespace keyfold::mirror {

expected<former_file> former_file::open(const root& r, const local_path& path,
                                        std::span<const workspace::chunk_ref> chunks) {
  KEYFOLD_TRY(auto file, r.open_path(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  former_file out(std::move(file));
  std::uint64_t offset = 0;
  for (const auto& chunk : chunks) {
    out.offsets_.emplace(chunk.plaintext_hash, offset);
    offset += chunk.length;
  }
  return out;
}

bool former_file::has(const workspace::chunk_ref& chunk) const {
  return !differs() && offsets_.contains(chunk.plaintext_hash);
}

std::optional<bytes_view> former_file::open(const workspace::chunk_ref& chunk) {
  return read(chunk, chunk_) ? std::optional<bytes_view>(chunk_) : std::nullopt;
}

bool former_file::read(const workspace::chunk_ref& chunk, bytes& room) const {
  if (differs() || chunk.length > object::max_chunk_size) return false;
  const auto at = offsets_.find(chunk.plaintext_hash);
  if (at == offsets_.end()) return false;
  room.resize(static_cast<std::size_t>(chunk.length));
  const bool same = read_exactly(file_.get(), at->second, room) &&
                    object::hash_chunk(room) == chunk.plaintext_hash;
  if (!same) *differs_ = true;
  return same;
}

}  // namespace keyfold::mirror
