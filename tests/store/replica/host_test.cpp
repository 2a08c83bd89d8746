#include "store/replica/host.hpp"

#include <catch2/catch.hpp>

#include "tests/store/feed/world.hpp"
#include "tests/support/organization.hpp"

using namespace keyfold;
using namespace keyfold::replica;

namespace {

/// A device's feeds, to which entries are pushed.
struct hosted : test::world {
  hosted() : test::world(41), held(*this) {}

  push_answer push(const std::vector<feed::entry>& entries, bool lacks_keys = false) {
    std::vector<feed::verdict> verdicts;
    std::vector<entry_hash> lacks;
    for (const auto& e : entries) {
      const auto done = held.feeds.add(e, ledger);
      verdicts.push_back(done.verdict);
      lacks.insert(lacks.end(), done.verdict.missing.begin(), done.verdict.missing.end());
    }
    return answer_push(held.feeds, entries, verdicts, lacks, lacks_keys);
  }
  test::replica_index held;
};

}  // namespace

TEST_CASE("entries that are held now are accepted, also those that were before") {
  hosted w;
  const auto first = w.write(w.alice, nullptr);
  const auto second = w.write(w.alice, &first);
  CHECK(w.push({first}).accepted == 1);
  const auto both = w.push({first, second});
  CHECK(both.accepted == 2);
  CHECK_FALSE(both.refusal);
  CHECK_FALSE(w.push({}).refusal);
}

TEST_CASE("an entry whose past is not held is refused with what is lacking") {
  hosted w;
  const auto first = w.write(w.alice, nullptr);
  const auto second = w.write(w.alice, &first);
  const auto answer = w.push({second});
  CHECK(answer.accepted == 0);
  REQUIRE(answer.refusal);
  CHECK(answer.refusal->code == errc::lacks_entries);
  CHECK(answer.lacks == std::vector{first.hash});
}

TEST_CASE("entries before the first one that lacks something are accepted") {
  hosted w;
  const auto first = w.write(w.alice, nullptr);
  const auto hidden = w.write(w.bob, nullptr);
  const auto later = w.write(w.bob, &hidden);
  const auto answer = w.push({first, later});
  CHECK(answer.accepted == 1);
  CHECK_FALSE(answer.refusal);
}

TEST_CASE("an entry that names a later record is refused until that is held") {
  hosted w;
  w.ledger.known = 9;
  const auto e = w.write(w.alice, nullptr, {}, 9);
  w.ledger.known = 5;
  CHECK(w.push({e}).refusal->code == errc::lacks_records);
  w.ledger.known = 9;
  CHECK(w.push({e}).accepted == 1);
}

TEST_CASE("an entry under a key that is not held waits for the ledger") {
  hosted w;
  const auto e = w.write(w.alice, nullptr);
  const std::vector<feed::verdict> waiting(1);
  const std::vector<feed::entry> entries{e};
  const auto answer = answer_push(w.held.feeds, entries, waiting, {}, true);
  CHECK(answer.refusal->code == errc::lacks_records);
}

TEST_CASE("an entry that breaks a rule is refused with it, whoever brings it") {
  hosted w;
  const auto answer = w.push({w.write(w.carol, nullptr)});
  CHECK(answer.accepted == 0);
  CHECK(answer.refusal->code == errc::author_could_not_write);
}

TEST_CASE("only who may read a workspace now is given anything of it") {
  tests::organization org;
  const auto papers = org.create_workspace(org.alice);
  const auto bob = org.add("bob");
  const auto check = [&](user_id user, workspace_id workspace) {
    const auto may = check_reader(org.state, workspace, user);
    return may ? errc::unknown : may.error().code;
  };
  CHECK(check(org.alice.user, papers) == errc::unknown);
  CHECK(check(bob.user, papers) == errc::role_insufficient);
  CHECK(check(bob.user, org.random().id<workspace_id>()) == errc::workspace_unknown);
  CHECK(check(org.random().id<user_id>(), papers) == errc::user_is_revoked);
}
