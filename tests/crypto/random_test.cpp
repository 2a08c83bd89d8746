#include "crypto/random.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace keyfold;

TEST_CASE("a seed gives the same bytes however they are asked for, and another seed others") {
  bytes whole(300);
  seeded_random(7)->fill(whole);
  const auto pieces = seeded_random(7);
  bytes joined;
  for (const std::size_t size : {1U, 0U, 63U, 64U, 65U, 107U}) {
    bytes piece(size);
    pieces->fill(piece);
    append(joined, piece);
  }
  CHECK(joined == whole);
  bytes other(300);
  seeded_random(8)->fill(other);
  CHECK(other != whole);
}

TEST_CASE("the operating system's generator does not repeat itself") {
  std::set<user_id> seen;
  for (int i = 0; i < 100; ++i) seen.insert(system_random().id<user_id>());
  CHECK(seen.size() == 100);
}

TEST_CASE("numbers below a bound reach all of it and nothing else") {
  const auto random = seeded_random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 500; ++i) seen.insert(random->below(7));
  CHECK(seen == std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6});
  CHECK(random->below(1) == 0);
  CHECK(random->below(UINT64_MAX) < UINT64_MAX);
}
