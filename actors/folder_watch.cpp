#include "actors/folder_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>

namespace keyfold::actors {
namespace {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void tell(int event) {
  const std::uint64_t one = 1;
  (void)!write(event, &one, sizeof one);
}
void hear(int event) {
  std::uint64_t count = 0;
  (void)!read(event, &count, sizeof count);
}

std::optional<std::int64_t> earlier(std::optional<std::int64_t> a, std::optional<std::int64_t> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

folder_watch::folder_watch(const mirror::root& r, std::function<void()> changed)
    : root_(r),
      changed_(std::move(changed)),
      stop_(eventfd(0, EFD_CLOEXEC)),
      news_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {}

folder_watch::~folder_watch() {
  tell(stop_.get());
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

void folder_watch::scanned(std::set<mirror::local_path> left_out,
                           std::optional<std::chrono::milliseconds> whole) {
  const std::lock_guard guard(mutex_);
  if (whole) last_scan_ms_ = whole->count();
  if (left_out == left_out_) return;
  left_out_ = std::move(left_out);
  tell(news_.get());
}

void folder_watch::set_trouble(const std::optional<error>& trouble) {
  const std::lock_guard guard(mutex_);
  trouble_ = trouble;
}

std::int64_t folder_watch::next_rescan() {
  const std::lock_guard guard(mutex_);
  return now_ms() + mirror::rescan_after(last_scan_ms_);
}

std::set<mirror::local_path> folder_watch::left_out() {
  const std::lock_guard guard(mutex_);
  return left_out_;
}

void folder_watch::hand_over(const mirror::dirty_folders& dirty) {
  {
    const std::lock_guard guard(mutex_);
    dirty_.folders.insert(dirty.folders.begin(), dirty.folders.end());
    dirty_.all = dirty_.all || dirty.all;
  }
  changed_();
}

/// `events`: a descriptor, or -1 for none.
folder_watch::wake folder_watch::wait_for(int events, std::optional<std::int64_t> until_ms) {
  std::array<pollfd, 3> fds{pollfd{stop_.get(), POLLIN, 0}, pollfd{news_.get(), POLLIN, 0},
                            pollfd{events, POLLIN, 0}};
  const int wait =
      until_ms ? static_cast<int>(std::max<std::int64_t>(0, *until_ms - now_ms())) : -1;
  poll(fds.data(), fds.size(), wait);
  if (fds[0].revents != 0) return wake::stop;
  if (fds[1].revents != 0) {
    hear(news_.get());
    return wake::news;
  }
  return fds[2].revents != 0 ? wake::events : wake::time;
}

bool folder_watch::watch(mirror::watcher& watcher) {
  mirror::debounce gathered;
  std::optional<std::int64_t> rescan;  // while not all is watched
  for (;;) {
    if (!watcher.shortage())
      rescan.reset();
    else if (!rescan)
      rescan = next_rescan();
    const auto woken = wait_for(watcher.fd(), earlier(gathered.due(), rescan));
    if (woken == wake::stop) return true;
    expected<mirror::dirty_folders> dirty;
    if (woken == wake::events) dirty = watcher.read();
    if (woken == wake::news) dirty = watcher.leave_out(left_out());
    // What was watched for nothing may be enough for the rest.
    if (woken == wake::news && rescan) rescan = now_ms();
    if (rescan && now_ms() >= *rescan) {
      rescan.reset();
      if (const auto again = watcher.watch_all(); !again) dirty = tl::unexpected(again.error());
      if (dirty) dirty->all = true;
    }
    set_trouble(dirty ? watcher.shortage() : std::optional(dirty.error()));
    if (!dirty) return false;
    gathered.add(*dirty, now_ms());
    if (auto ready = gathered.take(now_ms())) hand_over(*ready);
  }
}

void folder_watch::run() {
  for (;;) {
    auto watcher = mirror::watcher::open(root_);
    set_trouble(watcher ? watcher->shortage() : std::optional(watcher.error()));
    // Once watched, everything is looked at: nothing that came before the watch is missed.
    hand_over({{}, true});
    if (watcher && watch(*watcher)) return;
    if (trouble()->code != errc::watch_limit) return;
    for (const auto until = next_rescan(); now_ms() < until;)
      if (wait_for(-1, until) == wake::stop) return;
  }
}

}  // namespace keyfold::actors
