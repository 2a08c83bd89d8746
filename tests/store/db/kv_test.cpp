// All stores and views must behave as a plain ordered map does.
#include "store/db/kv.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "store/db/keys.hpp"
#include "store/db/sealed.hpp"
#include "tests/support/temp_dir.hpp"

using namespace keyfold;
using namespace keyfold::db;

namespace {

using model = std::map<bytes, bytes>;
using pairs = std::vector<std::pair<bytes, bytes>>;

pairs scanned(const view& v, bytes_view prefix, bytes_view from = {}) {
  pairs out;
  v.scan(prefix, from, [&](bytes_view key, bytes_view value) {
    out.emplace_back(to_bytes(key), to_bytes(value));
    return true;
  });
  return out;
}

pairs expected_scan(const model& m, bytes_view prefix, bytes_view from) {
  pairs out;
  for (const auto& [key, value] : m)
    if (has_prefix(key, prefix) && !key_below(key, from)) out.emplace_back(key, value);
  return out;
}

std::optional<std::pair<bytes, bytes>> expected_last(const model& m, bytes_view prefix,
                                                     bytes_view before) {
  std::optional<std::pair<bytes, bytes>> out;
  for (const auto& [key, value] : m)
    if (has_prefix(key, prefix) && (before.empty() || key_below(key, before))) out = {key, value};
  return out;
}

/// Keys of few letters, 0xff among them, so that they clash and share prefixes.
bytes any_key(random_source& random) {
  constexpr std::array<std::uint8_t, 4> letters{0, 'a', 'b', 0xff};
  bytes out(random.below(5));
  for (auto& letter : out) letter = letters[random.below(letters.size())];
  return out;
}

/// One random run against the model; RapidCheck prints the seed of a failing one.
void behaves_as_a_map(store& below, std::uint64_t seed) {
  const auto random = seeded_random(seed);
  model m;
  transaction t(below);
  for (const auto& [key, value] : scanned(t, {})) t.erase(key);
  RC_ASSERT(t.commit(false));
  for (int step = 0; step < 60; ++step) {
    const auto key = any_key(*random);
    const auto what = random->below(6);
    if (what == 0) {
      RC_ASSERT(t.commit(false));
    } else if (what == 1) {
      t.erase(key);
      m.erase(key);
    } else {
      bytes value(random->below(20));
      random->fill(value);
      t.put(key, value);
      m[key] = value;
    }
    const auto prefix = any_key(*random);
    const auto edge = any_key(*random);
    const auto found = m.find(edge);
    RC_ASSERT(t.get(edge) == (found == m.end() ? std::nullopt : std::optional(found->second)));
    RC_ASSERT(scanned(t, prefix, edge) == expected_scan(m, prefix, edge));
    RC_ASSERT(t.last(prefix, edge) == expected_last(m, prefix, edge));
  }
}

}  // namespace

TEST_CASE("a transaction over memory behaves as a map") {
  const auto below = memory_store();
  CHECK(rc::check([&](std::uint64_t seed) { behaves_as_a_map(*below, seed); }));
}

TEST_CASE("a transaction over LevelDB behaves as a map") {
  const test::temp_dir folder;
  const auto below = open_leveldb(folder.path().string());
  REQUIRE(below);
  CHECK(rc::check([&](std::uint64_t seed) { behaves_as_a_map(**below, seed); }));
}

TEST_CASE("a transaction over a sealed store behaves as a map") {
  const auto memory = memory_store();
  const auto random = seeded_random(1);
  const auto below = sealed_store(*memory, random->key(), *random);
  CHECK(rc::check([&](std::uint64_t seed) { behaves_as_a_map(*below, seed); }));
}

TEST_CASE("nothing of a transaction is written before commit") {
  const auto below = memory_store();
  {
    transaction t(*below);
    t.put(bytes{1}, bytes{2});
    CHECK(t.get(bytes{1}) == bytes{2});
  }
  CHECK(*below->get(bytes{1}) == std::nullopt);
}

TEST_CASE("erasing what is not there leaves nothing to be written") {
  const auto below = memory_store();
  transaction t(*below);
  t.erase(bytes{1});
  CHECK(t.empty());
  t.put(bytes{1}, bytes{2});
  t.erase(bytes{1});
  CHECK(t.empty());
  CHECK_FALSE(t.get(bytes{1}));
  t.put(bytes{1}, bytes{2});
  REQUIRE(t.commit(false));
  t.put(bytes{1}, bytes{3});
  t.erase(bytes{1});
  CHECK_FALSE(t.empty());
  CHECK_FALSE(t.get(bytes{1}));
  REQUIRE(t.commit(false));
  CHECK(*below->get(bytes{1}) == std::nullopt);
}

