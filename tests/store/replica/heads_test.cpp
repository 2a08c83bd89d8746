#include "store/replica/heads.hpp"

#include <catch2/catch.hpp>

#include "store/ledger/relay_rules.hpp"
#include "tests/store/feed/world.hpp"

using namespace keyfold;
using namespace keyfold::replica;
using ledger::max_heads_of_user;
using test::replica_index;

namespace {

struct heads_world : test::world {
  heads_world() : test::world(51), held(*this) {}

  /// What is let in where everybody may begin `room` heads more.
  [[nodiscard]] within_limit within(std::size_t room, const std::vector<feed::entry>& entries) {
    return within_heads(held.feeds, ledger, entries,
                        [&](user_id) { return max_heads_of_user - room; });
  }
  std::vector<feed::entry> generations(const test::person& of, std::size_t count) {
    std::vector<feed::entry> out;
    while (out.size() < count) out.push_back(write(of, nullptr));
    return out;
  }
  replica_index held;
};

void add_all(replica_index& to, const test::world& w, std::span<const feed::entry> entries) {
  for (const auto& e : entries) REQUIRE(to.feeds.add(e, w.ledger).fresh);
}

}  // namespace

TEST_CASE("entries are let in up to the first that gives its author too many heads") {
  heads_world w;
  auto entries = w.generations(w.bob, 5);
  CHECK(w.within(5, entries).count == 5);
  CHECK(w.within(3, entries).count == 3);
  CHECK(w.within(3, entries).begins.at(w.bob.user) == 3);
  CHECK(w.within(0, entries).count == 0);
  CHECK(w.within(0, {}).count == 0);
  entries.insert(entries.begin(), w.write(w.alice, nullptr));
  CHECK(w.within(3, entries).count == 4);  // each has his own
}

TEST_CASE("what is held, comes twice, goes on or is by somebody unknown begins no head") {
  heads_world w;
  const auto first = w.write(w.bob, nullptr);
  const auto second = w.write(w.bob, &first);
  const auto third = w.write(w.bob, &second);
  const auto stranger = w.write(w.join(99), nullptr);
  CHECK(w.within(1, {first, first, second, third, stranger}).count == 5);
  add_all(w.held, w, std::array{first, second});
  CHECK(w.within(0, {first, second, third, stranger}).count == 4);
}

TEST_CASE("each branch of a fork is a head, beside what is held and within one list") {
  heads_world w;
  const auto first = w.write(w.bob, nullptr);
  const auto second = w.write(w.bob, &first);
  std::vector<feed::entry> forks;
  for (int i = 0; i < 3; ++i) forks.push_back(w.write(w.bob, &first));
  const auto after = w.write(w.bob, &forks[2]);
  CHECK(w.within(3, {first, forks[0], forks[1], forks[2], after}).count == 5);
  CHECK(w.within(2, {first, forks[0], forks[1], forks[2], after}).count == 3);
  add_all(w.held, w, std::array{first, second});
  CHECK(w.held.feeds.begins_branch(forks[0].header));
  CHECK_FALSE(w.held.feeds.begins_branch(w.write(w.bob, &second).header));
  CHECK(w.within(3, {forks[0], forks[1], forks[2], after}).count == 4);
  CHECK(w.within(1, {forks[0], forks[1]}).count == 1);
  add_all(w.held, w, std::array{forks[0]});
  CHECK(w.held.feeds.heads_by_device().at(w.bob.device) == 2);
}

TEST_CASE("a device counts a user's heads over all its workspaces and devices") {
  heads_world w;
  const auto bobs_other = w.second_device(w.bob, 1);
  head_counts counts;
  const auto here = w.generations(w.bob, max_heads_of_user - 10);
  CHECK(counts.admit(w.held.feeds, w.ledger, here) == here.size());
  add_all(w.held, w, here);
  counts.note(w.held.feeds, w.ledger);

  w.workspace = w.random->id<workspace_id>();
  replica_index there(w);
  const auto more = w.generations(bobs_other, 15);
  CHECK(counts.admit(there.feeds, w.ledger, more) == 10);
  // What was let in counts at once, for who comes at the same time...
  CHECK(counts.admit(w.held.feeds, w.ledger, w.generations(w.bob, 1)) == 0);
  // ... and no more when it was not taken after all.
  counts.note(there.feeds, w.ledger);
  CHECK(counts.admit(w.held.feeds, w.ledger, w.generations(w.bob, 11)) == 10);
  counts.note(w.held.feeds, w.ledger);
  CHECK(counts.admit(there.feeds, w.ledger, w.generations(w.alice, 20)) == 20);
}

TEST_CASE("a device that starts counts what it holds") {
  heads_world w;
  add_all(w.held, w, w.generations(w.bob, 3));
  head_counts counts;
  counts.note(w.held.feeds, w.ledger);
  const auto more = w.generations(w.bob, max_heads_of_user);
  CHECK(counts.admit(w.held.feeds, w.ledger, more) == max_heads_of_user - 3);
}
