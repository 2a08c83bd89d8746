// What was, who did it and when; and bringing it back.
#include "store/workspace/history.hpp"

#include <rapidcheck.h>

#include "tests/store/workspace/devices.hpp"

using namespace keyfold;
using namespace keyfold::workspace;
using namespace keyfold::tests;

namespace {

using change = past_change::kind;

const char* name_of(change what) {
  static const std::map<change, const char*> names{
      {change::created, "created"}, {change::written, "written"}, {change::renamed, "renamed"},
      {change::moved, "moved"},     {change::deleted, "deleted"}, {change::restored, "restored"}};
  return names.at(what);
}

std::string text_of(const strings& path) {
  std::string out;
  for (const auto& name : path) out += "/" + name;
  return out;
}

/// "renamed /a -> /b", "written /b *" (with a mark where it is current).
std::string line_of(const past_change& c) {
  return std::string(name_of(c.what)) + " " + (c.from.empty() ? "" : text_of(c.from) + " -> ") +
         text_of(c.path) + (c.current ? " *" : "");
}

strings lines_of(const std::vector<past_change>& changes) {
  strings out;
  for (const auto& c : changes) out.push_back(line_of(c));
  return out;
}

strings history(const device& d, const strings& path, std::size_t limit = 100) {
  const auto found = d.e.history(path, limit);
  REQUIRE(found);
  return lines_of(found->changes);
}

/// Everything that history says, as one text.
std::string whole_history(const engine& e, const strings& path) {
  const auto found = e.history(path, 10'000);
  if (!found) return std::string(to_string(found.error().code));
  std::string out = found->more ? "more\n" : "";
  for (const auto* list : {&found->changes, &found->deleted}) {
    for (const auto& c : *list)
      out += line_of(c) + " " + to_text(c.node) + " " + to_text(c.version) + " " +
             std::to_string(c.size) + " " + std::to_string(c.mtime_ns) + " " +
             std::to_string(c.when_ms.value_or(0)) + " " + to_text(c.at.hash) + "\n";
    out += "--\n";
  }
  return out;
}

/// Restores; without a version what was deleted there last.
expected<item> restore(device& d, const strings& path, std::optional<version_id> version = {}) {
  KEYFOLD_TRY(const auto thing, d.e.find_past(path, version));
  return d.e.restore(path, thing);
}

std::uint64_t size_at(const device& d, const strings& path) {
  const auto found = d.e.find(path);
  REQUIRE(found);
  return std::get<file_content>(found->version->content).size;
}

/// Two devices whose clocks a test sets.
struct timed_pair {
  std::uint64_t now = 1'000'000;
  pair_of_devices w{1, [this] { return now; }};
};

}  // namespace

TEST_CASE("a file's history tells every version, who made it and when, the newest first") {
  timed_pair t;
  auto& w = t.w;
  const auto first = put(w.a, {"a.txt"}, 1);
  w.sync();
  t.now += 5000;
  const auto second = put(w.b, {"a.txt"}, 2);
  w.sync();
  t.now += 5000;
  const auto third = put(w.a, {"a.txt"}, 3);
  w.sync();
  for (const auto* d : {&w.a, &w.b}) {
    CHECK(history(*d, {"a.txt"}) ==
          strings{"written /a.txt *", "written /a.txt", "created /a.txt"});
    const auto found = d->e.history(strings{"a.txt"}, 100)->changes;
    CHECK(found[0].version == third.version);
    CHECK(found[1].version == second.version);
    CHECK(found[2].version == first.version);
    CHECK(found[1].at.device == w.bob.device);
    CHECK(found[2].at.device == w.alice.device);
    CHECK(found[0].when_ms == 1'010'000U);
    CHECK(found[1].when_ms == 1'005'000U);
    CHECK(found[2].when_ms == 1'000'000U);
    CHECK(found[2].size == 2);
  }
}

TEST_CASE("an old version restored is a new version on all devices, and is told as restored") {
  pair_of_devices w;
  const auto first = put(w.a, {"a.txt"}, 1);
  put(w.a, {"a.txt"}, 2);
  w.sync();
  const auto back = restore(w.b, {"a.txt"}, first.version);
  REQUIRE(back);
  CHECK(back->version != first.version);
  w.sync();
  CHECK(size_at(w.a, {"a.txt"}) == 2);
  CHECK(w.a.e.tree().current_versions(first.node) == std::vector{back->version});
  CHECK(history(w.a, {"a.txt"}) ==
        strings{"restored /a.txt *", "written /a.txt", "created /a.txt"});
  SECTION("what is the content already is left") {
    const auto again = restore(w.b, {"a.txt"}, back->version);
    REQUIRE(again);
    CHECK(again->version == back->version);
    CHECK(w.b.e.pending().entries == 0);
  }
  SECTION("without a version nobody can say what is meant") {
    CHECK(restore(w.b, {"a.txt"}).error().code == errc::usage);
  }
}

TEST_CASE("a deleted file is found by its path and comes back, as it was or as an older version") {
  pair_of_devices w;
  const auto first = put(w.a, {"a.txt"}, 1);
  const auto second = put(w.a, {"a.txt"}, 2);
  REQUIRE(w.a.e.remove_at(strings{"a.txt"}, false));
  w.sync();
  CHECK(history(w.b, {"a.txt"}) == strings{"deleted /a.txt", "written /a.txt", "created /a.txt"});
  CHECK(lines_of(w.b.e.history({}, 100)->deleted) == strings{"deleted /a.txt"});
  CHECK(w.b.e.history({}, 100)->deleted[0].version == second.version);
  SECTION("as it was") {
    const auto back = restore(w.b, {"a.txt"});
    REQUIRE(back);
    CHECK(*back == second);
    w.sync();
    CHECK(size_at(w.a, {"a.txt"}) == 3);
    CHECK(history(w.a, {"a.txt"}) ==
          strings{"restored /a.txt", "deleted /a.txt", "written /a.txt *", "created /a.txt"});
    CHECK(w.a.e.history({}, 100)->deleted.empty());
  }
  SECTION("as an older version") {
    const auto back = restore(w.b, {"a.txt"}, first.version);
    REQUIRE(back);
    CHECK(back->node == first.node);
    w.sync();
    CHECK(size_at(w.a, {"a.txt"}) == 2);
    CHECK(w.a.shown() == w.b.shown());
  }
  SECTION("where a new file stands, that one gets the content, and keeps its own history") {
    const auto other = put(w.b, {"a.txt"}, 7);
    const auto back = restore(w.b, {"a.txt"}, second.version);
    REQUIRE(back);
    CHECK(back->node == other.node);
    CHECK(size_at(w.b, {"a.txt"}) == 3);
    CHECK(w.b.names() == strings{"a.txt"});
    REQUIRE(restore(w.b, {"a.txt"}, other.version));
    CHECK(size_at(w.b, {"a.txt"}) == 8);
  }
  SECTION("where a folder stands it is refused") {
    make_folder(w.b, {"a.txt"});
    CHECK(restore(w.b, {"a.txt"}, second.version).error().code == errc::is_a_folder);
  }
  SECTION("by two at once") {
    REQUIRE(restore(w.a, {"a.txt"}, first.version));
    REQUIRE(restore(w.b, {"a.txt"}, first.version));
    w.sync();
    CHECK(w.a.names() == strings{"a.txt"});
    CHECK(w.a.shown() == w.b.shown());
  }
}

TEST_CASE("a file that was renamed has its whole history, and its old path tells where it went") {
  pair_of_devices w;
  make_folder(w.a, {"docs"});
  const auto first = put(w.a, {"docs", "a"}, 1);
  REQUIRE(w.a.e.move_at(strings{"docs", "a"}, strings{"docs", "b"}, false));
  put(w.a, {"docs", "b"}, 2);
  REQUIRE(w.a.e.move_at(strings{"docs", "b"}, strings{"c"}, false));
  w.sync();
  CHECK(history(w.b, {"c"}) == strings{"moved /docs/b -> /c", "written /docs/b *",
                                       "renamed /docs/a -> /docs/b", "created /docs/a"});
  CHECK(history(w.b, {"docs", "a"}) == strings{"renamed /docs/a -> /docs/b", "created /docs/a"});
  SECTION("a copy of what it was can be made there") {
    const auto copy = restore(w.b, {"docs", "a"}, first.version);
    REQUIRE(copy);
    CHECK(copy->node != first.node);
    CHECK(size_at(w.b, {"docs", "a"}) == 2);
    CHECK(size_at(w.b, {"c"}) == 3);
  }
  SECTION("nothing was deleted there") {
    CHECK(restore(w.b, {"docs", "a"}).error().code == errc::not_found);
  }
  SECTION("a folder that was renamed is found by its old name") {
    put(w.a, {"docs", "x"}, 4);
    REQUIRE(w.a.e.move_at(strings{"docs"}, strings{"papers"}, false));
    put(w.a, {"papers", "x"}, 5);
    CHECK(history(w.a, {"docs", "x"}) == strings{"moved /docs/x -> /papers/x", "created /docs/x"});
    CHECK(history(w.a, {"papers", "x"}) == strings{"written /papers/x *", "created /docs/x"});
    CHECK(history(w.a, {"docs"})[0] == "renamed /docs -> /papers");
    CHECK(history(w.a, {"papers"})[0] == "written /papers/x *");
  }
}

TEST_CASE("a deleted folder comes back with what was in it when it was deleted") {
  timed_pair t;
  auto& w = t.w;
  make_folder(w.a, {"docs"});
  make_folder(w.a, {"docs", "sub"});
  put(w.a, {"docs", "a"}, 1);
  const auto b = put(w.a, {"docs", "sub", "b"}, 2);
  put(w.a, {"docs", "gone long before"}, 3);
  REQUIRE(w.a.e.remove_at(strings{"docs", "gone long before"}, false));
  t.now += 100'000;
  w.sync();
  const auto before = w.b.shown();
  SECTION("deleted at once") {
    REQUIRE(w.a.e.remove_at(strings{"docs"}, true));
    w.sync();
    CHECK(w.b.names().empty());
    CHECK(lines_of(w.b.e.history({}, 100)->deleted) == strings{"deleted /docs"});
    auto inside = lines_of(w.b.e.history(strings{"docs"}, 100)->deleted);
    REQUIRE(inside.size() == 3);
    CHECK(inside[2] == "deleted /docs/gone long before");
    std::sort(inside.begin(), inside.end());
    CHECK(inside[0] == "deleted /docs/a");
    CHECK(inside[2] == "deleted /docs/sub");
    CHECK(history(w.b, {"docs", "sub", "b"}) ==
          strings{"deleted /docs/sub/b", "created /docs/sub/b"});
    SECTION("and restored by its path") {
      REQUIRE(restore(w.b, {"docs"}));
      w.sync();
      CHECK(w.a.shown() == before);
      CHECK(w.b.shown() == before);
      CHECK(history(w.a, {"docs"})[0] == "restored /docs");
    }
    SECTION("and restored by its id, beside a new one of its name") {
      make_folder(w.b, {"docs"});
      put(w.b, {"docs", "new"}, 9);
      CHECK(restore(w.b, {"docs"}).error().code == errc::usage);
      const auto id = w.b.e.history({}, 100)->deleted[0].node;
      REQUIRE(restore(w.b, {"docs"}, version_id{id.value}));
      CHECK(w.b.e.list(*w.b.e.find(strings{"docs"})).size() == 3);
    }
    SECTION("and not where a file stands") {
      put(w.b, {"docs"}, 9);
      const auto id = w.b.e.history({}, 100)->deleted[0].node;
      CHECK(restore(w.b, {"docs"}, version_id{id.value}).error().code == errc::name_taken);
    }
    SECTION("and of it one file alone; later the rest") {
      const auto back = restore(w.b, {"docs", "sub", "b"});
      REQUIRE(back);
      CHECK(*back == b);
      w.sync();
      CHECK(w.a.e.list(*w.a.e.find(strings{"docs"})).size() == 1);
      CHECK(size_at(w.a, {"docs", "sub", "b"}) == 3);
      CHECK(history(w.a, {"docs", "sub", "b"})[0] == "restored /docs/sub/b");
      const auto id = w.b.e.history({}, 100)->deleted[0].node;
      REQUIRE(restore(w.b, {"docs"}, version_id{id.value}));
      CHECK(w.b.e.tree().count().files == 2);
    }
  }
  SECTION("deleted one by one, as rm -r does") {
    for (const auto& path : {strings{"docs", "sub", "b"}, strings{"docs", "sub"},
                             strings{"docs", "a"}, strings{"docs"}}) {
      t.now += 10'000;
      REQUIRE(w.a.e.remove_at(path, true));
    }
    w.sync();
    REQUIRE(restore(w.b, {"docs"}));
    w.sync();
    CHECK(w.a.shown() == before);
    CHECK(w.b.shown() == before);
  }
}

TEST_CASE("folders of one name that were deleted together come back together") {
  timed_pair t;
  auto& w = t.w;
  make_folder(w.a, {"docs"});
  put(w.a, {"docs", "hers"}, 1);
  make_folder(w.b, {"docs"});
  put(w.b, {"docs", "his"}, 2);
  w.sync();
  const auto before = w.a.shown();
  REQUIRE(w.a.e.remove_at(strings{"docs"}, true));
  w.sync();
  REQUIRE(restore(w.a, {"docs"}));
  w.sync();
  CHECK(w.a.shown() == before);
  CHECK(w.b.shown() == before);
}

TEST_CASE("versions of both sides of a conflict are told, and a dropped one can be had again") {
  pair_of_devices w;
  put(w.a, {"a.txt"}, 1);
  w.sync();
  put(w.a, {"a.txt"}, 2);
  put(w.b, {"a.txt"}, 3);
  w.sync();
  const auto copy = w.a.names()[0];
  CHECK(history(w.a, {"a.txt"}).size() == 3);
  CHECK(whole_history(w.a.e, {"a.txt"}) == whole_history(w.a.e, {copy}));
  const auto dropped = w.a.e.find(strings{copy})->version->version;
  REQUIRE(w.a.e.remove_at(strings{copy}, false));
  w.sync();
  const auto told = w.b.e.history(strings{"a.txt"}, 100)->changes;
  CHECK(told[0].what == change::deleted);
  CHECK(told[0].version == dropped);
  REQUIRE(restore(w.b, {"a.txt"}, dropped));
  w.sync();
  CHECK(w.a.names() == strings{"a.txt"});
  CHECK(w.a.e.history(strings{"a.txt"}, 100)->changes[0].what == change::restored);
}

TEST_CASE("what never was there, and a version that nobody wrote, are refused") {
  pair_of_devices w;
  put(w.a, {"a"}, 1);
  const auto elsewhere = put(w.a, {"b"}, 2);
  CHECK(w.a.e.history(strings{"nothing"}, 100).error().code == errc::not_found);
  CHECK(w.a.e.history(strings{"a", "below"}, 100).error().code == errc::not_found);
  CHECK(restore(w.a, {"nothing"}).error().code == errc::not_found);
  CHECK(restore(w.a, {"a"}, id_of<version_id>(99, 1)).error().code == errc::not_found);
  CHECK(restore(w.a, {"a"}, elsewhere.version).error().code == errc::not_found);
  CHECK(restore(w.a, {}).error().code == errc::usage);
  CHECK(w.a.e.history({}, 100));
}

TEST_CASE("a Reader sees history and restores nothing") {
  pair_of_devices w;
  const auto first = put(w.a, {"a"}, 1);
  put(w.a, {"a"}, 2);
  put(w.a, {"gone"}, 3);
  REQUIRE(w.a.e.remove_at(strings{"gone"}, false));
  make_folder(w.a, {"docs"});
  REQUIRE(w.a.e.remove_at(strings{"docs"}, true));
  w.sync();
  w.ledger.roles[w.bob.user][w.ledger.known] = ledger::role::reader;
  CHECK(history(w.b, {"a"}).size() == 2);
  CHECK(restore(w.b, {"a"}, first.version).error().code == errc::role_insufficient);
  CHECK(restore(w.b, {"gone"}).error().code == errc::role_insufficient);
  CHECK(restore(w.b, {"docs"}).error().code == errc::role_insufficient);
  CHECK(w.b.e.pending().entries == 0);
}

TEST_CASE("history is cut at the limit, and says so") {
  pair_of_devices w;
  make_folder(w.a, {"docs"});
  for (std::uint64_t i = 0; i < 10; ++i) put(w.a, {"docs", "a"}, i);
  for (const auto& path : {strings{}, strings{"docs"}, strings{"docs", "a"}}) {
    const auto some = w.a.e.history(path, 4);
    REQUIRE(some);
    CHECK(some->changes.size() == 4);
    CHECK(some->more);
    CHECK(some->changes[0].current);
    CHECK_FALSE(w.a.e.history(path, 11)->more);
  }
  CHECK(history(w.a, {}).size() == 11);
}

TEST_CASE("a folder's history is of what is below it, and not of what is beside it") {
  pair_of_devices w;
  make_folder(w.a, {"in"});
  make_folder(w.a, {"out"});
  put(w.a, {"in", "a"}, 1);
  put(w.a, {"out", "b"}, 2);
  REQUIRE(w.a.e.move_at(strings{"in", "a"}, strings{"out", "a"}, false));
  put(w.a, {"out", "a"}, 3);
  CHECK(history(w.a, {"in"}) == strings{"created /in/a", "created /in"});
  CHECK(history(w.a, {"out"}) ==
        strings{"written /out/a *", "moved /in/a -> /out/a", "created /out/b *", "created /out"});
}

TEST_CASE("each entry says its time, and one time does for a second") {
  timed_pair t;
  auto& w = t.w;
  for (std::uint64_t i = 0; i < 20; ++i) {
    t.now += 100;
    put(w.a, {"a"}, i);
  }
  CHECK(w.a.e.pending().operations == 21 + 2);  // a creation, 20 writes, two times
  w.sync();
  put(w.a, {"a"}, 30);  // another entry
  CHECK(w.a.e.pending().operations == 2);
}

TEST_CASE("every version is told and can be had again, the same on all devices") {
  CHECK(rc::check("history", [] {
    std::uint64_t now = 0;
    pair_of_devices w(*rc::gen::arbitrary<std::uint64_t>(), [&now] { return now; });
    const auto steps =
        *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>());
    std::map<version_id, std::uint64_t> written;
    for (const auto step : steps) {
      now += step % 5000;
      auto& d = step % 2 == 0 ? w.a : w.b;
      const auto name = [](std::uint32_t n) {
        return std::string(1, static_cast<char>('a' + n % 3));
      };
      const auto path_of = [&](std::uint32_t n) {
        return n % 3 == 0 ? strings{name(n >> 2), name(n >> 4)} : strings{name(n >> 2)};
      };
      const auto path = path_of(step >> 8);
      const auto note = [&](const expected<item>& made, std::uint64_t seed) {
        if (made) written[made->version] = seed;
      };
      switch ((step >> 4) % 8) {
        case 0:
          w.push(d);
          break;
        case 1:
          (void)w.pull(d);
          break;
        case 2:
          if (const auto at = d.e.free_place(path)) RC_ASSERT(d.e.make_folder(*at));
          break;
        case 3:
        case 4:
          note(d.e.write_at(path, bytes_of(step >> 20)), step >> 20);
          break;
        case 5:
          (void)d.e.move_at(path, path_of(step >> 16), false);
          break;
        case 6:
          if (const auto thing = d.e.find_past(path, {})) (void)d.e.restore(path, *thing);
          break;
        default:
          (void)d.e.remove_at(path, true);
      }
    }
    w.sync();
    // A third device, which gets the entries one by one in another order.
    device late(w, w.bob, w.ledger);
    auto order = w.replica;
    const auto random = seeded_random(*rc::gen::arbitrary<std::uint64_t>());
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random->below(i)]);
    for (bool more = true; more;) {
      more = false;
      for (const auto& e : order) more = !late.e.receive({&e, 1}).fresh.empty() || more;
    }
    RC_ASSERT(late.shown() == w.a.shown());

    const auto all = w.a.e.history({}, 10'000);
    RC_ASSERT(all.has_value());
    std::set<strings> paths;
    paths.insert(strings{});
    std::map<version_id, strings> told;
    for (const auto& c : all->changes) {
      paths.insert(c.path);
      if (c.what == change::created || c.what == change::written || c.what == change::restored)
        if (c.of == node_kind::file) told.emplace(c.version, c.path);
    }
    for (const auto& path : paths) {
      const auto at_a = whole_history(w.a.e, path);
      RC_ASSERT(at_a == whole_history(w.b.e, path));
      RC_ASSERT(at_a == whole_history(late.e, path));
    }
    for (const auto& [version, seed] : written) {
      RC_ASSERT(told.contains(version));
      const auto& path = told.at(version);
      const auto thing = w.b.e.find_past(path, version);
      RC_ASSERT(thing.has_value());
      RC_ASSERT(std::get<file_content>(*thing->content).size == seed + 1);
      const auto back = w.b.e.restore(path, *thing);
      if (!back) {  // a folder stands there by now, or a file where a folder is needed
        RC_ASSERT(back.error().code == errc::is_a_folder ||
                  back.error().code == errc::not_a_folder);
        continue;
      }
      const auto shown = w.b.e.find(path);
      RC_ASSERT(shown.has_value());
      RC_ASSERT(std::get<file_content>(shown->version->content).size == seed + 1);
    }
    w.sync();
    RC_ASSERT(w.a.shown() == w.b.shown());
    RC_ASSERT(whole_history(w.a.e, {}) == whole_history(w.b.e, {}));
  }));
}
