#include "store/replica/push.hpp"

#include <catch2/catch.hpp>

#include "store/replica/pull.hpp"
#include "tests/store/feed/world.hpp"

using namespace keyfold;
using namespace keyfold::replica;
using namespace keyfold::test;

namespace {

/// Alice's device, pushing by hand.
struct desk : world {
  desk()
      : world(31), held(*this), journal(held.feeds, alice.device, *random), core(make_push(true)) {}

  push make_push(bool objects_first) {
    const push_tuning tuning{.object_window = 100, .objects_first = objects_first};
    return {held.feeds, journal, alice.device, [this](const object_id& id) { return size_of(id); },
            tuning};
  }
  std::optional<std::size_t> size_of(const object_id& id) const {
    const auto found = sizes.find(id);
    return found == sizes.end() ? std::nullopt : std::optional(found->second);
  }
  object_id object(std::size_t size) {
    const auto id = random->id<object_id>();
    sizes[id] = size;
    return id;
  }
  void change(std::vector<object_id> needed = {}) {
    const bytes operation{1};
    REQUIRE(journal.append(operation, 10, needed));
  }
  push::effects sign() {
    const auto e = world::sign(alice, journal.draft_oldest(*ledger.head(), {0}, bytes{1}));
    REQUIRE(journal.sign(e, ledger));
    return core.sign_answered();
  }
  entry remote(const entry* prev, std::vector<entry> seen = {}) {
    const auto e = write(bob, prev, std::move(seen));
    REQUIRE(held.feeds.add(e, ledger).fresh);
    return e;
  }

  replica_index held;
  std::map<object_id, std::size_t> sizes;
  feed::journal journal;
  push core;
};

template <class Effect>
std::vector<Effect> all(const push::effects& effects) {
  std::vector<Effect> out;
  for (const auto& effect : effects)
    if (const auto* e = std::get_if<Effect>(&effect)) out.push_back(*e);
  return out;
}
template <class Effect>
bool only(const push::effects& effects) {
  return effects.size() == 1 && std::holds_alternative<Effect>(effects.front());
}

}  // namespace

TEST_CASE(
    "objects are asked for, uploaded and acknowledged before their entry is signed and pushed") {
  desk t;
  const auto there = t.object(10);
  const auto here = t.object(10);
  t.change({there, here});
  auto effects = t.core.connected({});
  REQUIRE(only<ask_have>(effects));
  CHECK(all<ask_have>(effects)[0].objects.size() == 2);
  effects = t.core.have_answered(std::vector{here});
  REQUIRE(only<put_object>(effects));
  CHECK(all<put_object>(effects)[0].object == here);
  effects = t.core.put_answered(here);
  REQUIRE(only<sign_next>(effects));
  effects = t.sign();
  REQUIRE(only<push_entries>(effects));
  effects = t.core.push_answered(1, {});
  CHECK(all<durable>(effects).size() == 1);
  CHECK(all<push_idle>(effects).size() == 1);
  CHECK(t.core.changed().empty());
}

TEST_CASE("no more is put unacknowledged than the window, but for one object of any size") {
  desk t;
  const std::vector<object_id> objects{t.object(60), t.object(60), t.object(500)};
  t.change(objects);
  (void)t.core.connected({});
  CHECK(all<put_object>(t.core.have_answered(objects)).size() == 1);
  CHECK(all<put_object>(t.core.put_answered(objects[0])).size() == 1);
  CHECK(all<put_object>(t.core.put_answered(objects[1])).size() == 1);
  CHECK(all<sign_next>(t.core.put_answered(objects[2])).size() == 1);
}

TEST_CASE("a lost connection starts anew, and an acknowledged entry is not pushed again") {
  desk t;
  const auto id = t.object(10);
  t.change({id});
  (void)t.core.connected({});
  (void)t.core.have_answered(std::vector{id});
  t.core.disconnected();
  CHECK(t.core.put_answered(id).empty());
  CHECK(t.core.changed().empty());
  CHECK(only<ask_have>(t.core.connected({})));
  CHECK(only<sign_next>(t.core.have_answered({})));
  CHECK(only<push_entries>(t.sign()));
  t.core.disconnected();
  const auto effects = t.core.connected({*t.journal.last_signed()});
  CHECK(all<durable>(effects).size() == 1);
  CHECK(all<push_entries>(effects).empty());
}

