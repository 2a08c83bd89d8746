// When a device says that it is there, and which of the beacons that it hears are worth telling.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "crypto/random.hpp"
#include "net/session.hpp"

namespace keyfold::net {

/// A burst (one beacon for each group, on each interface) goes out at once at the start and after a change, soon after a
/// member was heard that was not heard in the last minute, and else every 30 to 40 s; never two within 2 s. Pure; not
/// thread-safe.
class beacon_schedule {
 public:
  // Specification (PROTOCOL.md, Discovery)
  static constexpr instant quiet{30'000};  ///< between bursts, plus up to quiet_jitter
  static constexpr instant quiet_jitter{10'000};
  static constexpr instant least_distance{2'000};  ///< between bursts, whatever happens
  static constexpr instant first_answer{200};      ///< after hearing somebody new
  static constexpr instant last_answer{1'000};
  static constexpr instant forgotten_after{60'000};  ///< who was not heard so long is new again
  static constexpr instant told_again_after{5'000};  ///< the same device at the same endpoint
  static constexpr std::size_t max_endpoints = 4;    ///< of one device, within told_again_after
  static constexpr std::size_t max_devices =
      1'024;  ///< heard in the last minute; others are not told

  /// The first burst is due within start_jitter. `random` outlives this.
  beacon_schedule(instant now, random_source& random);

  /// Port, keys or interfaces have changed: what was said is no longer right.
  void changed(instant now);
  /// A beacon of another device was opened. True when its owner should hear of it now.
  [[nodiscard]] bool heard(instant now, const device_id& device, const std::string& endpoint);
  /// True when a burst is due: the caller sends it.
  [[nodiscard]] bool take(instant now);
  /// When take() will be true, if nothing happens.
  [[nodiscard]] instant next() const { return next_; }

 private:
  struct told {
    std::string endpoint;
    instant at;
  };
  struct neighbour {
    instant heard;
    std::vector<told> endpoints;
  };
  static constexpr instant start_jitter{200};
  instant between(instant first, instant last);
  void bring_forward(instant now, instant to);
  void forget(instant now);

  random_source& random_;
  instant next_;
  instant earliest_;  ///< least_distance after the last burst
  std::map<device_id, neighbour> neighbours_;
};

/// How many datagrams are looked at: so many a second, the rest is left to the system, which drops it.
class look_budget {
 public:
  static constexpr unsigned a_second = 200;

  [[nodiscard]] bool open(instant now) const { return used_ < a_second || now >= until_; }
  /// One was looked at.
  void take(instant now) {
    if (now >= until_) {
      until_ = now + instant{1'000};
      used_ = 0;
    }
    ++used_;
  }
  /// When it is open again, if it is not.
  [[nodiscard]] instant until() const { return until_; }

 private:
  instant until_{};
  unsigned used_ = 0;
};

}  // namespace keyfold::net
