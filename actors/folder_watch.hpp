// A thread that watches a mirror's folder and tells when it has been quiet for a moment.
#pragma once

#include <chrono>
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
  /// Why not all of the folder is watched. With `errc::watch_limit` all is given as changed now and then,
  /// and it ends by itself when the system allows more; any other ends the watch.
  [[nodiscard]] std::optional<error> trouble();
  /// After a scan: which folders need not be watched, as nothing in them travels; and how long it took, if it
  /// was of everything.
  void scanned(std::set<mirror::local_path> left_out,
               std::optional<std::chrono::milliseconds> whole);

 private:
  /// What the watching thread waits for.
  enum class wake { stop, events, news, time };
  [[nodiscard]] wake wait_for(int events, std::optional<std::int64_t> until_ms);

  void run();
  /// Until it shall stop (true), or cannot go on.
  [[nodiscard]] bool watch(mirror::watcher& watcher);
  void set_trouble(const std::optional<error>& trouble);
  [[nodiscard]] std::int64_t next_rescan();
  [[nodiscard]] std::set<mirror::local_path> left_out();
  void hand_over(const mirror::dirty_folders& dirty);

  const mirror::root& root_;
  std::function<void()> changed_;
  mirror::file_descriptor stop_, news_;  ///< news: something was left out, or is not any more
  std::mutex mutex_;
  std::set<mirror::local_path> left_out_;
  std::int64_t last_scan_ms_ = 0;
  mirror::dirty_folders dirty_;
  std::optional<error> trouble_;
  std::thread thread_;
};

}  // namespace keyfold::actors
