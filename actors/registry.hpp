// The registry actor: which organizations the relay has.
#pragma once

#include "actors/interfaces.hpp"

namespace keyfold::actors {

struct registry_options {
  std::shared_ptr<db::store> store;  ///< the relay's database
  std::string folder;                ///< the relay's data folder
  relay::identity identity;
  invitation::relay_address address;  ///< as it stands in links
  bool open = false;                  ///< anyone may create an organization
};

/// It runs on a thread of its own, since it writes to disk.
[[nodiscard]] registry_actor spawn_registry(caf::actor_system& system, registry_options options);

}  // namespace keyfold::actors
