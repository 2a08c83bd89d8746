// The oracle can fail: rules that are broken on purpose are noticed within so many seeds.
#include <catch2/catch.hpp>

#include "tests/sim/shrink.hpp"

using namespace keyfold::sim;

namespace {

/// The first of `most` seeds that the bug is noticed with.
std::optional<std::uint64_t> noticed_at(bug planted, std::uint64_t most) {
  for (std::uint64_t seed = 1; seed <= most; ++seed)
    if (run_once(seed, planted).broken) return seed;
  return std::nullopt;
}

}  // namespace

TEST_CASE("every planted bug is noticed") {
  for (std::size_t i = 1; i < bug_names.size(); ++i) {
    const auto seed = noticed_at(static_cast<bug>(i), 400);
    INFO("planted: " << bug_names[i]);
    CHECK(seed);
    if (seed) WARN(bug_names[i] << " is noticed at seed " << *seed);
  }
}

TEST_CASE("a failing plan is shrunk, and fails still") {
  const auto planted = bug::push_untold;
  const auto seed = noticed_at(planted, 50);
  REQUIRE(seed);
  const auto plan = shrink(*seed, planted, 100);
  CHECK(plan.size() < plan_of(*seed).size());
  CHECK(plan.size() <= 6);
  CHECK(run_plan(*seed, planted, plan).broken);
}
