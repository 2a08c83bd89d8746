#include "actors/folder_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>

namespace keyfold::actors {
namespace {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

folder_watch::folder_watch(const mirror::root& r, std::function<void()> changed)
    : root_(r),
      changed_(std::move(changed)),
      stop_(eventfd(0, EFD_CLOEXEC)),
      thread_([this] { run(); }) {}

folder_watch::~folder_watch() {
  const std::uint64_t one = 1;
  (void)!write(stop_.get(), &one, sizeof one);
  thread_.join();
}

mirror::dirty_folders folder_watch::take() {
  const std::lock_guard guard(mutex_);
  return std::exchange(dirty_, {});
}

std::optional<error> folder_watch::trouble() {
  const std::lock_guard guard(mutex_);
  return trouble_;
}

void folder_watch::hand_over(const mirror::dirty_folders& dirty) {
  {
    const std::lock_guard guard(mutex_);
    dirty_.folders.insert(dirty.folders.begin(), dirty.folders.end());
    dirty_.all = dirty_.all || dirty.all;
  }
  changed_();
}

void folder_watch::watch(mirror::watcher& watcher) {
  mirror::debounce gathered;
  for (;;) {
    std::array<pollfd, 2> fds{pollfd{watcher.fd(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
    const auto due = gathered.due();
    const int wait = due ? static_cast<int>(std::max<std::int64_t>(0, *due - now_ms())) : -1;
    poll(fds.data(), fds.size(), wait);
    if (fds[1].revents != 0) return;
    if (fds[0].revents != 0) {
      const auto dirty = watcher.read();
      if (!dirty) {
        const std::lock_guard guard(mutex_);
        trouble_ = dirty.error();
        return;
      }
      gathered.add(*dirty, now_ms());
    }
    if (auto ready = gathered.take(now_ms())) hand_over(*ready);
  }
}

void folder_watch::run() {
  auto watcher = mirror::watcher::open(root_);
  if (!watcher) {
    const std::lock_guard guard(mutex_);
    trouble_ = watcher.error();
  }
  // Once watched, everything is looked at: nothing that came before the watch is missed.
  hand_over({{}, true});
  if (watcher) watch(*watcher);
}

}  // namespace keyfold::actors
