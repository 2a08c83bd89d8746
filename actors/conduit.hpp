// The conduit actor: relay::conduit, and the sessions that sit in it.
#pragma once

#include "actors/interfaces.hpp"

namespace keyfold::actors {

/// It tells `organization` when a guest comes or goes, and ends with it or with end_conduit. Answers and events go
/// to a session in the order in which they were made.
[[nodiscard]] conduit_actor spawn_conduit(caf::actor_system& system, const invitation_token& token,
                                          const organization_actor& organization);

}  // namespace keyfold::actors
