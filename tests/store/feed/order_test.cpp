// Properties over random histories: with forks, invalid entries, removals, new grants.
#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include "tests/store/feed/world.hpp"

using namespace keyfold;
using namespace keyfold::feed;
using namespace keyfold::test;

namespace {

/// A random history and the true past of each of its entries.
struct history : world {
  explicit history(std::uint64_t seed) : world(seed) {
    script_ledger();
    const std::vector<person> devices{alice, bob, second_device(bob, 2), carol,
                                      second_device(alice, 3)};
    for (int i = 0; i < 32; ++i) write_one(devices[random->below(devices.size())]);
    ledger.taken[bob.user] = {{{10}, {}, heads_of(bob.user)}, {{16}, {}, heads_of(bob.user)}};
    ledger.taken[carol.user] = {{{12}, {}, heads_of(carol.user)}};
  }

  void script_ledger() {
    using ledger::role;
    ledger.known = 18;
    ledger.roles[bob.user] = {
        {2, role::contributor}, {10, role::none}, {14, role::manager}, {16, role::none}};
    ledger.roles[carol.user] = {{3, role::contributor}, {12, role::none}};
    ledger.epochs = {{0, 0}, {10, 1}, {12, 2}, {17, 3}};
    ledger.rotation_due = {16};
  }

  void write_one(const person& by) {
    std::vector<entry> seen;
    std::set<std::size_t> before;
    const auto know = [&](std::size_t i) {
      before.insert(i);
      before.insert(past[i].begin(), past[i].end());
    };
    const auto prev = choose_prev(by);
    if (prev) know(*prev);
    for (std::size_t i = 0; i < entries.size(); ++i)
      if (random->below(8) == 0 && !before.contains(i)) {
        know(i);
        seen.push_back(entries[i]);
      }
    std::uint64_t position = 3;
    for (const auto i : before) position = std::max(position, entries[i].header.ledger.seq.value);
    position = std::min<std::uint64_t>(18, position + (random->below(3) == 0 ? 1 : 0));
    auto d = draft_after(by, prev ? &entries[*prev] : nullptr, seen, position);
    if (random->below(15) == 0) d.lamport = d.lamport.next();
    entries.push_back(sign(by, d));
    past.push_back(before);
  }

  /// Mostly the last of the device's feed; sometimes none, or an older one.
  std::optional<std::size_t> choose_prev(const person& by) {
    const bool forks = random->below(10) == 0;
    if (random->below(10) == 0) return std::nullopt;
    for (std::size_t i = entries.size(); i-- > 0;)
      if (entries[i].header.device == by.device && (!forks || random->below(3) == 0)) return i;
    return std::nullopt;
  }

  std::vector<feed_head> heads_of(user_id user) {
    std::vector<feed_head> out;
    for (const auto& e : entries)
      if (ledger.devices.at(e.header.device).user == user && random->below(3) == 0)
        out.push_back(e.head());
    return out;
  }

  std::vector<entry> entries;
  std::vector<std::set<std::size_t>> past;
};

/// Adds all entries in a random order, again and again until no more is taken, while the ledger
/// grows.
void deliver(history& h, feed::index& feeds, random_source& order) {
  auto left = h.entries;
  std::map<entry_hash, standing> told;
  const auto hear = [&](const std::vector<standing_change>& changes) {
    for (const auto& change : changes) told[change.order.hash] = change.now;
  };
  h.ledger.known = order.below(19);
  for (bool progress = true; progress || h.ledger.known < 18;) {
    progress = false;
    for (std::size_t i = left.size(); i > 1; --i) std::swap(left[i - 1], left[order.below(i)]);
    std::vector<entry> waiting;
    for (const auto& e : left) {
      if (h.ledger.known < 18 && order.below(10) == 0) {
        ++h.ledger.known;
        if (order.below(2) == 0) hear(feeds.reconsider(h.ledger));
      }
      const auto done = feeds.add(e, h.ledger);
      hear(done.changes);
      if (done.fresh) told[e.hash] = done.verdict.standing;
      if (done.verdict.standing == standing::waiting)
        waiting.push_back(e);
      else
        progress = true;
    }
    if (!progress && h.ledger.known < 18) ++h.ledger.known;
    left = std::move(waiting);
  }
  hear(feeds.reconsider(h.ledger));
  for (const auto& [hash, standing] : told) RC_ASSERT(feeds.find(hash)->standing == standing);
}

}  // namespace

