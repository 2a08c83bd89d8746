// How the programs run CAF.
#pragma once

#include "actors/caf.hpp"

namespace keyfold::actors {

/// For caf::actor_system. Workers sleep until there is work. (CAF's own choice, work stealing, looks for work
/// up to 20,000 times a second on every thread: a fifth of the processor time of a transfer, and some of an idle
/// program's.)
struct system_config : caf::actor_system_config {
  system_config() { set("scheduler.policy", caf::atom("sharing")); }
};

}  // namespace keyfold::actors
