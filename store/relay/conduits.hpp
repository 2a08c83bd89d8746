// Conduits: the meeting rooms in which greeter and guest swap messages (DESIGN 5). Payloads are
// forwarded and never looked into. In memory: when the relay restarts, both open again.
//
//   Every open begins a new attempt: the opener gets its number, the other side is told
//   `restarted`, and a session that held the same role before is told `replaced`.
#pragma once

#include <map>
#include <optional>

#include "store/relay/limiter.hpp"

namespace keyfold::relay {

inline constexpr std::size_t max_conduit_payload = 64 * 1024;
/// Messages of one side in one attempt; the exchange needs five. So a conduit's buffers are
/// bounded.
inline constexpr unsigned max_conduit_messages = 16;
inline constexpr std::size_t max_conduit_reason = 256;

class conduits {
 public:
  struct opened {
    std::uint64_t attempt = 0;
    bool peer_present = false;
  };
  /// `errc::rate_limited` when that role of the token is opened too often: whoever squats in it is
  /// slowed down.
  [[nodiscard]] answered<opened> open(const invitation_token& token, party role,
                                      session_number session, timestamp now);
  /// `errc::conduit_not_open` (the session does not hold a role there), `errc::stale_attempt`,
  /// `errc::peer_absent`, `errc::conduit_full` or `errc::too_large`.
  [[nodiscard]] answered<void> send(const invitation_token& token, std::uint64_t attempt,
                                    session_number session, bytes payload);
  /// The session leaves; the other side is told `peer_left`. As send(), but an absent peer is fine.
  [[nodiscard]] answered<void> close(const invitation_token& token, std::uint64_t attempt,
                                     session_number session);
  /// The connection is gone.
  [[nodiscard]] effects disconnect(session_number session);
  /// The invitation is over: both sides are told `closed` with the reason.
  [[nodiscard]] effects drop(const invitation_token& token, std::string_view reason);

  [[nodiscard]] bool present(const invitation_token& token, party role) const;
  /// The tokens at which the session holds a role.
  [[nodiscard]] std::vector<std::pair<invitation_token, party>> held_by(
      session_number session) const;
  /// Every session that holds a role.
  [[nodiscard]] std::vector<session_number> sessions() const;

 private:
  struct seat {
    session_number session = 0;
    unsigned sent = 0;  ///< in this attempt
  };
  struct room {
    std::uint64_t attempt = 0;
    std::map<party, seat> seats;
  };
  struct place {
    room* at;
    party role;
  };
  [[nodiscard]] expected<place> find(const invitation_token& token, std::uint64_t attempt,
                                     session_number session);
  static void tell_other(const invitation_token& token, const room& r, party role,
                         conduit_news what, bytes payload, effects& out);

  std::map<invitation_token, room> rooms_;              ///< only those in which somebody sits
  std::map<invitation_token, std::uint64_t> attempts_;  ///< the last of each token
  limiter opens_{{.burst = 30, .refill = timestamp(2'000), .max_names = 10'000}};
};

}  // namespace keyfold::relay
