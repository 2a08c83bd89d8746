#include "store/ledger/log.hpp"

#include "tests/support/organization.hpp"

using namespace keyfold;
using namespace keyfold::ledger;
using keyfold::tests::organization;

namespace {

bytes key_of(std::uint64_t seq) {
  bytes out;
  append_u64(out, seq);
  return out;
}

}  // namespace

TEST_CASE("a ledger is loaded as it was kept, with bodies that came late") {
  organization o;
  const auto bob = o.add("bob");
  const auto papers = o.create_workspace(o.alice);
  o.share(o.alice, papers, bob, role::contributor);
  const auto disk = db::memory_store();
  db::transaction t(*disk);
  ledger::log kept(t);
  state s(o.state.id());
  auto bare = o.records[2];
  bare.certificate.body.reset();
  for (std::size_t i = 0; i < o.records.size(); ++i)
    REQUIRE(ledger::add(s, kept, i == 2 ? bare : o.records[i]));
  CHECK(kept.last() == o.state.head()->seq);
  REQUIRE(kept.load(o.state.id()));
  CHECK(kept.load(o.state.id())->missing_body(papers) == ledger_seq{2});
  REQUIRE(ledger::add(s, kept, o.records[2]));
  REQUIRE(t.commit(true));
  const auto back = kept.load(o.state.id());
  REQUIRE(back);
  CHECK(back->head() == o.state.head());
  CHECK(back->role_at(papers, bob.user, o.state.head()->seq) == role::contributor);
}

TEST_CASE("an empty log is an empty ledger") {
  const auto disk = db::memory_store();
  db::transaction t(*disk);
  const ledger::log kept(t);
  CHECK(kept.last() == std::nullopt);
  CHECK(kept.load({})->head() == std::nullopt);
}

TEST_CASE("a damaged record, a gap and another organization's log are noticed") {
  organization o;
  o.add("bob");
  const auto disk = db::memory_store();
  db::transaction t(*disk);
  ledger::log kept(t);
  kept.put(o.state, {0});
  kept.put(o.state, {1});
  const organization other(2);
  CHECK(kept.load(other.state.id()).error().code == errc::damaged);
  auto record = *t.get(key_of(1));
  record[record.size() / 2] ^= 1;
  t.put(key_of(1), record);
  CHECK(kept.load(o.state.id()).error().code == errc::damaged);
  t.erase(key_of(1));
  t.put(key_of(2), record);
  CHECK(kept.load(o.state.id()).error().code == errc::damaged);
}
