// The disk actor: objects of the local store, for actors that must not block.
#pragma once

#include "actors/interfaces.hpp"
#include "store/object/store.hpp"

namespace keyfold::actors {

/// It runs on a thread of its own. Objects that come close together share one sync. `origin`: of what it is
/// given to store.
[[nodiscard]] disk_actor spawn_disk(caf::actor_system& system,
                                    std::shared_ptr<object::store> objects, object::origin origin);

}  // namespace keyfold::actors
