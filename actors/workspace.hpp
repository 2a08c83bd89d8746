// The workspace actor: one shared folder of one device.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/objects.hpp"
#include "store/replica/heads.hpp"

namespace keyfold::actors {

struct workspace_options {
  workspace_id workspace;
  organization_id organization;
  user_id user;
  device_id device;
  signing_key key;
  object_services objects;
  std::shared_ptr<replica::head_counts> heads;  ///< of all workspaces of the device
};

/// It runs on a thread of its own, since it writes to disk. A folder that was mirrored before is
/// mirrored again.
[[nodiscard]] workspace_actor spawn_workspace(caf::actor_system& system, workspace_options options,
                                              const ledger_view& ledger,
                                              const ledger_actor& ledger_of,
                                              const disk_actor& disk);

}  // namespace keyfold::actors
