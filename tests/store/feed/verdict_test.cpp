#include "store/feed/verdict.hpp"

#include <catch2/catch.hpp>

#include "tests/store/feed/world.hpp"

using namespace keyfold;
using namespace keyfold::feed;
using namespace keyfold::test;

namespace {

/// A world with an index that the entries under test come to.
struct bench : world {
  bench() : world(11), held(*this) {}

  verdict judge(const entry& e) { return held.feeds.judge(e, ledger); }
  errc refusal(const entry& e) {
    const auto v = judge(e);
    return v.standing == standing::invalid ? v.reason : errc::unknown;
  }
  entry hold(const entry& e) {
    REQUIRE(held.feeds.add(e, ledger).fresh);
    return e;
  }
  standing standing_of(const entry& e) { return held.feeds.find(e.hash)->standing; }

  replica_index held;
};

}  // namespace

TEST_CASE(
    "an entry counts when its author could write, at its position, after all that it has seen") {
  bench t;
  const auto a0 = t.hold(t.write(t.alice, nullptr));
  const auto b0 = t.hold(t.write(t.bob, nullptr, {a0}));
  const auto a1 = t.write(t.alice, &a0, {b0});
  CHECK(t.judge(a1).standing == standing::counts);
}

TEST_CASE("an entry waits for its ledger position") {
  bench t;
  const auto e = t.write(t.alice, nullptr, {}, 6);
  const auto v = t.judge(e);
  CHECK(v.standing == standing::waiting);
  CHECK(v.needs_ledger);
  t.ledger.known = 6;
  CHECK(t.judge(e).standing == standing::counts);
}

TEST_CASE("an entry waits for the bodies of its workspace's certificates") {
  bench t;
  t.ledger.first_missing_body = 4;
  CHECK(t.judge(t.write(t.alice, nullptr, {}, 4)).needs_ledger);
  CHECK(t.judge(t.write(t.alice, nullptr, {}, 3)).standing == standing::counts);
}

TEST_CASE("an entry waits for what it has seen and for the chain before it, and says for which") {
  bench t;
  const auto a0 = t.write(t.alice, nullptr);
  const auto b0 = t.write(t.bob, nullptr);
  const auto a1 = t.write(t.alice, &a0, {b0});
  auto expected = std::vector{a0.hash, b0.hash};
  std::sort(expected.begin(), expected.end());
  CHECK(t.judge(a1).standing == standing::waiting);
  CHECK(t.judge(a1).missing == expected);
  t.hold(a0);
  CHECK(t.judge(a1).missing == std::vector{b0.hash});
}

TEST_CASE("an entry of another workspace or organization is refused") {
  bench t;
  auto d = t.draft_after(t.alice, nullptr);
  d.workspace = t.random->id<workspace_id>();
  CHECK(t.refusal(t.sign(t.alice, d)) == errc::wrong_workspace);
  d = t.draft_after(t.alice, nullptr);
  d.organization = t.random->id<organization_id>();
  CHECK(t.refusal(t.sign(t.alice, d)) == errc::wrong_workspace);
}

TEST_CASE("an entry that another device signed is refused") {
  bench t;
  const auto d = t.draft_after(t.alice, nullptr);
  CHECK(t.refusal(t.sign(t.bob, d)) == errc::bad_signature);
}

TEST_CASE("an entry of a device that the ledger does not know is refused") {
  bench t;
  auto stranger = t.carol;
  stranger.device = t.random->id<device_id>();
  CHECK(t.refusal(t.write(stranger, nullptr)) == errc::author_unknown);
}

TEST_CASE("an entry that names another certificate at its position is refused") {
  bench t;
  auto d = t.draft_after(t.alice, nullptr);
  d.ledger.hash = t.random->id<certificate_hash>();
  CHECK(t.refusal(t.sign(t.alice, d)) == errc::ledger_mismatch);
}

TEST_CASE("an entry positioned before its device was added is refused") {
  bench t;
  const auto late = t.second_device(t.alice, 4);
  CHECK(t.refusal(t.write(late, nullptr, {}, 3)) == errc::before_device);
  CHECK(t.judge(t.write(late, nullptr, {}, 4)).standing == standing::counts);
}

