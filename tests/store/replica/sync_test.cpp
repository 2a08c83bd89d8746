#include <rapidcheck.h>

#include "tests/store/replica/network.hpp"

using namespace keyfold;
using namespace keyfold::test;

namespace {

const push_tuning small{
    .object_window = 1500, .batch_bytes = 3000, .have_batch = 4, .lookahead = 3};

/// Two devices of alice and one of bob around a relay, and what may happen to them.
struct net : world {
  explicit net(std::uint64_t seed) : world(seed), relay(*this) {
    relay.ledger.known = 40;
    const auto tablet = second_device(alice, 1);
    relay.ledger.devices = ledger.devices;
    for (const auto& p : {alice, tablet, bob}) {
      devices.push_back(std::make_unique<device_node>(*this, p, small));
      devices.back()->ledger.devices = ledger.devices;
    }
  }

  void connect(device_node& d) { d.connect(); }
  void disconnect(device_node& d) { d.disconnect(); }
  bool move(device_node& d, bool upwards) {
    std::vector<line*> wires;
    for (auto& each : devices) wires.push_back(&each->wire);
    if (!upwards && d.wire.down.empty()) relay.deliver(d.wire);  // as its queue has room
    if (upwards && !d.wire.up.empty())
      relay.serve(d.self.device, d.wire, wires);
    else if (!upwards && !d.wire.down.empty())
      d.hear();
    else
      return false;
    return true;
  }
  void pull_ledger(device_node& d) {
    d.wants_ledger = d.stalled_now = false;
    d.ledger.known = relay.ledger.known;
    d.follow(d.pulling.ledger_pulled());
    d.follow(d.pushing.ledger_advanced());
  }
  /// The relay has lost its disk, or has an old one.
  void wipe_relay() {
    for (auto& d : devices) d->disconnect();
    relay.held = std::make_unique<replica_index>(*this);
  }

  void happen(random_source& choice) {
    auto& d = *devices[choice.below(devices.size())];
    switch (choice.below(14)) {
      case 0:
      case 1:
        return d.change(10 + choice.below(2000), choice.below(4));
      case 2:
        if (d.wire.open && choice.below(4) == 0) d.disconnect();
        return;
      case 3:
        if (!d.wire.open) d.connect();
        return;
      case 4:
        if (relay.ledger.known < 60 && choice.below(3) == 0) ++relay.ledger.known;
        return;
      case 5:
        if (d.wire.open && (d.wants_ledger || choice.below(5) == 0)) pull_ledger(d);
        return;
      default:
        (void)move(d, choice.below(2) == 0);
    }
  }
  bool go_on(device_node& d, bool upwards) {
    const bool waits = d.wants_ledger || d.stalled_now;
    if (waits) pull_ledger(d);
    return move(d, upwards) || waits;
  }
  void settle(random_source& choice) {
    for (auto& d : devices)
      if (!d->wire.open) d->connect();
    // At random; but it is quiet only when nobody has anything left, not when chance passes somebody over.
    for (int quiet = 0; quiet < 60;) {
      auto& d = *devices[choice.below(devices.size())];
      if (go_on(d, choice.below(2) == 0))
        quiet = 0;
      else if (++quiet == 60)
        for (auto& each : devices)
          for (const bool upwards : {true, false})
            if (go_on(*each, upwards)) quiet = 0;
    }
  }
  void check_equal() {
    const auto frontier = relay.held->feeds.frontier();
    for (auto& d : devices) {
      RC_ASSERT(d->journal.empty());
      RC_ASSERT(d->held.feeds.frontier() == frontier);
      RC_ASSERT(d->held.feeds.arrivals() == relay.held->feeds.arrivals());
      RC_ASSERT(d->pulling.behind().empty());
      RC_ASSERT(d->withheld_told == 0);
      if (const auto last = d->journal.last_signed())
        RC_ASSERT(d->durable_until && d->durable_until->hash == last->hash);
    }
  }

  relay_node relay;
  std::vector<std::unique_ptr<device_node>> devices;
};

}  // namespace

TEST_CASE("devices around a relay become equal, whatever connections are lost on the way") {
  CHECK(rc::check("sync", [](std::uint64_t seed) {
    net n(seed);
    const auto choice = seeded_random(seed + 1);
    for (int i = 0; i < 400; ++i) n.happen(*choice);
    n.settle(*choice);
    n.check_equal();
    for (const auto& d : n.devices)
      for (const auto& [object, size] : d->objects) RC_ASSERT(n.relay.objects.contains(object));
  }));
}

TEST_CASE("a relay that lost everything is brought forward by the devices") {
  CHECK(rc::check("restored relay", [](std::uint64_t seed) {
    net n(seed);
    const auto choice = seeded_random(seed + 1);
    for (int i = 0; i < 200; ++i) n.happen(*choice);
    n.wipe_relay();
    for (int i = 0; i < 200; ++i) n.happen(*choice);
    n.settle(*choice);
    n.check_equal();
  }));
}

TEST_CASE("a device whose feed was forked by a restored backup syncs both branches") {
  CHECK(rc::check("forked", [](std::uint64_t seed) {
    net n(seed);
    const auto choice = seeded_random(seed + 1);
    for (int i = 0; i < 150; ++i) n.happen(*choice);
    n.settle(*choice);
    auto& twin = *n.devices[2];
    // Bob's device signs on two disks at one position, and each copy reaches another replica.
    const auto last = twin.journal.last_signed();
    if (!last) return;
    const auto base = *twin.held.feeds.find_entry(last->hash);
    twin.change(10, 1);
    twin.disconnect();
    auto left = n.write(n.bob, &base, {}, 60);
    left = n.sign(n.bob, n.draft_after(n.bob, &base, {}, base.header.ledger.seq.value));
    REQUIRE(n.devices[0]->held.feeds.add(left, n.devices[0]->ledger).fresh);
    n.devices[0]->follow(n.devices[0]->pushing.changed());
    twin.sign(1);
    for (int i = 0; i < 100; ++i) n.happen(*choice);
    n.settle(*choice);
    n.check_equal();
  }));
}

TEST_CASE("of too many heads those that came last are told, and nothing is lost for it") {
  world w(3);
  replica_index full(w);
  std::vector<entry> all;
  for (int i = 0; i < 10; ++i) {
    all.push_back(w.write(w.alice, nullptr));
    REQUIRE(full.feeds.add(all.back(), w.ledger).fresh);
  }
  CHECK(heads_to_tell(full.feeds) == full.feeds.frontier());
  const auto told = heads_to_tell(full.feeds, 4);
  CHECK(told.size() == 4);
  for (std::size_t i = 6; i < all.size(); ++i)
    CHECK(std::find(told.begin(), told.end(), all[i].head()) != told.end());
  // The others come once more, and are known.
  const auto again = delivery(told).next(full.feeds, 1 << 20);
  CHECK(again.entries.size() == 6);
  const auto taken = take(full.feeds, w.ledger, decode_all(again.entries));
  CHECK(taken.accepted == 6);
  CHECK(taken.fresh.empty());
  // One head that has seen all says everything.
  REQUIRE(full.feeds.add(w.write(w.bob, nullptr, all), w.ledger).fresh);
  CHECK(delivery(heads_to_tell(full.feeds, 1)).next(full.feeds, 1 << 20).entries.empty());
}
