// The guest actor: comes in by an invitation. It has a link of its own, under the key of the device to be.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/link.hpp"

namespace keyfold::actors {

/// Where a guest's secrets are kept; called in order, each durable when it returns.
struct guest_storage {
  std::function<expected<void>(const invitation::progress&)> store_progress;
  std::function<expected<void>(const invitation::guest_keys&)> store_keys;
  std::function<expected<void>(const invitation::admission&, const invitation::guest_keys&)>
      admitted;
};

[[nodiscard]] exchange_actor spawn_guest(caf::actor_system& system,
                                         invitation::guest::options options,
                                         const invitation::invitation_link& link,
                                         std::shared_ptr<net::transport> transport,
                                         guest_storage storage);

}  // namespace keyfold::actors
