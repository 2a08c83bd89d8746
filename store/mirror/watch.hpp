// Tells which folders of a mirror changed, by inotify. It is a hint of where to look, not the
// truth: the scan is. One watcher belongs to one thread; its descriptor is polled by the caller.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "store/mirror/root.hpp"

namespace keyfold::mirror {

/// Folders to scan. `all` after an overflow, or when there are too many to name.
struct dirty_folders {
  std::set<local_path> folders;
  bool all = false;
  [[nodiscard]] bool empty() const { return folders.empty() && !all; }
};
inline constexpr std::size_t most_dirty_folders = 10'000;  ///< more: scan all

/// Gathers dirty folders until it has been quiet for a while, but not longer than a bound (pure).
/// Times are milliseconds of any one monotonic clock.
class debounce {
 public:
  explicit debounce(std::int64_t quiet_ms = 100, std::int64_t longest_ms = 2000)
      : quiet_ms_(quiet_ms), longest_ms_(longest_ms) {}

  void add(const dirty_folders& seen, std::int64_t now_ms);
  /// When to ask take() again; nullopt while nothing waits.
  [[nodiscard]] std::optional<std::int64_t> due() const;
  /// All that was gathered, once it is due; else nullopt.
  [[nodiscard]] std::optional<dirty_folders> take(std::int64_t now_ms);

 private:
  std::int64_t quiet_ms_, longest_ms_;
  std::int64_t first_ms_ = 0, last_ms_ = 0;
  dirty_folders waiting_;
};

/// How long to wait between two scans of the whole mirror while not all of it is watched, so that scanning
/// takes a twentieth of the time at most; from half a minute to ten minutes (milliseconds).
[[nodiscard]] std::int64_t rescan_after(std::int64_t last_scan_ms);

class watcher {
 public:
  /// Watches every folder of the mirror, or as many as the system allows (shortage()).
  /// `errc::watch_limit` when it allows no watcher at all (the message names the setting). `r` must
  /// outlive the watcher. Scan everything once after this.
  [[nodiscard]] static expected<watcher> open(const root& r);
  /// `errc::watch_limit` when the system allows fewer watches than there are folders: then only scans
  /// find what happens in the others. The message names the setting.
  [[nodiscard]] const std::optional<error>& shortage() const { return shortage_; }
  /// Watches every folder anew: after a shortage, to see whether more is allowed by now.
  [[nodiscard]] expected<void> watch_all();
  /// From now on these folders and all in them are not watched, and whatever else was not is again: gives
  /// what is to be scanned therefore.
  [[nodiscard]] expected<dirty_folders> leave_out(std::set<local_path> folders);

  /// Readable when read() has something to tell.
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The events that wait, as folders to scan; never blocks (and leaves some when there are very
  /// many). New folders are watched before they are named as dirty, so nothing in them is missed.
  /// `errc::root_gone` when the root itself went.
  [[nodiscard]] expected<dirty_folders> read();
  [[nodiscard]] std::size_t watched() const { return paths_.size(); }

 private:
  watcher(const root& r, file_descriptor fd) : root_(&r), fd_(std::move(fd)) {}
  expected<void> watch_below(const local_path& folder, dirty_folders* dirty);
  void forget_below(const local_path& folder);
  expected<void> take_event(int watch, std::uint32_t mask, std::string_view name,
                            dirty_folders& dirty);

  const root* root_;
  file_descriptor fd_;
  std::unordered_map<int, local_path> paths_;
  std::map<local_path, int> watches_;
  std::set<local_path> left_out_;
  std::optional<error> shortage_;
};

}  // namespace keyfold::mirror
