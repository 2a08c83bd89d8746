// What client_session and server_session share: time, keepalive, and the effects that both have.
#pragma once

#include <algorithm>
#include <chrono>

#include "net/message.hpp"

namespace keyfold::net {

/// A point of the monotonic clock, handed in by the caller: milliseconds since any fixed moment.
using instant = std::chrono::milliseconds;

namespace effect {
/// Give it to the transport.
struct send {
  message m;
};
/// The session has ended: drop the link (transport::drop).
struct closed {
  error why;
};
}  // namespace effect

/// When to ping a silent peer, and when to give it up.
class keepalive {
 public:
  keepalive(instant now, instant ping_after, instant gone_after)
      : ping_after_(ping_after), gone_after_(gone_after), heard_(now), pinged_(now) {}

  void heard(instant now) { heard_ = pinged_ = now; }
  [[nodiscard]] bool gone(instant now) const { return now - heard_ >= gone_after_; }
  /// True when a ping is due; the caller sends it.
  [[nodiscard]] bool take_ping(instant now) {
    if (now - pinged_ < ping_after_) return false;
    pinged_ = now;
    return true;
  }
  /// When to ask again.
  [[nodiscard]] instant next() const {
    return std::min(pinged_ + ping_after_, heard_ + gone_after_);
  }

 private:
  instant ping_after_;
  instant gone_after_;
  instant heard_;
  instant pinged_;
};

}  // namespace keyfold::net
