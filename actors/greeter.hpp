// The greeter actor: lets the guest of one invitation in.
#pragma once

#include "actors/interfaces.hpp"
#include "store/db/kv.hpp"

namespace keyfold::actors {

struct greeter_options {
  invitation::greeter::options side;  ///< its progress is read from the store
  std::shared_ptr<db::store> store;
  ledger_actor ledger;
  device_id device;
  signing_key key;
  /// For a device invitation: what the new device gets.
  std::optional<box_secret_key> user_secret;
};

[[nodiscard]] exchange_actor spawn_greeter(caf::actor_system& system, greeter_options options,
                                           const link_actor& link, bool online);

}  // namespace keyfold::actors
