// The device actor: starts and supervises everything of one unlocked device.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/objects.hpp"
#include "store/invitation/link.hpp"

namespace keyfold::actors {

/// How other devices may reach this one.
struct network_options {
  std::string listen =
      "none";  ///< tcp://ADDRESS:PORT (port 0: the last one, or any that is free), or none
  bool discovery = false;  ///< say in the local network that it is there, and hear others
};

/// What an unlocked key file says, and the settings of its home.
struct device_options {
  organization_id organization;
  user_id user;
  device_id device;
  std::string label;
  box_key user_key;
  signing_key key;
  box_key link_key;
  invitation::relay_address relay;
  object_services objects;
  network_options network{};
};

/// `errc::damaged` when the device's ledger cannot be read.
[[nodiscard]] expected<device_actor> spawn_device(caf::actor_system& system, device_options options,
                                                  std::shared_ptr<net::transport> transport);

}  // namespace keyfold::actors
