#include "store/replica/fetch.hpp"

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include "crypto/random.hpp"

using namespace keyfold;
using namespace keyfold::replica;

namespace {

std::vector<get_object> gets(const fetch::effects& effects) {
  std::vector<get_object> out;
  for (const auto& effect : effects)
    if (const auto* get = std::get_if<get_object>(&effect)) out.push_back(*get);
  return out;
}
std::size_t unavailable(const fetch::effects& effects) {
  return effects.size() - gets(effects).size();
}

}  // namespace

TEST_CASE("the most urgent object is asked for first, then the first wanted") {
  const auto random = seeded_random(1);
  fetch f({.requests = 1});
  const auto slow = random->id<object_id>();
  const auto later = random->id<object_id>();
  const auto urgent = random->id<object_id>();
  CHECK(unavailable(f.want(slow, 10, 1)) == 1);
  (void)f.want(later, 10, 1);
  (void)f.want(urgent, 10, 5);
  auto asked = gets(f.replica_up(7));
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].object == urgent);
  CHECK(asked[0].replica == 7);
  asked = gets(f.got(7, urgent, true));
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].object == slow);
  CHECK_FALSE(f.wants(urgent));
}

TEST_CASE("wanting an object again raises its urgency, and does not ask for it twice") {
  const auto random = seeded_random(2);
  fetch f({.requests = 1});
  (void)f.replica_up(1);
  const auto a = random->id<object_id>();
  const auto b = random->id<object_id>();
  const auto c = random->id<object_id>();
  CHECK(gets(f.want(a, 1, 0)).size() == 1);
  CHECK(f.want(b, 1, 0).empty());
  CHECK(f.want(c, 1, 0).empty());
  CHECK(f.want(c, 1, 9).empty());
  CHECK(f.want(a, 1, 9).empty());
  CHECK(gets(f.got(1, a, true)).at(0).object == c);
}

TEST_CASE("an object that was not to be had is asked for again when it is wanted again") {
  const auto random = seeded_random(12);
  fetch f;
  (void)f.replica_up(1);
  const auto lost = random->id<object_id>();
  REQUIRE(gets(f.want(lost, 1, 1)).size() == 1);
  CHECK(unavailable(f.lacks(1, lost)) == 1);
  CHECK(f.is_unavailable(lost));
  CHECK(gets(f.want(lost, 1, 1)).size() == 1);
  CHECK_FALSE(f.is_unavailable(lost));
  // But not where it gave other bytes.
  CHECK(unavailable(f.got(1, lost, false)) == 1);
  CHECK(unavailable(f.want(lost, 1, 1)) == 1);
}

TEST_CASE("a replica is asked for no more than its window, but for one object of any size") {
  const auto random = seeded_random(3);
  fetch f({.requests = 8, .window = 100});
  (void)f.replica_up(1);
  const auto big = random->id<object_id>();
  CHECK(gets(f.want(big, 500, 1)).size() == 1);
  CHECK(gets(f.want(random->id<object_id>(), 1, 1)).empty());
  CHECK(gets(f.got(1, big, true)).size() == 1);
  CHECK(gets(f.want(random->id<object_id>(), 99, 1)).size() == 1);
  CHECK(gets(f.want(random->id<object_id>(), 1, 1)).empty());
}

TEST_CASE("what one replica lacks is asked for elsewhere, and told once when nobody has it") {
  const auto random = seeded_random(4);
  fetch f;
  (void)f.replica_up(1);
  (void)f.replica_up(2);
  const auto a = random->id<object_id>();
  const auto first = gets(f.want(a, 10, 1)).at(0).replica;
  const auto second = gets(f.lacks(first, a)).at(0).replica;
  CHECK(first != second);
  CHECK(unavailable(f.lacks(second, a)) == 1);
  CHECK(f.wants(a));
  CHECK(gets(f.maybe_has(first)).size() == 1);
}

TEST_CASE("a replica that gave other bytes is not asked for that object again") {
  const auto random = seeded_random(5);
  fetch f;
  (void)f.replica_up(1);
  const auto a = random->id<object_id>();
  (void)f.want(a, 10, 1);
  CHECK(unavailable(f.got(1, a, false)) == 1);
  CHECK(gets(f.replica_up(2)).at(0).replica == 2);
}