TEST_CASE(
    "others' entries are passed on without their objects, which go when the replica wants them") {
  desk t;
  t.remote(nullptr);
  CHECK(only<push_entries>(t.core.connected({})));
  const auto have = t.object(10);
  const std::vector<object_id> wanted{have, t.random->id<object_id>()};
  const auto effects = t.core.push_answered(1, wanted);
  REQUIRE(all<put_object>(effects).size() == 1);
  CHECK(all<put_object>(effects)[0].object == have);
  CHECK(only<push_idle>(t.core.put_answered(have)));
}

TEST_CASE("no more entries go in one push than a replica takes") {
  desk t;
  std::vector<entry> chain{t.remote(nullptr)};
  for (int i = 0; i < 4; ++i) chain.push_back(t.remote(&chain.back()));
  push core(t.held.feeds, t.journal, t.alice.device,
            [](const object_id&) -> std::optional<std::size_t> { return std::nullopt; },
            {.batch_entries = 2});
  auto effects = core.connected({});
  for (const std::size_t count : {2U, 2U, 1U}) {
    REQUIRE(only<push_entries>(effects));
    CHECK(all<push_entries>(effects)[0].entries.size() == count);
    effects = core.push_answered(count, {});
  }
  CHECK(only<push_idle>(effects));
}

TEST_CASE("what came from the replica is not sent back to it") {
  desk t;
  CHECK(only<push_idle>(t.core.connected({})));
  t.core.came_from_replica(t.remote(nullptr).hash);
  CHECK(t.core.changed().empty());
}

TEST_CASE("entries that the replica turns out to lack go first, further back each time") {
  desk t;
  std::vector<entry> chain{t.remote(nullptr)};
  for (int i = 0; i < 9; ++i) chain.push_back(t.remote(&chain.back()));
  // The replica names the head of a fork that is not held here: what stands before it is taken as there.
  auto unknown = t.write(t.bob, &chain.back()).head();
  unknown.seq = {11};
  CHECK(all<push_entries>(t.core.connected({unknown})).empty());
  chain.push_back(t.remote(&chain.back()));
  chain.push_back(t.remote(&chain.back()));
  REQUIRE(only<push_entries>(t.core.changed()));
  std::size_t lacking = 10;
  for (const std::size_t back : {10UL, 8UL, 5UL, 0UL}) {
    const std::vector lacks{chain[lacking].hash};
    const auto again = t.core.push_refused({errc::lacks_entries, ""}, lacks);
    REQUIRE(only<push_entries>(again));
    CHECK(all<push_entries>(again)[0].entries.size() == chain.size() - back);
    if (back > 0) lacking = back - 1;
  }
}

TEST_CASE("a refusal stalls until the ledger advances") {
  desk t;
  t.change();
  CHECK(only<sign_next>(t.core.connected({})));
  auto effects = t.core.sign_answered(error{errc::rotation_due, ""});
  REQUIRE(only<stalled>(effects));
  CHECK(t.core.changed().empty());
  CHECK(only<sign_next>(t.core.ledger_advanced()));
  CHECK(only<push_entries>(t.sign()));
  effects = t.core.push_refused({errc::lacks_records, ""}, {});
  CHECK(all<sync_ledger>(effects).size() == 1);
  CHECK(all<stalled>(effects).size() == 1);
  CHECK(only<push_entries>(t.core.ledger_advanced()));
  effects = t.core.push_refused({errc::lacks_entries, ""}, std::vector{t.random->id<entry_hash>()});
  CHECK(only<stalled>(effects));
}

