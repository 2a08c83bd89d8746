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

TEST_CASE("planted bugs are noticed") {
  const auto [planted, most] = GENERATE(table<bug, std::uint64_t>({
      {bug::push_untold, 10},
      {bug::rows_lost, 10},
      {bug::older_content_wins, 10},
      {bug::object_unchecked, 10},
      {bug::objects_never_put, 10},
      {bug::removed_are_served, 10},
      {bug::acknowledges_unsaved, 20},
      {bug::signs_unsynced, 20},
      {bug::segment_left_open, 20},
      {bug::deletes_unseen, 30},
      {bug::position_frozen, 10},
      {bug::entry_skipped, 20},
      {bug::relay_commits_late, 80},
      {bug::cut_dropped, 60},
  }));
  INFO("planted: " << bug_names[static_cast<std::size_t>(planted)]);
  CHECK(noticed_at(planted, most));
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