TEST_CASE("an entry positioned below its feed so far, or below what it has seen, is refused") {
  bench t;
  const auto a0 = t.hold(t.write(t.alice, nullptr, {}, 4));
  CHECK(t.refusal(t.write(t.alice, &a0, {}, 3)) == errc::position_went_back);
  CHECK(t.refusal(t.write(t.bob, nullptr, {a0}, 3)) == errc::position_went_back);
  CHECK(t.judge(t.write(t.bob, nullptr, {a0}, 4)).standing == standing::counts);
}

TEST_CASE("an entry of a reader, of a stranger or of somebody not yet admitted is refused") {
  bench t;
  CHECK(t.refusal(t.write(t.carol, nullptr)) == errc::author_could_not_write);
  t.ledger.roles[t.carol.user][3] = ledger::role::reader;
  CHECK(t.refusal(t.write(t.carol, nullptr)) == errc::author_could_not_write);
  CHECK(t.refusal(t.write(t.bob, nullptr, {}, 1)) == errc::author_could_not_write);
}

TEST_CASE("an entry under an epoch not in force at its position is refused") {
  bench t;
  t.ledger.epochs[4] = 1;
  auto d = t.draft_after(t.alice, nullptr, {}, 4);
  d.epoch = {0};
  CHECK(t.refusal(t.sign(t.alice, d)) == errc::wrong_epoch);
  CHECK(t.judge(t.write(t.alice, nullptr, {}, 3)).standing == standing::counts);
}

TEST_CASE("an entry positioned between a removal and the rotation that it made due is refused") {
  bench t;
  t.ledger.rotation_due = {3};
  CHECK(t.refusal(t.write(t.alice, nullptr, {}, 3)) == errc::rotation_due);
  CHECK(t.judge(t.write(t.alice, nullptr, {}, 4)).standing == standing::counts);
}

TEST_CASE("an entry whose Lamport time is not one more than the highest before it is refused") {
  bench t;
  const auto a0 = t.hold(t.write(t.alice, nullptr));
  for (const std::uint64_t wrong : {0UL, 1UL, 3UL, ~0UL}) {
    auto d = t.draft_after(t.alice, &a0);
    d.lamport = {wrong};
    CHECK(t.refusal(t.sign(t.alice, d)) == errc::wrong_lamport);
  }
}

TEST_CASE("an entry whose chain is broken is refused") {
  bench t;
  const auto a0 = t.hold(t.write(t.alice, nullptr));
  const auto b0 = t.hold(t.write(t.bob, nullptr));
  auto without_prev = t.draft_after(t.alice, &a0);
  without_prev.prev = {};
  CHECK(t.refusal(t.sign(t.alice, without_prev)) == errc::broken_chain);
  auto first_with_prev = t.draft_after(t.alice, nullptr);
  first_with_prev.prev = a0.hash;
  CHECK(t.refusal(t.sign(t.alice, first_with_prev)) == errc::broken_chain);
  auto after_another = t.draft_after(t.alice, &a0);
  after_another.prev = b0.hash;
  CHECK(t.refusal(t.sign(t.alice, after_another)) == errc::broken_chain);
  auto with_a_gap = t.draft_after(t.alice, &a0);
  with_a_gap.seq = {2};
  CHECK(t.refusal(t.sign(t.alice, with_a_gap)) == errc::broken_chain);
  auto other_generation = t.draft_after(t.alice, &a0);
  other_generation.generation = t.random->id<generation_id>();
  CHECK(t.refusal(t.sign(t.alice, other_generation)) == errc::broken_chain);
}

TEST_CASE("an entry that has seen an entry at another place than its own is refused") {
  bench t;
  const auto a0 = t.hold(t.write(t.alice, nullptr));
  auto d = t.draft_after(t.bob, nullptr, {a0});
  d.seen.front().seq = {9};
  CHECK(t.refusal(t.sign(t.bob, d)) == errc::seen_mismatch);
}