TEST_CASE("the verdict on every entry is the same in any order of arrival") {
  CHECK(rc::check("same verdicts", [](std::uint64_t seed) {
    history h(seed);
    replica_index one(h), two(h);
    const auto order = seeded_random(seed + 1);
    deliver(h, one.feeds, *order);
    deliver(h, two.feeds, *order);
    std::size_t counting = 0;
    for (const auto& e : h.entries) {
      const auto first = one.feeds.find(e.hash);
      const auto second = two.feeds.find(e.hash);
      RC_ASSERT(first.has_value() == second.has_value());
      RC_ASSERT(one.feeds.is_invalid(e.hash) == two.feeds.is_invalid(e.hash));
      if (!first) continue;
      RC_ASSERT(first->standing == second->standing);
      counting += first->standing == standing::counts ? 1 : 0;
    }
    RC_ASSERT(one.feeds.frontier() == two.feeds.frontier());
    RC_TAG(counting == 0 ? "none counts" : "some count");
  }));
}

TEST_CASE("causal knowledge is what walking back through chains and seen lists gives") {
  CHECK(rc::check("same past", [](std::uint64_t seed) {
    history h(seed);
    replica_index held(h);
    const auto order = seeded_random(seed + 2);
    deliver(h, held.feeds, *order);
    for (std::size_t i = 0; i < h.entries.size(); ++i) {
      const auto later = held.feeds.find(h.entries[i].hash);
      if (!later) continue;
      std::set<operation_order> unknown;
      held.feeds.unknown_to(later->order, [&](const auto& o) { unknown.insert(o); });
      for (std::size_t k = 0; k < h.entries.size(); ++k) {
        const auto earlier = held.feeds.find(h.entries[k].hash);
        if (!earlier) continue;
        const bool known = i == k || h.past[i].contains(k);
        RC_ASSERT(held.feeds.knows(later->order, earlier->order) == known);
        RC_ASSERT(unknown.contains(earlier->order) == !known);
        if (known && i != k) RC_ASSERT(earlier->arrival < later->arrival);
      }
    }
  }));
}

TEST_CASE("what a replica lacks by its frontier is delivered in order, and makes both equal") {
  CHECK(rc::check("equal after delivery", [](std::uint64_t seed, std::uint8_t size) {
    history h(seed);
    replica_index full(h), other(h);
    const auto order = seeded_random(seed + 3);
    deliver(h, full.feeds, *order);
    full.feeds.visit_arrivals(0, [&](const held_entry& e) {
      const auto entry = full.feeds.find_entry(e.order.hash);
      if (order->below(3) != 0) (void)other.feeds.add(*entry, h.ledger);
      return true;
    });
    const auto have = full.feeds.known_by(other.feeds.frontier());
    std::size_t sent = 0;
    const auto lacking = full.feeds.arrivals() - other.feeds.arrivals();
    for (std::uint64_t at = 0;;) {
      const auto slice = full.feeds.lacking(have, at, std::size_t{size} * 16);
      if (slice.entries.empty()) break;
      at = slice.next;
      for (const auto& data : slice.entries)
        RC_ASSERT(other.feeds.add(decode_entry(data).value(), h.ledger).fresh);
      sent += slice.entries.size();
    }
    RC_ASSERT(sent == lacking);
    RC_ASSERT(full.feeds.frontier() == other.feeds.frontier());
  }));
}
