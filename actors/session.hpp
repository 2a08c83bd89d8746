// The session actor: one connected peer of the relay; a thin shell around net::server_session.
#pragma once

#include "actors/interfaces.hpp"
#include "net/server_session.hpp"

namespace keyfold::actors {

/// Hears of the relay's links and gives each an actor. Its calls run on transport's I/O thread.
class session_listener : public net::listener {
 public:
  /// Links that come before this wait for nothing: they are dropped, and their peers come again.
  virtual void serve(const registry_actor& registry) = 0;
  /// Ends all sessions. Call it once transport gives no more calls.
  virtual void stop() = 0;
};
[[nodiscard]] std::shared_ptr<session_listener> make_session_listener(
    caf::actor_system& system, const std::shared_ptr<net::transport>& transport);

}  // namespace keyfold::actors