TEST_CASE("a lost replica's requests go to another; late answers of it change nothing") {
  const auto random = seeded_random(6);
  fetch f;
  (void)f.replica_up(1);
  const auto a = random->id<object_id>();
  (void)f.want(a, 10, 1);
  CHECK(unavailable(f.replica_down(1)) == 1);
  CHECK(f.lacks(1, a).empty());
  CHECK(gets(f.replica_up(2)).size() == 1);
}

TEST_CASE("everything that some replica has is fetched, whatever fails on the way") {
  CHECK(rc::check("fetch", [](std::uint64_t seed) {
    const auto random = seeded_random(seed);
    const fetch_tuning tuning{.requests = 3, .window = 50};
    fetch f(tuning);
    std::map<object_id, std::set<replica_number>> holders;
    std::map<replica_number, std::map<object_id, std::size_t>> under_way;
    std::map<object_id, std::size_t> sizes;
    std::set<object_id> fetched;
    const auto follow = [&](const fetch::effects& effects) {
      for (const auto& get : gets(effects)) {
        RC_ASSERT(under_way[get.replica].emplace(get.object, sizes[get.object]).second);
        std::size_t bytes = 0;
        for (const auto& [object, size] : under_way[get.replica]) bytes += size;
        RC_ASSERT(under_way[get.replica].size() <= tuning.requests);
        RC_ASSERT(bytes <= tuning.window || under_way[get.replica].size() == 1);
      }
    };
    replica_number next = 3;
    std::set<replica_number> up;
    for (int i = 0; i < 30; ++i) {
      const auto object = random->id<object_id>();
      sizes[object] = 1 + random->below(30);
      for (replica_number r = 0; r < 3; ++r)
        if (random->below(2) == 0) holders[object].insert(r);
      follow(f.want(object, sizes[object], random->below(3)));
    }
    const auto holds = [&](replica_number r, const object_id& o) {
      return holders[o].contains(r % 3);
    };
    for (int i = 0; i < 400; ++i) {
      const bool calm = i > 150;
      if (up.size() < 3 && (calm || random->below(4) == 0)) {
        const auto r = next++;
        bool another = false;
        for (const auto u : up) another = another || u % 3 == r % 3;
        if (!another) {
          up.insert(r);
          follow(f.replica_up(r));
        }
      }
      if (!calm && !up.empty() && random->below(8) == 0) {
        const auto r = *up.begin();
        up.erase(r);
        under_way.erase(r);
        follow(f.replica_down(r));
      }
      for (const auto r : up) {
        if (under_way[r].empty()) continue;
        const auto object = under_way[r].begin()->first;
        under_way[r].erase(object);
        if (holds(r, object)) {
          fetched.insert(object);
          follow(f.got(r, object, true));
        } else {
          follow(f.lacks(r, object));
        }
        break;
      }
    }
    for (const auto& [object, size] : sizes)
      RC_ASSERT(fetched.contains(object) == !holders[object].empty());
    RC_ASSERT(f.wanted() == sizes.size() - fetched.size());
  }));
}

TEST_CASE(
    "a near replica is asked before a far one, and the far one helps when the near one is busy") {
  const auto random = seeded_random(9);
  fetch f({.requests = 1});
  (void)f.replica_up(1, rank::far);
  (void)f.replica_up(2, rank::near);
  const auto first = gets(f.want(random->id<object_id>(), 10, 1));
  REQUIRE(first.size() == 1);
  CHECK(first[0].replica == 2);
  const auto second = gets(f.want(random->id<object_id>(), 10, 1));
  REQUIRE(second.size() == 1);
  CHECK(second[0].replica == 1);
  const auto again = gets(f.lacks(2, first[0].object));  // it does not have it: the far one may
  CHECK(again.empty());
  const auto elsewhere = gets(f.got(1, second[0].object, true));
  REQUIRE(elsewhere.size() == 1);
  CHECK(elsewhere[0].replica == 1);
  CHECK(elsewhere[0].object == first[0].object);
}
