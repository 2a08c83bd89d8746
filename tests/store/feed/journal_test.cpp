#include "store/feed/journal.hpp"

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include "tests/store/feed/world.hpp"

using namespace keyfold;
using namespace keyfold::feed;
using namespace keyfold::test;

namespace {

/// Alice's device with a journal; bob writes elsewhere.
struct desk : world {
  explicit desk(std::uint64_t seed = 21) : world(seed), held(*this) {}

  journal own() { return {held.feeds, alice.device, *random}; }
  operation_order change(std::size_t size = 10, std::vector<object_id> needed = {}) {
    const bytes operation(3, 7);
    return own().append(operation, size, needed).value();
  }
  draft next_draft() {
    const auto at = *ledger.head();
    return own().draft_oldest(at, *ledger.epoch_at(workspace, at.seq), bytes{1});
  }
  entry sign_next() {
    const auto e = sign(alice, next_draft());
    const auto done = own().sign(e, ledger);
    REQUIRE(done);
    CHECK(done->before.hash.is_zero());
    CHECK(done->after.hash == e.hash);
    CHECK(held.feeds.find(e.hash)->standing == standing::counts);
    return e;
  }
  /// Bob's next entry arrives and is applied.
  entry remote(const entry* prev = nullptr, std::vector<entry> seen = {}) {
    const auto e = write(bob, prev, std::move(seen));
    REQUIRE(held.feeds.add(e, ledger).fresh);
    own().remote_applied();
    return e;
  }
  std::vector<pending_entry> pending() {
    std::vector<pending_entry> out;
    own().visit([&](const auto& p) {
      out.push_back(p);
      return true;
    });
    return out;
  }

  replica_index held;
};

std::vector<feed_head> seen_of(const entry& e) {
  return decode_seen(e.seen).value();
}

}  // namespace

TEST_CASE("operations of one segment share an entry, and have their order at once") {
  desk t;
  const auto first = t.change();
  const auto second = t.change();
  CHECK(first.lamport == lamport_time{1});
  CHECK(first.hash.is_zero());
  CHECK(first.index == 0);
  CHECK(second.index == 1);
  CHECK(first < second);
  REQUIRE(t.pending().size() == 1);
  CHECK(t.own().operations(t.pending().front()).size() == 2);
  const auto e = t.sign_next();
  CHECK(t.own().empty());
  CHECK(e.header.seq == feed_seq{0});
  CHECK(e.header.lamport == lamport_time{1});
}

