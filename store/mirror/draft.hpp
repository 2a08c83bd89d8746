// A large file's next version on its way into the mirror: chunks are written where they belong, in whatever order they
// come, and the whole takes its place by one rename. So such content is written once, needs no room among the objects,
// and what has come of it need not come again after a restart.
//
//   `.keyfold/draft-VERSION`  as long as the version (text form of its id), with holes where chunks lack
#pragma once

#include <set>
#include <unordered_map>

#include "store/mirror/disk.hpp"
#include "store/object/reader.hpp"

namespace keyfold::mirror {

class draft {
 public:
  /// Opens the version's draft, or makes it. What it holds of the chunks (those of the whole file, checked against its
  /// content) is looked for and stays. `errc::disk_full` when there is no room for the rest; failures as of
  /// root::open_path.
  [[nodiscard]] static expected<draft> open(const root& r, const version_id& version,
                                            std::span<const workspace::chunk_ref> chunks);

  /// Writes what lacks and is there.
  [[nodiscard]] expected<void> take(const object::clear_chunks& from);
  /// Writes what lacks and lies in the object. Errors of object::clear_cells::open where it does not hold its chunks.
  [[nodiscard]] expected<void> take(const object::sealed_object& object);
  /// The same of bytes that came as that object. Each chunk is checked by its seal and its hash, which say as much as the
  /// object's id, so that this is asked only where they do not fit: `errc::object_mismatch` when it is another's.
  [[nodiscard]] expected<void> take(const object_id& object, bytes_view data);

  [[nodiscard]] bool is_complete() const { return lacking_.empty(); }
  [[nodiscard]] bool lacks(const object_id& id) const { return lacking_.contains(id); }
  /// The objects of lacking chunks in the order of the file, each once; without chunks that `elsewhere` has.
  [[nodiscard]] std::vector<object_id> objects_lacking(
      const object::clear_chunks* elsewhere = nullptr) const;
  /// Moves the complete file to a name that nothing has.
  [[nodiscard]] expected<void> move_to(const place& to) const;
  [[nodiscard]] expected<void> remove() const;

 private:
  struct piece {
    workspace::chunk_ref chunk;
    std::uint64_t offset;  ///< in the file
  };
  draft(place at, file_descriptor file) : at_(std::move(at)), file_(std::move(file)) {}
  [[nodiscard]] expected<void> find_what_is_here(std::span<const workspace::chunk_ref> chunks);
  [[nodiscard]] bool holds(const piece& p) const;
  [[nodiscard]] expected<void> write(const piece& p, bytes_view plaintext) const;

  place at_;
  file_descriptor file_;
  std::unordered_map<object_id, std::vector<piece>>
      lacking_;  ///< by object, in the order of the file
};

/// Removes all drafts but those of these versions.
[[nodiscard]] expected<void> remove_drafts(const root& r, const std::set<version_id>& but = {});

}  // namespace keyfold::mirror
