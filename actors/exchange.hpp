// What greeter and guest share: the shell that carries an invitation::side through its conduit.
#pragma once

#include <deque>

#include "actors/interfaces.hpp"

namespace keyfold::actors {

struct exchange_state;
using exchange_pointer = exchange_actor::stateful_pointer<exchange_state>;

struct exchange_setup {
  std::unique_ptr<invitation::side> side;
  invitation_token token;
  net::conduit_role role = net::conduit_role::greeter;
  /// Carries out what only one of the two sides asks for (stores, look_up, append, close_invitation).
  /// An error ends the exchange.
  std::function<expected<void>(exchange_pointer, const invitation::effect&)> carry_out;
};

struct exchange_state {
  std::unique_ptr<exchange_setup> setup;
  link_actor link;
  bool online = false;
  bool was_online = false;
  bool open_wanted = false;         ///< open_conduit waits for the link
  std::uint64_t shown_attempt = 0;  ///< of the last question to the person
  std::deque<exchange_event> events;
  std::size_t untold = 0;                    ///< messages to the relay that it has not answered
  std::optional<exchange_event> last_event;  ///< waits for them: who shows it ends the exchange
  std::optional<promise<exchange_event>> poller;
  std::uint64_t polls = 0;
  std::chrono::milliseconds last_poll{};
  std::optional<invitation::timestamp> next_tick;
};

/// The behaviour of both actors, from side::start() on.
[[nodiscard]] exchange_actor::behavior_type run_exchange(exchange_pointer self,
                                                         std::unique_ptr<exchange_setup> setup,
                                                         const link_actor& link, bool online);
/// Tells the relay something; the exchange's last event waits until it has answered.
void tell_relay(exchange_pointer self, ask request);
/// Gives the side an input and carries out what follows.
void hand_in(exchange_pointer self, const invitation::input& event);

}  // namespace keyfold::actors
