// Both sides of a link between two devices, without I/O: each end asks and answers, over one connection.
//
//   up() ──► own hello ──► greeted ──────────────► asks        (client_session)
//            the peer's hello ──► accept() ──────► answers     (server_session)
//
// What comes is told apart by its kind's role. Both ends number their own requests; the pings of the answering
// side begin above 2^63, so that each answer belongs to one of the two.
#pragma once

#include "net/client_session.hpp"
#include "net/server_session.hpp"

namespace keyfold::net {

/// To be carried out in order. After `closed` nothing more comes of this session.
using peer_effect = std::variant<effect::send, effect::answered, effect::greeted, effect::event,
                                 effect::greeting, effect::requested, effect::closed>;
using peer_effects = std::vector<peer_effect>;

class peer_session {
 public:
  peer_session(hello_verifier verify, instant now, const client_options& asking = {},
               server_options answering = {});

  /// The link is up: says hello. `greeting.nonce` must be fresh.
  [[nodiscard]] peer_effects up(hello greeting, instant now);
  /// The link is down, or given up: every request ends in errc::disconnected.
  [[nodiscard]] peer_effects down(const error& why);
  [[nodiscard]] peer_effects received(const message& m, instant now);
  /// Call at next() or a little later.
  [[nodiscard]] peer_effects tick(instant now);
  [[nodiscard]] std::optional<instant> next() const;

  /// As client_session::ask().
  [[nodiscard]] expected<peer_effects> ask(request_token token, client_session::request what,
                                           instant now);
  /// Answers the peer's hello; and ends the session.
  [[nodiscard]] peer_effects accept(const hello_answer& answer);
  [[nodiscard]] peer_effects reject(const error& why);
  /// Answers the peer's request of that id; without effect when it is not under way (any more).
  [[nodiscard]] peer_effects reply(std::uint64_t request_id, const answer_or_failure& result);
  /// Tells the peer an event of ours.
  [[nodiscard]] peer_effects notify(const message& event);
  /// Ends the session, and says why.
  [[nodiscard]] peer_effects end(const error& why);

  /// Both hellos are answered.
  [[nodiscard]] bool open() const { return asking_.open() && answering_.open(); }

 private:
  client_session asking_;
  server_session answering_;
};

}  // namespace keyfold::net