TEST_CASE("a failed question or put is made again after retry") {
  desk t;
  const auto id = t.object(10);
  t.change({id});
  (void)t.core.connected({});
  CHECK(only<stalled>(t.core.have_failed({errc::io_failed, ""})));
  CHECK(only<ask_have>(t.core.retry()));
  CHECK(only<put_object>(t.core.have_answered(std::vector{id})));
  CHECK(only<stalled>(t.core.put_failed(id, {errc::io_failed, ""})));
  CHECK(only<put_object>(t.core.retry()));
  CHECK(only<sign_next>(t.core.put_answered(id)));
}

TEST_CASE("objects go up before the changes that need them") {
  desk d;
  const auto object = d.object(10);
  CHECK(d.core.upload_ahead({object}).empty());  // offline
  REQUIRE(d.core.connected({}).size() == 1);     // idle
  CHECK(all<ask_have>(d.core.upload_ahead({object})).size() == 1);
  CHECK(all<put_object>(d.core.have_answered(std::vector{object})).size() == 1);
  d.change({object});
  CHECK(d.core.changed().empty());
  CHECK(all<sign_next>(d.core.put_answered(object)).size() == 1);  // nothing is asked or put twice
  std::vector<object_id> many(4 * push_tuning{}.have_batch);
  for (auto& id : many) id = d.object(10);
  CHECK(d.core.upload_ahead(many).empty());  // too many: they go when their changes come
}

TEST_CASE("what a replica asks for again and again is put once, if it is here") {
  desk d;
  const auto big = d.object(90);
  const auto lost = d.object(20);
  const auto strange = d.random->id<object_id>();
  CHECK(d.core.wanted(std::vector{lost}).empty());  // offline
  (void)d.core.connected({});
  REQUIRE(all<put_object>(d.core.wanted(std::vector{big})).size() == 1);
  for (int i = 0; i < 3; ++i)
    CHECK(all<put_object>(d.core.wanted(std::vector{lost, strange, big, lost}))
              .empty());  // the window is full
  const auto next = all<put_object>(d.core.put_answered(big));
  REQUIRE(next.size() == 1);
  CHECK(next[0].object == lost);
  CHECK(all<put_object>(d.core.put_answered(lost)).empty());
}

TEST_CASE("an object that is lost here does not hold up its entry, and is told") {
  desk t;
  const auto lost = t.random->id<object_id>();
  t.change({lost});
  (void)t.core.connected({});
  const auto effects = t.core.have_answered(std::vector{lost});
  CHECK(all<object_missing>(effects).size() == 1);
  CHECK(all<sign_next>(effects).size() == 1);
}

TEST_CASE("towards a device entries go at once, without objects first") {
  desk t;
  auto core = t.make_push(false);
  t.change({t.object(10)});
  CHECK(only<sign_next>(core.connected({})));
}

TEST_CASE(
    "a gap is asked for once more, and a missing record once; then the replica is not believed") {
  desk t;
  pull core(t.held.feeds);
  CHECK(core.connected().size() == 1);
  CHECK(core.received({.lacks_entries = true}).empty());
  const auto a = t.write(t.alice, nullptr);
  core.subscribed({a.head()});
  CHECK(core.behind() == std::vector{a.head()});
  const arrived gap{.lacks_entries = true, .lacks = {a.hash}};
  REQUIRE(std::holds_alternative<replica::subscribe>(core.received(gap).at(0)));
  CHECK_FALSE(core.streaming());
  core.subscribed({});
  CHECK(core.behind().empty());
  const auto told = core.received(gap);
  CHECK(std::get<withheld>(told.at(0)).entries == std::vector{a.hash});
  CHECK_FALSE(core.streaming());

  CHECK(core.connected().size() == 1);
  core.subscribed({});
  const arrived record{.lacks_records = true};
  REQUIRE(std::holds_alternative<pull_ledger>(core.received(record).at(0)));
  REQUIRE(std::holds_alternative<replica::subscribe>(core.ledger_pulled().at(0)));
  core.subscribed({});
  CHECK(std::holds_alternative<withheld>(core.received(record).at(0)));
  REQUIRE(std::holds_alternative<replica::subscribe>(core.ledger_pulled().at(0)));
  core.subscribed({});
  CHECK(core.received({.fresh = true}).empty());
  CHECK(std::holds_alternative<pull_ledger>(core.received(record).at(0)));
}
