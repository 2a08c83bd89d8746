// The peer actor: the link with one other device, whichever side dialled; and who hears of connections at all.
//
//   transport ──► peer_directory ──► the peer whose key it is ──► device (owner)
//
// Both may dial at once. Then two connections stand, and both ends keep the one that the device with the smaller id
// dialled; of two that the same one dialled, the newer.
#pragma once

#include <mutex>
#include <unordered_map>

#include "actors/interfaces.hpp"

namespace keyfold::actors {

struct peer_options {
  std::shared_ptr<net::transport> transport;
  organization_id organization;
  device_id self;
  box_key link_key;
  device_id device;    ///< the other
  box_public_key key;  ///< its link key
};

/// It tells `owner` when the device can be asked and when it has gone, and ends when it is told to exit.
[[nodiscard]] peer_actor spawn_peer(caf::actor_system& system, peer_options options,
                                    ledger_view ledger, const peer_owner& owner);

/// Which keys may connect to a device's listening socket, and whose actor hears of their connections. Thread-safe.
class peer_directory final : public net::listener {
 public:
  /// Replaces what was known: those that are gone are not admitted any more. (Their connections end with their actors.)
  void set(std::map<box_public_key, peer_actor> known);
  [[nodiscard]] bool admits(const box_public_key& key) const;
  /// Ends all connections with strangers. Where connections come from; before the socket is bound.
  void serve(const std::shared_ptr<net::transport>& transport);

  void on_up(net::link_id link, const net::peer& who) override;
  void on_message(net::link_id link, net::message m) override;
  void on_down(net::link_id link, const error& why) override;

 private:
  mutable std::mutex mutex_;
  std::weak_ptr<net::transport> transport_;  // transport holds its listeners
  std::map<box_public_key, peer_actor> known_;
  std::unordered_map<net::link_id, peer_actor> links_;
};

}  // namespace keyfold::actors
