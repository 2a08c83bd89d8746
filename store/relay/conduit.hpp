// A conduit: the meeting room of one invitation, in which greeter and guest swap messages (DESIGN 5). Payloads
// are forwarded and never looked into. In memory: when the relay restarts, both open again.
//
//   Every open begins a new attempt: the opener gets its number, the other side is told
//   `restarted`, and a session that held the same role before is told `replaced`.
#pragma once

#include <map>

#include "store/relay/session.hpp"

namespace keyfold::relay {

inline constexpr std::size_t max_conduit_payload = 64 * 1024;
/// Messages of one side in one attempt; the exchange needs five. So a conduit's buffers are
/// bounded.
inline constexpr unsigned max_conduit_messages = 16;

/// Who may sit in it the organization has decided (organization::admit_greeter, admit_guest).
class conduit {
 public:
  explicit conduit(const invitation_token& token) : token_(token) {}

  struct opened {
    std::uint64_t attempt = 0;
    bool peer_present = false;
  };
  [[nodiscard]] answered<opened> open(party role, session_number session);
  /// `errc::conduit_not_open` (the session does not hold a role here), `errc::stale_attempt`,
  /// `errc::peer_absent`, `errc::conduit_full` or `errc::too_large`.
  [[nodiscard]] answered<void> send(std::uint64_t attempt, session_number session, bytes payload);
  /// The session leaves; the other side is told `peer_left`. As send(), but an absent peer is fine.
  [[nodiscard]] answered<void> close(std::uint64_t attempt, session_number session);
  /// The session's connection is gone.
  [[nodiscard]] effects disconnect(session_number session);
  /// The invitation is over: both sides are told `closed` with the reason.
  [[nodiscard]] effects end(std::string_view reason);

  [[nodiscard]] bool present(party role) const { return seats_.contains(role); }

 private:
  struct seat {
    session_number session = 0;
    unsigned sent = 0;  ///< in this attempt
  };
  [[nodiscard]] expected<party> role_of(std::uint64_t attempt, session_number session) const;
  void tell(party role, conduit_news what, bytes payload, effects& out) const;
  void leave(party role, effects& out);

  invitation_token token_;
  std::uint64_t attempt_ = 0;
  std::map<party, seat> seats_;
};

}  // namespace keyfold::relay