TEST_CASE("pending entries are cut at the largest payload, and at the most objects") {
  desk t;
  t.change(200'000);
  t.change(200'000);
  CHECK(t.pending().size() == 2);
  t.change(10, std::vector<object_id>(max_needed, t.random->id<object_id>()));
  CHECK(t.pending().size() == 2);
  t.change(10, {t.random->id<object_id>()});
  CHECK(t.pending().size() == 3);
  const bytes operation{1};
  CHECK(t.own().append(operation, max_payload_size, {}).error().code == errc::too_large);
  const std::vector<object_id> too_many(max_needed + 1);
  CHECK(t.own().append(operation, 1, too_many).error().code == errc::too_large);
  const auto a = t.sign_next();
  const auto b = t.sign_next();
  CHECK(b.header.prev == a.hash);
  CHECK(b.header.lamport == a.header.lamport.next());
  CHECK(seen_of(b).empty());
  CHECK(decode_needed(b.needed)->size() == 1);
}

TEST_CASE(
    "an applied remote entry closes the segment; later changes have seen it, earlier ones not") {
  desk t;
  const auto before = t.change();
  const auto b0 = t.remote();
  const auto after = t.change();
  CHECK(after.seq == before.seq.next());
  CHECK(after.lamport == lamport_time{2});
  const auto theirs = t.held.feeds.find(b0.hash)->order;
  CHECK_FALSE(t.held.feeds.knows(before, theirs));
  CHECK(t.held.feeds.knows(after, theirs));
  CHECK(t.held.feeds.knows(after, before));
  CHECK_FALSE(t.held.feeds.knows(before, after));
  CHECK_FALSE(t.held.feeds.knows(theirs, before));
  const auto e0 = t.sign_next();
  const auto e1 = t.sign_next();
  CHECK(seen_of(e0).empty());
  CHECK(seen_of(e1) == std::vector{b0.head()});
}

TEST_CASE(
    "a change knows nothing that arrived after its segment was opened, even if not applied yet") {
  desk t;
  t.change();
  const auto b0 = t.write(t.bob, nullptr);
  REQUIRE(t.held.feeds.add(b0, t.ledger).fresh);
  const auto same_segment = t.change();
  CHECK(t.pending().size() == 1);
  CHECK_FALSE(t.held.feeds.knows(same_segment, t.held.feeds.find(b0.hash)->order));
  CHECK(seen_of(t.sign_next()).empty());
  t.own().remote_applied();
  t.change();
  CHECK(seen_of(t.sign_next()) == std::vector{b0.head()});
}

TEST_CASE("seen lists only what changed since the device's last entry") {
  desk t;
  const auto b0 = t.remote();
  t.change();
  CHECK(seen_of(t.sign_next()) == std::vector{b0.head()});
  t.change();
  CHECK(seen_of(t.sign_next()).empty());
  const auto b1 = t.remote(&b0);
  t.change();
  CHECK(seen_of(t.sign_next()) == std::vector{b1.head()});
}

TEST_CASE("an entry given out for signing takes no further operations") {
  desk t;
  t.change();
  const auto d = t.next_draft();
  t.change();
  CHECK(t.pending().size() == 2);
  CHECK(t.own().sign(t.sign(t.alice, d), t.ledger));
  t.sign_next();
}

TEST_CASE("entries are signed in order only, and only as the journal made them") {
  desk t;
  t.change();
  const auto refusal = [&](const draft& d) {
    return t.own().sign(t.sign(t.alice, d), t.ledger).error().code;
  };
  auto d = t.next_draft();
  d.seq = {1};
  CHECK(refusal(d) == errc::not_the_oldest_pending);
  d = t.next_draft();
  d.generation = t.random->id<generation_id>();
  CHECK(refusal(d) == errc::not_the_oldest_pending);
  d = t.next_draft();
  d.ledger = table_ledger::position_of(9);
  CHECK(refusal(d) == errc::lacks_records);
  d = t.next_draft();
  d.epoch = {7};
  CHECK(refusal(d) == errc::wrong_epoch);
  d = t.next_draft();
  d.seen = {t.write(t.bob, nullptr).head()};
  CHECK(refusal(d) == errc::lacks_entries);
  CHECK(t.pending().size() == 1);
  t.sign_next();
  CHECK(t.own().empty());
  CHECK(t.own().sign(t.sign(t.alice, d), t.ledger).error().code == errc::not_the_oldest_pending);
}

TEST_CASE("a journal survives a restart at any point") {
  desk t;
  t.change(200'000);
  t.change(200'000);
  t.remote();
  t.change();
  t.sign_next();
  REQUIRE(t.held.state.commit(true));
  db::transaction state(*t.held.below);
  feed::index feeds(state, t.organization, t.workspace);
  journal own(feeds, t.alice.device, *t.random);
  std::size_t left = 0;
  while (own.oldest()) {
    const auto e = t.sign(t.alice, own.draft_oldest(*t.ledger.head(), {0}, bytes{1}));
    REQUIRE(own.sign(e, t.ledger));
    ++left;
  }
  CHECK(left == 2);
  CHECK(own.last_signed()->seq == feed_seq{2});
}

TEST_CASE("what a transaction did not commit never happened") {
  desk t;
  t.change();
  REQUIRE(t.held.state.commit(true));
  {
    db::transaction state(*t.held.below);
    feed::index feeds(state, t.organization, t.workspace);
    journal own(feeds, t.alice.device, *t.random);
    const auto e = t.sign(t.alice, own.draft_oldest(*t.ledger.head(), {0}, bytes{1}));
    REQUIRE(own.sign(e, t.ledger));
  }
  CHECK(t.pending().size() == 1);
  t.sign_next();
}

TEST_CASE("after a new grant the pending entries move to a new generation") {
  desk t;
  auto& ledger = t.ledger;
  t.change();
  const auto e0 = t.sign_next();
  const auto b0 = t.remote();
  const auto old_order = t.change();
  t.remote(&b0);
  t.change();
  CHECK(t.own().renewal_due(ledger) == renewal::none);
  t.remove(t.alice, 6, std::vector{e0.head()});
  ledger.known = 7;
  ledger.roles[t.alice.user][7] = ledger::role::contributor;
  CHECK(t.own().renewal_due(ledger) == renewal::right_was_taken);
  CHECK(t.own().sign(t.sign(t.alice, t.next_draft()), ledger).error().code == errc::generation_cut);

  const auto moved = t.own().begin_generation();
  REQUIRE(moved.size() == 2);
  CHECK(moved[0].before == old_order);
  CHECK(moved[0].after.lamport == old_order.lamport);
  CHECK(moved[0].after.seq == feed_seq{0});
  CHECK(moved[1].after.seq == feed_seq{1});
  CHECK(t.own().renewal_due(ledger) == renewal::none);
  const auto own_before = t.held.feeds.find(e0.hash)->order;
  CHECK(t.held.feeds.knows(moved[0].after, own_before));
  const auto first = t.sign_next();
  auto expected = std::vector{e0.head(), b0.head()};
  std::sort(expected.begin(), expected.end());
  CHECK(seen_of(first) == expected);
  CHECK(seen_of(t.sign_next()).size() == 1);
}

TEST_CASE("a restored backup takes its entries back, and goes on in a new generation") {
  desk t;
  t.change();
  const auto e0 = t.sign_next();
  const auto e1 = t.write(t.alice, &e0);  // was made after the backup, and is elsewhere
  const auto b0 = t.write(t.bob, nullptr, {e1});
  t.change();
  REQUIRE(t.held.feeds.add(e1, t.ledger).fresh);
  REQUIRE(t.held.feeds.add(b0, t.ledger).fresh);
  t.own().remote_applied();
  CHECK(t.own().renewal_due(t.ledger) == renewal::feed_is_ahead);
  t.change();
  REQUIRE(t.own().begin_generation().size() == 2);
  const auto first = t.sign_next();
  CHECK(seen_of(first) == std::vector{e0.head()});
  const auto second = t.sign_next();
  CHECK(seen_of(second).size() == 2);
  CHECK(second.header.lamport == b0.header.lamport.next());
  CHECK(t.held.feeds.branches_of(t.alice.device, first.header.generation) == 1);
}

TEST_CASE("a feed that was forked goes on in a new generation") {
  desk t;
  t.change();
  const auto e0 = t.sign_next();
  t.change();
  t.sign_next();
  CHECK(t.held.feeds.add(t.write(t.alice, &e0), t.ledger).fork);
  CHECK(t.own().renewal_due(t.ledger) == renewal::forked);
  t.own().remote_applied();
  t.change();
  CHECK(t.own().begin_generation().size() == 1);
  CHECK(t.own().renewal_due(t.ledger) == renewal::none);
  CHECK(seen_of(t.sign_next()).size() == 2);
}

TEST_CASE(
    "whatever is appended, applied, signed and moved, each entry knows the same before and after") {
  CHECK(rc::check("journal", [](std::uint64_t seed) {
    desk t(seed);
    const auto choice = seeded_random(seed + 1);
    struct made {
      operation_order order;
      std::set<entry_hash> knew;  ///< remote entries, when its segment was opened
    };
    std::vector<made> own;
    std::set<entry_hash> applied, segment;
    bool open = false;
    std::optional<entry> theirs;
    std::vector<entry> mine;
    for (int i = 0; i < 40; ++i) {
      switch (choice->below(5)) {
        case 0:
        case 1: {
          const auto order = t.change(choice->below(2) == 0 ? 10 : 150'000);
          if (!open) segment = applied;
          open = true;
          if (order.index == 0) own.push_back({order, segment});
          break;
        }
        case 2: {
          const auto seen = mine.empty() ? std::vector<entry>{} : std::vector{mine.back()};
          const bool fresh_generation = !theirs || choice->below(5) == 0;
          theirs = t.remote(fresh_generation ? nullptr : &*theirs, seen);
          applied.insert(theirs->hash);
          open = false;
          break;
        }
        case 3:
          if (!t.own().empty()) {
            const auto e = t.sign_next();
            for (auto& m : own)
              if (m.order.seq == e.header.seq && m.order.generation == e.header.generation)
                m.order.hash = e.hash;
            mine.push_back(e);
          }
          break;
        case 4:
          if (choice->below(4) == 0)
            for (const auto& moved : t.own().begin_generation())
              for (auto& m : own)
                if (m.order == moved.before) m.order = moved.after;
      }
      for (std::size_t k = 0; k < own.size(); ++k) {
        for (const auto& hash : applied) {
          const auto remote = t.held.feeds.find(hash)->order;
          RC_ASSERT(t.held.feeds.knows(own[k].order, remote) == own[k].knew.contains(hash));
        }
        for (std::size_t j = 0; j < own.size(); ++j)
          RC_ASSERT(t.held.feeds.knows(own[k].order, own[j].order) == (j <= k));
        std::set<operation_order> unknown;
        t.held.feeds.unknown_to(own[k].order, [&](const auto& o) { unknown.insert(o); });
        for (const auto& hash : applied)
          RC_ASSERT(unknown.contains(t.held.feeds.find(hash)->order) ==
                    !own[k].knew.contains(hash));
        for (std::size_t j = 0; j < own.size(); ++j)
          RC_ASSERT(unknown.contains(own[j].order) == (j > k));
      }
    }
  }));
}
