// The organization actor: relay::organization with its database and objects.
#pragma once

#include "actors/interfaces.hpp"
#include "store/object/store.hpp"

namespace keyfold::actors {

struct organization_options {
  std::shared_ptr<db::store> store;  ///< the relay's database
  std::string folder;                ///< for the objects of this organization
  organization_id id;
  signing_key receipt_key;
  bool frozen = false;
};

/// `errc::damaged` or `errc::io_failed` when it cannot be opened. It runs on a thread of its own: what
/// comes close together is committed together, and answered when it is durable.
[[nodiscard]] expected<organization_actor> spawn_organization(caf::actor_system& system,
                                                              organization_options options);

}  // namespace keyfold::actors
