// A thread that watches a mirror's folder and tells when it has been quiet for a moment.
#pragma once

#include <functional>
#include <mutex>
#include <thread>

#include "store/mirror/watch.hpp"

namespace keyfold::actors {

class folder_watch {
 public:
  /// `r` must outlive it. `changed` is called from the watching thread when take() has something to give.
  folder_watch(const mirror::root& r, std::function<void()> changed);
  ~folder_watch();
  folder_watch(const folder_watch&) = delete;
  folder_watch& operator=(const folder_watch&) = delete;

  /// The folders that changed since the last call.
  [[nodiscard]] mirror::dirty_folders take();
  /// Why the folder cannot be watched (any more); then only scans find changes.
  [[nodiscard]] std::optional<error> trouble();

 private:
  void run();
  void watch(mirror::watcher& watcher);
  void hand_over(const mirror::dirty_folders& dirty);

  const mirror::root& root_;
  std::function<void()> changed_;
  mirror::file_descriptor stop_;
  std::mutex mutex_;
  mirror::dirty_folders dirty_;
  std::optional<error> trouble_;
  std::thread thread_;
};

}  // namespace keyfold::actors