TEST_CASE("writes of a visitor are not seen by the scan under way, but by reads") {
  const auto below = memory_store();
  transaction t(*below);
  t.put(bytes{1}, {});
  t.put(bytes{3}, {});
  REQUIRE(t.commit(false));
  t.put(bytes{2}, {});
  int seen = 0;
  t.scan({}, {}, [&](bytes_view key, bytes_view) {
    ++seen;
    t.put(bytes{static_cast<std::uint8_t>(key[0] + 10)}, bytes{1});
    CHECK(t.get(bytes{static_cast<std::uint8_t>(key[0] + 10)}));
    return true;
  });
  CHECK(seen == 3);
  CHECK(scanned(t, {}).size() == 6);
}

TEST_CASE("a scan of a store may write to it") {
  const auto below = memory_store();
  REQUIRE(below->write({{bytes{1}, bytes{}}, {bytes{2}, bytes{}}}, false));
  int seen = 0;
  REQUIRE(below->scan({}, {}, [&](bytes_view, bytes_view) {
    CHECK(below->write({{bytes{3}, bytes{}}}, false));
    return ++seen < 10;
  }));
  CHECK(seen == 2);
}

TEST_CASE("a failed read makes the commit fail once, and writes nothing") {
  class failing final : public store {
   public:
    expected<std::optional<bytes>> get(bytes_view) const override { return fail(errc::io_failed); }
    expected<void> scan(bytes_view, bytes_view, const visitor&) const override {
      return fail(errc::io_failed);
    }
    expected<std::optional<std::pair<bytes, bytes>>> last(bytes_view, bytes_view) const override {
      return fail(errc::io_failed);
    }
    expected<void> write(const batch&, bool) override {
      ++writes;
      return {};
    }
    int writes = 0;
  } below;
  transaction t(below);
  CHECK_FALSE(t.get(bytes{1}));
  t.put(bytes{1}, {});
  CHECK(t.commit(true).error().code == errc::io_failed);
  CHECK(below.writes == 0);
  t.put(bytes{1}, {});
  CHECK(t.commit(true));
  CHECK(below.writes == 1);
  t.scan({}, {}, [](bytes_view, bytes_view) { return true; });
  CHECK(t.commit(true).error().code == errc::io_failed);
  CHECK_FALSE(t.last({}));
  CHECK(t.commit(true).error().code == errc::io_failed);
}

TEST_CASE("a prefixed view sees its own part only, without the prefix") {
  const auto below = memory_store();
  transaction t(*below);
  prefixed alice(t, to_bytes(as_bytes("a")));
  prefixed bob(t, to_bytes(as_bytes("b")));
  alice.put(bytes{1}, bytes{10});
  alice.put(bytes{2}, bytes{20});
  bob.put(bytes{1}, bytes{30});
  CHECK(alice.get(bytes{1}) == bytes{10});
  CHECK(scanned(alice, {}) == pairs{{bytes{1}, bytes{10}}, {bytes{2}, bytes{20}}});
  CHECK(scanned(alice, {}, bytes{2}) == pairs{{bytes{2}, bytes{20}}});
  CHECK(alice.last({}) == std::pair(bytes{2}, bytes{20}));
  CHECK(alice.last({}, bytes{2}) == std::pair(bytes{1}, bytes{10}));
  CHECK_FALSE(alice.last({}, bytes{1}));
  alice.erase(bytes{1});
  CHECK_FALSE(alice.get(bytes{1}));
  CHECK(bob.get(bytes{1}) == bytes{30});
}

TEST_CASE("what a transaction hands over is committed with another's changes", "[db]") {
  const auto below = memory_store();
  transaction ours(*below);
  transaction theirs(*below);
  ours.put(as_bytes("mine"), as_bytes("1"));
  theirs.put(as_bytes("theirs"), as_bytes("2"));

  auto taken = ours.take();
  REQUIRE(taken);
  CHECK(ours.empty());
  CHECK_FALSE(ours.get(as_bytes("mine")));
  theirs.add(*std::move(taken));
  CHECK(scanned(theirs, {}).size() == 2);
  REQUIRE(theirs.commit(true));
  CHECK(ours.get(as_bytes("mine")) == to_bytes(as_bytes("1")));
  CHECK(ours.get(as_bytes("theirs")) == to_bytes(as_bytes("2")));
}
