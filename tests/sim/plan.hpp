// What happens to a run from outside: what users do and what goes wrong. A run is a function of its seed and this list;
// leaving parts of the list out gives another run that can be compared.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/trace.hpp"

namespace keyfold::sim {

enum class kind : std::uint8_t {
  // users
  write,
  edit,
  move,
  replace,
  remove,
  make_folder,
  restore,
  look,
  // the ledger
  grant,
  take_role,
  revoke,
  add_device,
  rotate,
  // what goes wrong
  crash,
  crash_at_effect,
  cut,
  block,
  unblock,
  disk_full,
  disk_fails,
  disk_bad_reads,
  disk_good,
  clock_jumps,
  slow_network,
  relay_crash,
  relay_crash_at_effect,
  relay_disk_fails,
  relay_restored,
  relay_lies,
  rebel,
  // everything is healed, comes to rest, and is judged
  rest,
};

struct step {
  instant at{0};
  kind what = kind::look;
  std::size_t device = 0;  ///< modulo their number
  std::uint64_t a = 0;
  std::uint64_t b = 0;
};

/// How much goes wrong in a run.
struct temper {
  bool faults = true;
  bool lies = false;  ///< the relay may lie
  std::size_t steps = 40;
  std::size_t rounds = 2;  ///< how often everything comes to rest
};
[[nodiscard]] temper temper_of(std::uint64_t seed);
[[nodiscard]] std::vector<step> plan_of(std::uint64_t seed);
[[nodiscard]] std::string to_text(const step& s);

}  // namespace keyfold::sim