TEST_CASE("what follows or has seen an invalid entry is refused; a feed ends there") {
  bench t;
  const auto a0 = t.hold(t.write(t.alice, nullptr));
  auto d = t.draft_after(t.alice, &a0);
  d.lamport = {9};
  const auto bad = t.sign(t.alice, d);
  CHECK(t.judge(t.write(t.alice, &bad)).standing == standing::waiting);
  CHECK_FALSE(t.held.feeds.add(bad, t.ledger).fresh);
  CHECK(t.refusal(t.write(t.alice, &bad)) == errc::after_invalid);
  CHECK(t.refusal(t.write(t.bob, nullptr, {bad})) == errc::after_invalid);
  CHECK(t.refusal(bad) == errc::wrong_lamport);
  CHECK(t.judge(t.write(t.alice, &a0)).standing == standing::counts);
}

TEST_CASE("an entry with a broken signature leaves the true one of that header untouched") {
  bench t;
  const auto good = t.write(t.alice, nullptr);
  auto broken = good;
  broken.signature.back() ^= 1;
  CHECK(t.held.feeds.add(broken, t.ledger).verdict.reason == errc::bad_signature);
  CHECK(t.held.feeds.add(good, t.ledger).verdict.standing == standing::counts);
}

TEST_CASE("a removal quarantines what its frontier does not cover, in any order of arrival") {
  bench t;
  const auto b0 = t.write(t.bob, nullptr);
  const auto b1 = t.write(t.bob, &b0);
  const auto b2 = t.write(t.bob, &b1);
  SECTION("the entries first") {
    for (const auto& e : {b0, b1, b2}) t.hold(e);
    t.remove(t.bob, 6, std::vector{b1.head()});
    const auto changes = t.held.feeds.reconsider(t.ledger);
    REQUIRE(changes.size() == 1);
    CHECK(changes.front().order.hash == b2.hash);
    CHECK(changes.front().now == standing::quarantined);
    CHECK(t.held.feeds.reconsider(t.ledger).empty());
  }
  SECTION("the removal first") {
    t.remove(t.bob, 6, std::vector{b1.head()});
    for (const auto& e : {b0, b1, b2}) t.hold(e);
  }
  CHECK(t.standing_of(b0) == standing::counts);
  CHECK(t.standing_of(b1) == standing::counts);
  CHECK(t.standing_of(b2) == standing::quarantined);
  CHECK(t.judge(t.write(t.bob, nullptr, {}, 6)).reason == errc::author_could_not_write);
}

TEST_CASE("a frontier's head that is not held covers nothing, and all of its chain once it is") {
  bench t;
  const auto b0 = t.write(t.bob, nullptr);
  const auto b1 = t.write(t.bob, &b0);
  const auto b2 = t.write(t.bob, &b1);
  t.remove(t.bob, 6, std::vector{b1.head()});
  t.hold(b0);
  CHECK(t.standing_of(b0) == standing::quarantined);
  const auto came = t.held.feeds.add(b1, t.ledger);
  CHECK(came.verdict.standing == standing::counts);
  REQUIRE(came.changes.size() == 1);
  CHECK(came.changes.front().order.hash == b0.hash);
  CHECK(came.changes.front().now == standing::counts);
  t.hold(b2);
  CHECK(t.standing_of(b0) == standing::counts);
  CHECK(t.standing_of(b1) == standing::counts);
  CHECK(t.standing_of(b2) == standing::quarantined);
}

TEST_CASE(
    "a header signed in advance for a chain that is not there does not extend a removed feed") {
  bench t;
  const auto b0 = t.hold(t.write(t.bob, nullptr));
  // Signed before the removal, of a height that he wants to reach after it.
  auto far = t.draft_after(t.bob, &b0);
  far.seq = {1000};
  far.prev = t.random->id<entry_hash>();
  const auto invented = t.sign(t.bob, far);
  t.remove(t.bob, 6, std::vector{b0.head(), invented.head()});
  const auto b1 = t.hold(t.write(t.bob, &b0, {}, 5));
  CHECK(t.standing_of(b0) == standing::counts);
  CHECK(t.standing_of(b1) == standing::quarantined);
  CHECK(t.judge(invented).standing == standing::waiting);
}

TEST_CASE("a removed user's new generation with an old position is quarantined") {
  bench t;
  const auto b0 = t.hold(t.write(t.bob, nullptr));
  t.remove(t.bob, 6, std::vector{b0.head()});
  CHECK(t.judge(t.write(t.bob, nullptr, {}, 5)).standing == standing::quarantined);
}

