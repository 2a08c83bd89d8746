// Finding the other devices of an organization in the local network: one thread that says that this device is there, and
// tells whom else it hears (beacon.hpp, beacon_schedule.hpp, multicast.hpp). One for each unlocked device.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "net/beacon.hpp"
#include "net/beacon_schedule.hpp"
#include "net/multicast.hpp"
#include "net/wake.hpp"

namespace keyfold::net {

struct discovery_options {
  std::vector<std::string> interfaces;  ///< by name; none: all that are fit (multicast_interfaces)
  device_id device;                     ///< this one; its own beacons are not told
  std::uint16_t port = 0;               ///< where it listens
};

/// Another device says that it listens at `endpoint` ("tcp://HOST:PORT"). Whether it may be talked to, its link key and
/// the ledger tell; a beacon proves nothing but that a member sent it, now or a few minutes ago. Called from discovery's
/// thread; returns at once. An endpoint of a device is told at most once in 5 s; who is linked already, its owner knows.
using on_neighbour = std::function<void(const device_id& device, const std::string& endpoint)>;

class discovery {
 public:
  /// Starts it; nothing is said or understood before set_groups. `errc::cannot_listen`.
  [[nodiscard]] static expected<std::unique_ptr<discovery>> start(
      discovery_options options, on_neighbour heard, random_source& random = system_random());
  /// Joins the thread: no calls come after it.
  ~discovery();
  discovery(const discovery&) = delete;
  discovery& operator=(const discovery&) = delete;

  /// Keys under which to say that this device is there, and those that open others' beacons
  /// (ledger::beacon_keys_of). The same ones again change nothing. From any thread.
  void set_groups(std::vector<symmetric_key> mine, std::vector<symmetric_key> accepted);

  /// Counts since the start.
  struct statistics {
    std::uint64_t sent = 0;           ///< datagrams
    std::uint64_t looked_at = 0;      ///< datagrams, one's own included
    std::uint64_t opened = 0;         ///< beacons of other devices
    std::uint64_t clock_differs = 0;  ///< beacons of members, at another time by their clock
  };
  /// From any thread.
  [[nodiscard]] statistics stats() const;

 private:
  struct groups {
    std::vector<symmetric_key> mine;
    std::vector<symmetric_key> accepted;
    bool operator==(const groups&) const = default;
  };
  discovery(discovery_options options, on_neighbour heard, random_source& random);
  void run();
  void wait(instant now);
  void take_groups(instant now);
  void take_changes(instant now);
  void listen(instant now);
  void take(const arrived_datagram& datagram, instant now);
  void say();

  discovery_options options_;
  on_neighbour heard_;
  random_source& random_;
  multicast sockets_;
  waker waker_;
  beacon_schedule schedule_;
  look_budget budget_;
  groups groups_;  ///< of the thread
  std::mutex mutex_;
  std::optional<groups> given_;  ///< not taken by the thread yet
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> looked_at_{0};
  std::atomic<std::uint64_t> opened_{0};
  std::atomic<std::uint64_t> clock_differs_{0};
  std::thread thread_;
};

}  // namespace keyfold::net
