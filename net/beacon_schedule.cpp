#include "net/beacon_schedule.hpp"

namespace keyfold::net {

beacon_schedule::beacon_schedule(instant now, random_source& random)
    : random_(random), next_(now), earliest_(now) {
  next_ = now + between(instant{0}, start_jitter);
}

void beacon_schedule::changed(instant now) {
  bring_forward(now, now + between(instant{0}, start_jitter));
}

bool beacon_schedule::heard(instant now, const device_id& device, const std::string& endpoint) {
  auto at = neighbours_.find(device);
  const bool fresh = at == neighbours_.end() || now - at->second.heard >= forgotten_after;
  if (at == neighbours_.end()) {
    if (neighbours_.size() >= max_devices) forget(now);
    if (neighbours_.size() >= max_devices) return false;
    at = neighbours_.emplace(device, neighbour{}).first;
  }
  if (fresh) bring_forward(now, now + between(first_answer, last_answer));
  at->second.heard = now;
  auto& endpoints = at->second.endpoints;
  std::erase_if(endpoints, [&](const told& t) { return now - t.at >= told_again_after; });
  const bool repeated = std::any_of(endpoints.begin(), endpoints.end(),
                                    [&](const told& t) { return t.endpoint == endpoint; });
  if (repeated || endpoints.size() >= max_endpoints) return false;
  endpoints.push_back({endpoint, now});
  return true;
}

bool beacon_schedule::take(instant now) {
  if (now < next_) return false;
  earliest_ = now + least_distance;
  next_ = now + between(quiet, quiet + quiet_jitter);
  return true;
}

instant beacon_schedule::between(instant first, instant last) {
  const auto spread = static_cast<std::uint64_t>((last - first).count()) + 1;
  return first + instant{static_cast<std::int64_t>(random_.below(spread))};
}

void beacon_schedule::bring_forward(instant now, instant to) {
  next_ = std::max(now, std::min(next_, std::max(to, earliest_)));
}

void beacon_schedule::forget(instant now) {
  std::erase_if(neighbours_,
                [&](const auto& each) { return now - each.second.heard >= forgotten_after; });
}

}  // namespace keyfold::net
