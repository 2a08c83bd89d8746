// The mirror actor: keeps a folder on disk and a workspace the same.
#pragma once

#include <mutex>

#include "actors/interfaces.hpp"
#include "actors/objects.hpp"

namespace keyfold::actors {

/// What status says of a mirror; written by the mirror, read by its workspace. Thread-safe.
class mirror_report {
 public:
  explicit mirror_report(std::string folder, std::optional<error> trouble = {})
      : folder_(std::move(folder)), trouble_(std::move(trouble)) {}

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::optional<error> trouble() const {
    const std::lock_guard guard(mutex_);
    return trouble_;
  }
  [[nodiscard]] std::vector<file_status> files() const {
    const std::lock_guard guard(mutex_);
    return files_;
  }
  void set(std::optional<error> trouble, std::vector<file_status> files) {
    const std::lock_guard guard(mutex_);
    trouble_ = std::move(trouble);
    files_ = std::move(files);
  }

 private:
  const std::string folder_;
  mutable std::mutex mutex_;
  std::optional<error> trouble_;
  std::vector<file_status> files_;
};

struct mirror_options {
  workspace_id workspace;
  std::string folder;  ///< absolute
  object_services objects;
  bool first_time = false;  ///< make the folder and its marker
};
struct started_mirror {
  mirror_actor actor;
  std::shared_ptr<mirror_report> report;
  std::shared_ptr<const object_maker> maker;
};

/// It runs on a thread of its own, with a second one that watches the folder. What root::create, root::open or
/// root::lock refuses: `errc::busy` as long as an earlier actor of this folder has not ended.
[[nodiscard]] expected<started_mirror> spawn_mirror(caf::actor_system& system,
                                                    mirror_options options,
                                                    const workspace_actor& workspace);

/// Takes the marker away and forgets what was agreed; the folder's content stays.
[[nodiscard]] expected<void> forget_mirror(db::store& store, const workspace_id& workspace,
                                           const std::string& folder);

}  // namespace keyfold::actors
