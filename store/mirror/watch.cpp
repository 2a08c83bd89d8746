#include "store/mirror/watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>

#include "store/mirror/scan.hpp"

namespace keyfold::mirror {

namespace {

constexpr std::uint32_t watched_events = IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB |
                                         IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO |
                                         IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr int most_reads = 64;  ///< of 64 KiB each, so that a busy disk cannot hold read() for ever

/// Names the setting, and a value twice that of now.
error too_few(const std::string& what, const std::string& setting, std::uint64_t least) {
  std::uint64_t now = 0;
  std::ifstream("/proc/sys/fs/inotify/" + setting) >> now;
  return {
      errc::watch_limit,
      "the system allows too few inotify " + what +
          ", so changes in this mirror are found late, by scans; allow more: sysctl fs.inotify." +
          setting + "=" + std::to_string(std::max(2 * now, least))};
}
constexpr std::uint64_t least_watches = 524'288, least_instances = 512;

void add_folder(dirty_folders& dirty, const local_path& folder) {
  if (dirty.all) return;
  dirty.folders.insert(folder);
  if (dirty.folders.size() > most_dirty_folders) dirty = {{}, true};
}

bool cannot_be_watched(const error& e) {
  return e.code == errc::not_found || e.code == errc::unsafe_path || e.code == errc::unreadable;
}

}  // namespace

// --- debounce
// ------------------------------------------------------------------------------------------

void debounce::add(const dirty_folders& seen, std::int64_t now_ms) {
  if (seen.empty()) return;
  if (waiting_.empty()) first_ms_ = now_ms;
  last_ms_ = now_ms;
  if (seen.all) waiting_ = {{}, true};
  for (const auto& folder : seen.folders) add_folder(waiting_, folder);
}

std::optional<std::int64_t> debounce::due() const {
  if (waiting_.empty()) return std::nullopt;
  return std::min(last_ms_ + quiet_ms_, first_ms_ + longest_ms_);
}

std::optional<dirty_folders> debounce::take(std::int64_t now_ms) {
  const auto when = due();
  if (!when || now_ms < *when) return std::nullopt;
  return std::exchange(waiting_, {});
}

std::int64_t rescan_after(std::int64_t last_scan_ms) {
  constexpr std::int64_t part = 20, least = 30'000, most = 600'000;
  return std::clamp(last_scan_ms, least / part, most / part) * part;
}

// --- watcher
// -------------------------------------------------------------------------------------------

expected<watcher> watcher::open(const root& r) {
  file_descriptor fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (fd.get() < 0 && errno == EMFILE)
    return tl::unexpected(too_few("instances", "max_user_instances", least_instances));
  if (fd.get() < 0) return fail_errno(errno, "cannot watch", r.folder());
  watcher out(r, std::move(fd));
  KEYFOLD_CHECK(out.watch_below("", nullptr));
  return out;
}

/// Watches `folder` and all below it; each is watched first and listed then, so that whatever is
/// made in between is either listed or told by an event.
expected<void> watcher::watch_below(const local_path& folder, dirty_folders* dirty) {
  std::vector<local_path> open{folder};
  while (!open.empty()) {
    const auto path = std::move(open.back());
    open.pop_back();
    if (left_out_.contains(path)) continue;
    const auto opened = root_->open_folder(path);
    if (!opened && cannot_be_watched(opened.error()) && !path.empty()) continue;
    if (!opened) return fail(opened);
    // By the descriptor: a path could lead through a symlink by now.
    const auto link = "/proc/self/fd/" + std::to_string(opened->get());
    const int watch = ::inotify_add_watch(fd_.get(), link.c_str(), watched_events);
    if (watch < 0 && errno == ENOSPC) {
      shortage_ = too_few("watches", "max_user_watches", least_watches);
      if (dirty != nullptr) *dirty = {{}, true};
      return {};
    }
    if (watch < 0) return fail_errno(errno, "cannot watch", path);
    if (const auto old = paths_.find(watch); old != paths_.end()) watches_.erase(old->second);
    paths_[watch] = path;
    watches_[path] = watch;
    if (dirty != nullptr) add_folder(*dirty, path);
    const auto seen = list_folder(*root_, path);
    if (!seen && cannot_be_watched(seen.error())) continue;
    if (!seen) return fail(seen);
    for (const auto& entry : seen->entries)
      if (entry.facts.kind == node_kind::folder) open.push_back(join(path, entry.local));
  }
  return {};
}

expected<void> watcher::watch_all() {
  shortage_.reset();
  watches_.clear();
  const auto before = std::exchange(paths_, {});
  KEYFOLD_CHECK(watch_below("", nullptr));
  // Of folders that have gone, or left the mirror, without a word.
  for (const auto& [watch, path] : before)
    if (!paths_.contains(watch)) ::inotify_rm_watch(fd_.get(), watch);
  return {};
}

expected<dirty_folders> watcher::leave_out(std::set<local_path> folders) {
  const auto before = std::exchange(left_out_, std::move(folders));
  for (const auto& folder : left_out_)
    if (!before.contains(folder)) forget_below(folder);
  dirty_folders dirty;
  for (const auto& folder : before) {
    const auto at = parent_of(folder);
    if (left_out_.contains(folder) || !watches_.contains(at)) continue;
    const auto seen = look(*root_, folder);
    if (seen && seen->facts.kind == node_kind::folder) KEYFOLD_CHECK(watch_below(folder, &dirty));
  }
  return dirty;
}

void watcher::forget_below(const local_path& folder) {
  for (auto at = watches_.lower_bound(folder);
       at != watches_.end() && at->first.starts_with(folder);) {
    if (!is_within(at->first, folder)) {
      ++at;
      continue;
    }
    ::inotify_rm_watch(fd_.get(), at->second);
    paths_.erase(at->second);
    at = watches_.erase(at);
  }
}

expected<dirty_folders> watcher::read() {
  dirty_folders dirty;
  alignas(inotify_event) std::array<char, std::size_t{64} * 1024> buffer{};
  for (int reads = 0; reads < most_reads; ++reads) {
    const auto size = ::read(fd_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return dirty;
    if (size < 0) return fail_errno(errno, "cannot watch", root_->folder());
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      const std::string_view name = event->len > 0 ? static_cast<const char*>(event->name) : "";
      KEYFOLD_CHECK(take_event(event->wd, event->mask, name, dirty));
      at += sizeof(inotify_event) + event->len;
    }
  }
  return dirty;
}

expected<void> watcher::take_event(int watch, std::uint32_t mask, std::string_view name,
                                   dirty_folders& dirty) {
  if ((mask & IN_Q_OVERFLOW) != 0) {
    dirty = {{}, true};
    return watch_all();  // folders may have come and gone that nobody told of
  }
  const auto known = paths_.find(watch);
  if (known == paths_.end()) return {};  // of a folder that has gone, or moved and is watched anew
  const auto folder = known->second;
  if ((mask & IN_IGNORED) != 0) {
    watches_.erase(folder);
    paths_.erase(known);
    return {};
  }
  if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
    if (folder.empty())
      return fail(errc::root_gone,
                  "the mirror's folder " + root_->folder() + " was moved or deleted");
    return {};  // its own folder is told too
  }
  // The marker going is told, so that root::check is asked; so it is when the root is removed,
  // which while we hold it open is not told otherwise.
  if (is_own_name(name) && join(folder, name) != own_prefix) return {};
  add_folder(dirty, folder);
  if ((mask & IN_ISDIR) == 0 || name.empty() || is_own_name(name)) return {};
  const auto path = join(folder, name);
  if ((mask & (IN_MOVED_FROM | IN_DELETE)) != 0) forget_below(path);
  if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0) return watch_below(path, &dirty);
  return {};
}

}  // namespace keyfold::mirror
