// Takes the steps of a scenario in a lab.
#pragma once

#include "apps/lab/lab.hpp"
#include "apps/lab/scenario.hpp"

namespace keyfold::apps::lab {

/// Hears of each step that went well: its number from 0, and how long it took.
using step_listener = std::function<void(std::size_t, std::chrono::milliseconds)>;

/// Heals all links, starts what does not run, and takes all steps. A step that goes wrong ends it: `errc::timed_out` for
/// a `wait`, `errc::cancelled` where something is not as expected, `errc::usage` for names that the lab has not, or
/// what the step's command reports.
[[nodiscard]] expected<void> run_scenario(laboratory& of, const scenario& what,
                                          const step_listener& tell);

}  // namespace keyfold::apps::lab
