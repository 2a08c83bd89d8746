#include <catch2/catch.hpp>

#include "tests/sim/shrink.hpp"

using namespace keyfold::sim;

TEST_CASE("some seeds break no promise", "[short]") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const auto got = run_once(seed, bug::none);
    INFO("seed " << seed << ": " << got.broken.value_or(""));
    CHECK_FALSE(got.broken);
  }
}

TEST_CASE("the same seed gives the same trace", "[short]") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const auto one = run_once(seed, bug::none);
    const auto two = run_once(seed, bug::none);
    CHECK(one.hash == two.hash);
    CHECK(one.steps == two.steps);
    CHECK(run_once(seed + 1, bug::none).hash != one.hash);
  }
}
