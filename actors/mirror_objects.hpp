// Objects that are not in the store, made again of what stands in a mirror (DESIGN 7: the same key and bytes are the
// same object).
#pragma once

#include <mutex>

#include "actors/interfaces.hpp"
#include "actors/objects.hpp"
#include "store/mirror/remake.hpp"

namespace keyfold::actors {

struct mirror_state;

/// What others than the mirror's actor may use of a mirror, while that scans and writes: base as it was last committed,
/// and the files. Thread-safe; lasts longer than the mirror, and then finds nothing.
class object_maker {
 public:
  object_maker(object_services objects, workspace_id workspace, std::string folder)
      : services_(std::move(objects)), workspace_(workspace), folder_(std::move(folder)) {}

  /// make() is worth trying: the index names a file that has something of it. Reads a row or two of the database.
  [[nodiscard]] bool may_make(const object_id& object) const;
  /// Reads files, some milliseconds for an object (the actor `disk` is the place), and does not store it. What was
  /// changed on disk since is found out. `errc::not_found` where a byte lacks, or is not in the index yet.
  [[nodiscard]] expected<made_object> make(const object_id& object) const;

  /// null: the version, or its list of chunks, is not here; or it is not of a file.
  [[nodiscard]] std::shared_ptr<const mirror::version_chunks> chunks_of(
      const version_id& version) const;
  /// nullopt: the version, or its list of chunks, is not here.
  [[nodiscard]] std::optional<std::vector<object_id>> objects_of(const version_id& version) const;

 private:
  [[nodiscard]] expected<workspace::node_content> content_of(const version_id& version) const;

  object_services services_;
  workspace_id workspace_;
  std::string folder_;
  mutable std::mutex mutex_;
  /// The last one whose list is in objects: who asks for one object of a large file asks for all.
  mutable std::pair<version_id, std::shared_ptr<const mirror::version_chunks>> last_;
};

/// Makes and stores those of the objects of which the mirror has all, and gives their ids.
[[nodiscard]] std::vector<object_id> make_again(mirror_state& s,
                                                const std::set<object_id>& objects);

}  // namespace keyfold::actors
