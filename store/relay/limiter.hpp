// Rate limits by name (an address, a token): a bucket of `burst` that fills by one every `refill`.
// In memory, and bounded: a name that is not remembered has a full bucket.
#pragma once

#include <map>
#include <string>

#include "store/relay/session.hpp"

namespace keyfold::relay {

class limiter {
 public:
  struct tuning {
    double burst = 30;
    timestamp refill{2'000};
    std::size_t max_names = 10'000;
  };
  explicit limiter(const tuning& t) : tuning_(t) {}

  /// Takes `cost` from the bucket, or refuses with `errc::rate_limited` and takes nothing.
  [[nodiscard]] expected<void> take(const std::string& name, timestamp now, double cost = 1);
  /// Takes what is left, at most `cost`: the punishment of a wrong guess.
  void punish(const std::string& name, timestamp now, double cost);
  [[nodiscard]] std::size_t names() const { return buckets_.size(); }

 private:
  struct bucket {
    double left = 0;
    timestamp since{};
  };
  bucket& at(const std::string& name, timestamp now);
  void forget_some(timestamp now);
  [[nodiscard]] double filled(const bucket& b, timestamp now) const;

  tuning tuning_;
  std::map<std::string, bucket> buckets_;
};

}  // namespace keyfold::relay
