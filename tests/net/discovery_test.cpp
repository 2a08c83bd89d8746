// Real multicast, on loopback alone. IPv6 is tested where the system routes multicast there (test_multicast.py makes it
// so in a network of its own).
#include "net/discovery.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <condition_variable>

using namespace keyfold;
using namespace keyfold::net;
using namespace std::chrono_literals;

namespace {

/// Whom a discovery heard, to be awaited.
class hearing {
 public:
  on_neighbour listener() {
    return [this](const device_id& device, const std::string& endpoint) {
      const std::lock_guard lock(mutex_);
      heard_.emplace(device, endpoint);
      changed_.notify_all();
    };
  }
  [[nodiscard]] bool hears(const device_id& device, const std::string& endpoint) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return heard_.contains({device, endpoint}); });
  }
  [[nodiscard]] std::set<device_id> devices() {
    const std::lock_guard lock(mutex_);
    std::set<device_id> out;
    for (const auto& [device, endpoint] : heard_) out.insert(device);
    return out;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::pair<device_id, std::string>> heard_;
};

struct installation {
  device_id device = system_random().id<device_id>();
  std::uint16_t port;
  hearing ears;
  std::unique_ptr<discovery> there;

  explicit installation(std::uint16_t listens_at) : port(listens_at) {
    there = discovery::start({{"lo"}, device, port}, ears.listener()).value();
  }
  void join(const symmetric_key& group) { there->set_groups({group}, {group}); }
  bool hears(installation& other, const std::string& host = "127.0.0.1") {
    return ears.hears(other.device, "tcp://" + host + ":" + std::to_string(other.port));
  }
};

/// A socket of somebody who listens in the same network, or sends there.
class bystander {
 public:
  bystander() : sockets_({"lo"}) { REQUIRE(sockets_.look().has_value()); }
  [[nodiscard]] bytes next() {
    for (;;) {
      if (auto datagram = sockets_.receive(2048)) return datagram->data;
      std::vector<pollfd> what;
      sockets_.poll_for_datagrams(what);
      REQUIRE(::poll(what.data(), what.size(), 60'000) > 0);
    }
  }
  void say(const bytes& datagram) {
    REQUIRE(sockets_.send([&] { return std::vector<bytes>{datagram}; }) > 0);
  }

 private:
  multicast sockets_;
};

}  // namespace

TEST_CASE("two devices of a group hear each other, with address and port, and nobody else does") {
  const auto wonderland = system_random().key();
  const auto mordor = system_random().key();
  installation alice(7711), bob(7712), sauron(7713), nazgul(7714), stranger(7715);
  alice.join(wonderland);
  bob.join(wonderland);
  sauron.join(mordor);
  nazgul.join(mordor);
  CHECK(alice.hears(bob));
  CHECK(bob.hears(alice));
  CHECK(sauron.hears(nazgul));
  CHECK(nazgul.hears(sauron));
  CHECK(alice.ears.devices() == std::set{bob.device});
  CHECK(bob.ears.devices() == std::set{alice.device});
  CHECK(sauron.ears.devices() == std::set{nazgul.device});
  CHECK(stranger.ears.devices().empty());
  CHECK(stranger.there->stats().sent == 0);
}

TEST_CASE(
    "who comes later is told of by those who are there, long before their next beacon is due") {
  const auto wonderland = system_random().key();
  installation alice(7711), bob(7712);
  alice.join(wonderland);
  bob.join(wonderland);
  REQUIRE(alice.hears(bob));
  REQUIRE(bob.hears(alice));
  installation carol(7713);
  carol.join(wonderland);
  CHECK(carol.hears(alice));
  CHECK(carol.hears(bob));
  CHECK(alice.hears(carol));
}

TEST_CASE("a device that has not heard of a rotation is heard by those who have") {
  const auto wonderland = system_random().key();
  const auto former = system_random().key();
  installation alice(7711), bob(7712);
  alice.there->set_groups({wonderland}, {wonderland, former});
  bob.join(former);  // has not heard of the rotation
  CHECK(alice.hears(bob));
  CHECK(bob.ears.devices().empty());
}

TEST_CASE(
    "datagrams of other sizes, noise and old beacons are passed over, and the next one is heard") {
  const auto wonderland = system_random().key();
  installation alice(7711);
  alice.join(wonderland);
  bystander mallory;
  auto& random = system_random();
  bytes noise(beacon_size);
  random.fill(noise);
  mallory.say(noise);
  mallory.say({});
  mallory.say(bytes(beacon_size + 1, 7));
  mallory.say(bytes(9000, 7));
  mallory.say(seal_beacon(wonderland, {random.id<device_id>(), 7712, 1'000'000}, random));
  mallory.say(seal_beacon(wonderland, {alice.device, 7712, 1'000'000}, random));
  installation bob(7712);
  bob.join(wonderland);
  CHECK(alice.hears(bob));
  CHECK(alice.ears.devices() == std::set{bob.device});
  CHECK(alice.there->stats().clock_differs >= 2);  // once more with IPv6
}

TEST_CASE("what is sent has the size of a beacon, and the number of groups does not show") {
  const auto group = system_random().key();
  bystander mallory;
  installation alice(7711);
  alice.there->set_groups({group, system_random().key(), system_random().key()}, {group});
  // Others may send here as well: alice's are those that her key opens, and what came with them is looked at alone.
  const auto now = [] {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
  };
  bytes found;
  while (found.empty()) {
    auto datagram = mallory.next();
    if (open_beacon(datagram, std::vector{group}, now())) found = std::move(datagram);
  }
  CHECK(found.size() == beacon_size);
  while (alice.there->stats().sent == 0) std::this_thread::yield();  // counted when all are sent
  CHECK(alice.there->stats().sent % 4 == 0);
}

TEST_CASE("loopback is among the interfaces only when it is named, or nothing else is there") {
  const auto named = multicast_interfaces({"lo"});
  REQUIRE_FALSE(named.empty());
  for (const auto& each : named) CHECK(each.name == "lo");
  const auto all = multicast_interfaces({});
  const auto loopback = [](const auto& each) { return each.name == "lo"; };
  CHECK((std::none_of(all.begin(), all.end(), loopback) ||
         std::all_of(all.begin(), all.end(), loopback)));
  CHECK(multicast_interfaces({"no-such"}).empty());
}

TEST_CASE("where no interface is there it waits for one") {
  const auto there = discovery::start({{"no-such"}, system_random().id<device_id>(), 7711},
                                      [](const device_id&, const std::string&) {});
  CHECK(there.has_value());
}

TEST_CASE("devices hear each other by IPv6", "[ipv6]") {
  const int probe = ::socket(AF_INET6, SOCK_DGRAM, 0);
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  ::inet_pton(AF_INET6, multicast_ipv6, &to.sin6_addr);
  to.sin6_port = htons(9);
  for (const auto& each : multicast_interfaces({"lo"})) to.sin6_scope_id = each.index;
  const bool routed =
      probe >= 0 && ::sendto(probe, "", 0, 0, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  if (probe >= 0) ::close(probe);
  if (!routed) {
    WARN("this system routes no IPv6 multicast on loopback: IPv4 alone was tested");
    return;
  }
  const auto wonderland = system_random().key();
  installation alice(7711), bob(7712);
  alice.join(wonderland);
  bob.join(wonderland);
  CHECK(alice.hears(bob, "[::1]"));
  CHECK(bob.hears(alice, "[::1]"));
  CHECK(alice.hears(bob));
}
