#include "store/relay/limiter.hpp"

#include <algorithm>

namespace keyfold::relay {

double limiter::filled(const bucket& b, timestamp now) const {
  const auto passed = static_cast<double>(std::max(now - b.since, timestamp{0}).count());
  return std::min(tuning_.burst, b.left + passed / static_cast<double>(tuning_.refill.count()));
}

limiter::bucket& limiter::at(const std::string& name, timestamp now) {
  if (!buckets_.contains(name) && buckets_.size() >= tuning_.max_names) forget_some(now);
  auto& found = buckets_.try_emplace(name, bucket{tuning_.burst, now}).first->second;
  found = {filled(found, now), now};
  return found;
}

void limiter::forget_some(timestamp now) {
  std::erase_if(buckets_, [&](const auto& b) { return filled(b.second, now) >= tuning_.burst; });
  // Then those that have waited longest: an attacker of many addresses forgets himself first.
  while (buckets_.size() >= tuning_.max_names)
    buckets_.erase(std::min_element(
        buckets_.begin(), buckets_.end(),
        [](const auto& a, const auto& b) { return a.second.since < b.second.since; }));
}

expected<void> limiter::take(const std::string& name, timestamp now, double cost) {
  auto& b = at(name, now);
  if (b.left < cost) return fail(errc::rate_limited, "too many attempts; wait a little");
  b.left -= cost;
  return {};
}

void limiter::punish(const std::string& name, timestamp now, double cost) {
  auto& b = at(name, now);
  b.left = std::max(0.0, b.left - cost);
}

}  // namespace keyfold::relay
