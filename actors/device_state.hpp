// The device actor's inside, in two parts: its children (device.cpp), and other devices (device_peers.cpp).
#pragma once

#include "actors/device.hpp"
#include "actors/peer.hpp"
#include "net/discovery.hpp"
#include "store/incident/witness.hpp"
#include "store/replica/heads.hpp"

namespace keyfold::actors {

/// Another device of the organization.
struct other_device {
  user_id user;
  box_public_key key;
  peer_actor peer;
  std::vector<net::endpoint> told;  ///< by itself, or heard in the local network
  std::uint64_t told_at = 0;        ///< by its clock
  bool shares = false;              ///< a workspace with this user: links with it are worth while
  std::optional<replica::replica_number> replica;  ///< while it is linked
};

struct device_actor_state {
  std::optional<device_options> options;
  std::shared_ptr<net::transport> transport;
  link_actor link;
  ledger_actor ledger;
  disk_actor disk;
  ledger_view current;
  link_facts relay;
  incident::witness witness;  ///< of what the relay says of its ledger, to us and to others
  std::map<workspace_id, workspace_actor> workspaces;
  std::shared_ptr<replica::head_counts> heads = std::make_shared<replica::head_counts>();
  std::map<invitation_token, exchange_actor> greeters;
  std::set<workspace_id> fallen;          ///< workspaces to be started again
  bool rebuilding = false;                ///< link, ledger or disk failed: all are started again
  std::set<caf::actor_addr> still_there;  ///< of those that must end first

  std::map<replica::replica_number, replica_online> replicas;  ///< within reach
  replica::replica_number last_replica = 0;
  std::optional<replica::replica_number> relay_replica;
  std::uint64_t greetings = 0;  ///< of the relay

  std::shared_ptr<peer_directory> directory;
  std::optional<net::link_id> socket;
  std::unique_ptr<net::discovery> discovery;  ///< of neighbours in the local network
  std::optional<std::string> listening;       ///< as bound
  std::vector<net::endpoint> told;            ///< what others were told last
  std::map<device_id, other_device> others;
  /// Devices that the relay says are there, since when by our clock; also such as the ledger does not know yet.
  std::map<device_id, std::chrono::milliseconds> present;

  ~device_actor_state();
  template <class Actor>
  static void stop(const Actor& child) {
    if (child) caf::anon_send_exit(child, caf::exit_reason::user_shutdown);
  }
};
using device_pointer = device_actor::stateful_pointer<device_actor_state>;

/// What the relay said of its ledger, to us or to the device `from`, is held against the ledger and against what it said
/// before; a contradiction is kept. False when that convicts the relay: it shows two ledgers.
[[nodiscard]] bool examine(device_actor_state& s, bytes_view said_bytes, bytes_view signature,
                           const std::optional<device_id>& from);

/// A replica is within reach: every workspace hears of it, those that start later too.
replica::replica_number add_replica(device_pointer self, const replica_actor& to,
                                    const std::optional<device_id>& device);
void remove_replica(device_pointer self, replica::replica_number number, const error& why);

// device_peers.cpp
/// Binds the socket for other devices, as the options say.
void start_listening(device_pointer self);
/// The ledger has changed: who may connect, and who has an actor.
void review_peers(device_pointer self);
void peer_came(device_pointer self, const peer_online& came);
void peer_went(device_pointer self, const peer_offline& gone);
/// The other device has more of the ledger, or says so.
void peer_advanced(device_pointer self, const peer_ledger_advanced& told);
[[nodiscard]] caf::result<net::answer_or_failure> forward(device_pointer self,
                                                          const peer_request& request);
void take_presence(device_pointer self, const net::presence& said);
void take_delivery(device_pointer self, const net::delivered& said);
void take_neighbour(device_pointer self, const neighbour_heard& heard);
/// Now and then: this machine may have got other addresses.
void look_after_endpoints(device_pointer self);
[[nodiscard]] std::vector<known_peer> peers_of(const device_actor_state& s);

}  // namespace keyfold::actors
