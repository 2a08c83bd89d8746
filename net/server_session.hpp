// The answering side of a link, without I/O: (input, now) -> effects.
//
//   new ── hello with a common version ──► greeting ── accept() ──► open ── closed ──► ended
//
// Hello comes first, or the session ends. What follows is handed up request by request, and
// answered by reply() or refuse() in any order. A `refused` with request id 0 tells the peer why
// its session ended.
#pragma once

#include <deque>
#include <map>
#include <variant>
#include <vector>

#include "net/bodies.hpp"
#include "net/session.hpp"

namespace keyfold::net {

struct server_options {
  // Specification (PROTOCOL.md, Bounds)
  std::size_t max_under_way = 64;
  std::size_t max_idle_talk =
      200;  ///< pings, and requests beyond max_under_way, in idle_talk_within
  instant idle_talk_within{10'000};
  instant greeting_timeout{10'000};
  instant ping_after{15'000};
  instant gone_after{60'000};
  std::size_t event_window = 8 * 1024 * 1024;  ///< bytes of events not passed by an answered ping
  std::uint64_t pings_from = 0;                ///< request ids of its own pings are above this
  // Tuning
  std::size_t max_bulk_under_way =
      12 * 1024 * 1024;  ///< the client's put credit and one message more
};

namespace effect {
/// A hello whose version we share: answer with accept() or reject().
struct greeting {
  net::hello hello;
  std::uint64_t version;  ///< the highest that both speak
};
/// A request: answer with reply() or refuse(), once.
struct requested {
  message m;
};
/// The session has ended: tell the transport to drop the link.
struct ended {
  error why;
};
/// Events that waited for has_room() may go on.
struct room {};
}  // namespace effect

/// To be carried out in order.
using server_effect =
    std::variant<effect::send, effect::greeting, effect::requested, effect::room, effect::closed>;
using server_effects = std::vector<server_effect>;

class server_session {
 public:
  explicit server_session(instant now, const server_options& options = {});

  [[nodiscard]] server_effects received(const message& m, instant now);
  /// Time has come: the greeting's deadline, pings, silence. Call at next() or a little later.
  [[nodiscard]] server_effects tick(instant now);
  /// When tick() is needed next; nullopt once it has ended.
  [[nodiscard]] std::optional<instant> next() const;

  /// Answers the hello; the session is open.
  [[nodiscard]] server_effects accept(const hello_answer& answer);
  /// Refuses the hello; the session ends.
  [[nodiscard]] server_effects reject(const error& why);
  /// Answers the request of that id. Without effect when it is not under way (any more).
  [[nodiscard]] server_effects reply(std::uint64_t request_id, shared_bytes body,
                                     shared_bytes bulk = {});
  template <has_fields Body>
  [[nodiscard]] server_effects reply(std::uint64_t request_id, const Body& body,
                                     shared_bytes bulk = {}) {
    return reply(request_id, shared_bytes(encode(body)), std::move(bulk));
  }
  [[nodiscard]] server_effects refuse(std::uint64_t request_id, const error& why,
                                      std::optional<bytes> detail = {});
  /// An event; nothing while the session is not open. Events are paced: pings among them tell how
  /// far the peer has come, so who has many sends while has_room(), keeps the rest, and goes on at
  /// effect::room.
  [[nodiscard]] server_effects notify(const message& event);
  [[nodiscard]] bool has_room() const { return unpassed_ < options_.event_window; }
  /// Ends the session for a reason of the owner's, and tells the peer.
  [[nodiscard]] server_effects end(const error& why);

  [[nodiscard]] bool open() const { return state_ == state::open; }
  [[nodiscard]] std::size_t under_way() const { return under_way_.size(); }

 private:
  enum class state : std::uint8_t { fresh, greeting, open, ended };

  server_effects on_hello(const message& m);
  server_effects on_request(const message& m, instant now);
  server_effects answer_idle_talk(message answer, instant now);
  server_effects on_answer(const message& m);
  server_effects on_pong(std::uint64_t ping);
  bool take(std::uint64_t request_id);

  server_options options_;
  state state_ = state::fresh;
  instant started_;
  keepalive alive_;
  std::uint64_t greeting_id_ = 0;
  std::uint64_t last_ping_ = 0;
  /// A ping that was sent behind so many bytes of events.
  struct fence {
    std::uint64_t ping;
    std::size_t bytes;
  };
  std::deque<fence> fences_;
  std::size_t since_fence_ = 0;
  std::size_t unpassed_ = 0;
  bool was_full_ = false;
  std::size_t idle_talk_ = 0;  ///< since then
  instant idle_talk_since_;
  std::map<std::uint64_t, std::size_t> under_way_;  ///< bulk bytes by request id
  std::size_t bulk_under_way_ = 0;
};

}  // namespace keyfold::net