TEST_CASE("a removal cuts a generation for ever, and a new grant is for new generations") {
  bench t;
  const auto b0 = t.hold(t.write(t.bob, nullptr));
  t.remove(t.bob, 6, std::vector{b0.head()});
  t.ledger.known = 8;
  t.ledger.roles[t.bob.user][7] = ledger::role::contributor;
  CHECK(t.judge(t.write(t.bob, &b0, {}, 8)).standing == standing::quarantined);
  const auto fresh = t.hold(t.write(t.bob, nullptr, {b0}, 8));
  CHECK(t.standing_of(fresh) == standing::counts);
  t.remove(t.bob, 9, std::vector<feed_head>{});
  CHECK(t.held.feeds.reconsider(t.ledger).size() == 2);
  CHECK(t.standing_of(fresh) == standing::quarantined);
}

TEST_CASE("an entry waits for the frontier of a removal that may cut it") {
  bench t;
  const auto b0 = t.hold(t.write(t.bob, nullptr));
  const auto b1 = t.write(t.bob, &b0);
  t.remove(t.bob, 6, std::nullopt);
  CHECK(t.held.feeds.reconsider(t.ledger).empty());
  CHECK(t.standing_of(b0) == standing::counts);
  CHECK(t.judge(b1).standing == standing::waiting);
  CHECK(t.judge(b1).needs_ledger);
  t.ledger.taken[t.bob.user].front().frontier = std::vector<feed_head>{};
  CHECK(t.held.feeds.reconsider(t.ledger).size() == 1);
  CHECK(t.judge(b1).standing == standing::quarantined);
}

TEST_CASE("others' entries count, though they have seen quarantined ones") {
  bench t;
  const auto b0 = t.hold(t.write(t.bob, nullptr));
  const auto a0 = t.hold(t.write(t.alice, nullptr, {b0}));
  t.remove(t.bob, 6, std::vector<feed_head>{});
  CHECK(t.held.feeds.reconsider(t.ledger).size() == 1);
  CHECK(t.standing_of(a0) == standing::counts);
  CHECK(t.judge(t.write(t.alice, &a0)).standing == standing::counts);
}

TEST_CASE(
    "a forked feed is a tree: both branches are kept, and a frontier covers its heads' pasts") {
  bench t;
  const auto b0 = t.write(t.bob, nullptr);
  const auto left1 = t.write(t.bob, &b0);
  const auto left2 = t.write(t.bob, &left1);
  const auto right1 = t.write(t.bob, &b0);
  const auto right2 = t.write(t.bob, &right1);
  const std::vector<entry> entries{b0, left1, left2, right1, right2};

  SECTION("without a removal both count, and the fork is told once") {
    std::size_t forks = 0;
    for (const auto& e : entries) {
      const auto done = t.held.feeds.add(e, t.ledger);
      CHECK(done.verdict.standing == standing::counts);
      if (!done.fork) continue;
      ++forks;
      CHECK(done.fork->first == left1.head());
      CHECK(done.fork->second == right1.head());
    }
    CHECK(forks == 1);
    CHECK(t.held.feeds.frontier().size() == 2);
  }
  SECTION("a frontier on one branch cuts the other where it leaves") {
    const bool removal_first = GENERATE(true, false);
    if (removal_first) t.remove(t.bob, 6, std::vector{left2.head()});
    for (const auto& e : {b0, right1, right2, left1, left2}) t.hold(e);
    if (!removal_first) {
      t.remove(t.bob, 6, std::vector{left2.head()});
      CHECK(t.held.feeds.reconsider(t.ledger).size() == 2);
    }
    CHECK(t.standing_of(b0) == standing::counts);
    CHECK(t.standing_of(left1) == standing::counts);
    CHECK(t.standing_of(left2) == standing::counts);
    CHECK(t.standing_of(right1) == standing::quarantined);
    CHECK(t.standing_of(right2) == standing::quarantined);
  }
  SECTION("a frontier with both heads covers both") {
    t.remove(t.bob, 6, std::vector{left2.head(), right1.head()});
    for (const auto& e : entries) t.hold(e);
    CHECK(t.standing_of(right1) == standing::counts);
    CHECK(t.standing_of(right2) == standing::quarantined);
  }
}
