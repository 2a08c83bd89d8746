#include "net/discovery.hpp"

#include <bit>
#include <system_error>

namespace keyfold::net {
namespace {

instant steady_now() {
  return std::chrono::duration_cast<instant>(std::chrono::steady_clock::now().time_since_epoch());
}

std::uint64_t clock_ms() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<instant>(since).count());
}

/// A number of datagrams that tells little about the number of groups.
std::size_t padded_count(std::size_t groups) {
  return std::bit_ceil(groups);
}

}  // namespace

expected<std::unique_ptr<discovery>> discovery::start(discovery_options options, on_neighbour heard,
                                                      random_source& random) {
  try {
    std::unique_ptr<discovery> out(new discovery(std::move(options), std::move(heard), random));
    KEYFOLD_CHECK(out->sockets_.look());
    out->thread_ = std::thread([self = out.get()] { self->run(); });
    return out;
  } catch (const std::system_error& e) {
    return fail(errc::cannot_listen, e.what());
  }
}

discovery::discovery(discovery_options options, on_neighbour heard, random_source& random)
    : options_(std::move(options)),
      heard_(std::move(heard)),
      random_(random),
      sockets_(options_.interfaces),
      schedule_(steady_now(), random) {}

discovery::~discovery() {
  stopping_ = true;
  waker_.wake();
  if (thread_.joinable()) thread_.join();
}

void discovery::set_groups(std::vector<symmetric_key> mine, std::vector<symmetric_key> accepted) {
  const std::lock_guard lock(mutex_);
  given_ = groups{std::move(mine), std::move(accepted)};
  waker_.wake();
}

discovery::statistics discovery::stats() const {
  return {sent_, looked_at_, opened_, clock_differs_};
}

void discovery::run() {
  while (!stopping_) {
    wait(steady_now());
    const auto now = steady_now();
    waker_.clear();
    take_groups(now);
    listen(now);
    take_changes(now);
    if (!groups_.mine.empty() && schedule_.take(now)) say();
  }
}

/// Until somebody wakes us, a datagram or a change has come, or a burst is due.
void discovery::wait(instant now) {
  std::vector<pollfd> what{{waker_.fd(), POLLIN, 0}, {sockets_.changes(), POLLIN, 0}};
  auto until = instant::max();
  if (!groups_.mine.empty()) until = schedule_.next();
  if (budget_.open(now))
    sockets_.poll_for_datagrams(what);
  else
    until = std::min(until, budget_.until());
  const auto left = std::clamp<std::int64_t>((until - now).count(), 0, 3'600'000);
  ::poll(what.data(), what.size(), static_cast<int>(left));
}

void discovery::take_groups(instant now) {
  const std::lock_guard lock(mutex_);
  if (!given_) return;
  if (*given_ != groups_) {
    groups_ = std::move(*given_);
    schedule_.changed(now);
  }
  given_.reset();
}

void discovery::take_changes(instant now) {
  if (!sockets_.take_changes()) return;
  const auto changed = sockets_.look();
  if (changed && *changed) schedule_.changed(now);
}

void discovery::listen(instant now) {
  while (budget_.open(now)) {
    const auto datagram = sockets_.receive(beacon_size);
    if (!datagram) return;
    budget_.take(now);
    take(*datagram, now);
    ++looked_at_;
  }
}

void discovery::take(const arrived_datagram& datagram, instant now) {
  const auto found = open_beacon(datagram.data, groups_.accepted, clock_ms());
  if (!found) {
    if (found.error().code == errc::clock_differs) ++clock_differs_;
    return;
  }
  if (found->device == options_.device || datagram.host.empty()) return;
  ++opened_;
  const auto endpoint = "tcp://" + datagram.host + ":" + std::to_string(found->port);
  if (schedule_.heard(now, found->device, endpoint)) heard_(found->device, endpoint);
}

void discovery::say() {
  (void)sockets_.look();  // where it cannot listen it may still be heard
  sent_ += sockets_.send([this] {
    std::vector<bytes> out;
    const beacon self{options_.device, options_.port, clock_ms()};
    for (const auto& group : groups_.mine) out.push_back(seal_beacon(group, self, random_));
    while (out.size() < padded_count(groups_.mine.size()))
      random_.fill(out.emplace_back(beacon_size));
    return out;
  });
}

}  // namespace keyfold::net
