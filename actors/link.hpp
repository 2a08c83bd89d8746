// The link actor: a thin shell around net::client_session and one transport link.
#pragma once

#include "actors/interfaces.hpp"
#include "store/invitation/link.hpp"

namespace keyfold::actors {

struct link_options {
  std::shared_ptr<net::transport> transport;
  invitation::relay_address relay;
  box_key key;  ///< the device's link key, or a fresh one of a guest or creator
  organization_id organization;
  net::hello_mode mode = net::hello_mode::member;
  /// Whose signature the hello statement must have; nullopt for guests and creators, who cannot
  /// know.
  std::optional<signing_public_key> receipt_key;
  std::optional<net::ledger_head> head;  ///< of the ledger held
};

/// Where the ledger says that the relay is; nullopt while that is the first one, which the device
/// knows by itself (or by an address that cannot be read).
[[nodiscard]] std::optional<invitation::relay_address> moved_to(const ledger::state& s);

/// The link tells `owner` of greetings, losses and events, and ends when it is told to exit.
[[nodiscard]] link_actor spawn_link(caf::actor_system& system, link_options options,
                                    const link_owner& owner);

/// Checks a hello answer: signed by `receipt_key`, about this organization, answering our nonce.
/// `errc::bad_receipt` otherwise.
[[nodiscard]] expected<void> check_greeting(const net::hello& sent, const net::hello_answer& got,
                                            const signing_public_key& receipt_key);

/// An event 40 has the relay's receipt of its new head, for this organization: `errc::bad_receipt` otherwise.
[[nodiscard]] expected<void> check_advance(const net::message& event, organization_id organization,
                                           const signing_public_key& receipt_key);

}  // namespace keyfold::actors
