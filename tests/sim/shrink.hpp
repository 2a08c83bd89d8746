// Makes a failing plan short: parts of it are left out as long as it still fails (delta debugging).
#pragma once

#include "tests/sim/world.hpp"

namespace keyfold::sim {

/// Runs the plan, or the seed's own.
[[nodiscard]] outcome run_once(std::uint64_t seed, bug planted, std::ostream* out = nullptr);
[[nodiscard]] outcome run_plan(std::uint64_t seed, bug planted, const std::vector<step>& plan,
                               std::ostream* out = nullptr);
/// The steps without which it does not break the same kind of promise, tried in at most `most` runs.
[[nodiscard]] std::vector<step> shrink(std::uint64_t seed, bug planted, std::size_t most = 400);

}  // namespace keyfold::sim
