// How long to wait before connecting again: doubled with each failure, with jitter, so that a
// thousand devices do not come back to a restarted relay in step.
#pragma once

#include "crypto/random.hpp"
#include "net/session.hpp"

namespace keyfold::net {

class backoff {
 public:
  backoff(instant first, instant last) : first_(first), last_(last), current_(first) {}

  /// The next delay: between three and five quarters of first, 2 first, 4 first, … last.
  [[nodiscard]] instant next(random_source& random) {
    const auto base = current_.count();
    current_ = std::min(current_ * 2, last_);
    const auto spread = static_cast<std::uint64_t>(base / 2 + 1);
    return instant{base - base / 4 + static_cast<std::int64_t>(random.below(spread))};
  }
  /// After a link that stood: begin with the first delay again.
  void reset() { current_ = first_; }

 private:
  instant first_;
  instant last_;
  instant current_;
};

}  // namespace keyfold::net
