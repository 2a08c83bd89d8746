// The asking side of a link, without I/O: (input, now) -> effects.
//
//   down ── up() ──► greeting ── hello answered and verified ──► open ── closed / down() ──► down
//
// Requests may be made in any state; they wait until the session is open. Each ends in exactly one
// `answered`: its answer, the peer's refusal, errc::timed_out, or errc::disconnected.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <variant>
#include <vector>

#include "net/bodies.hpp"
#include "net/session.hpp"

namespace keyfold::net {

struct client_options {
  // Specification (PROTOCOL.md, Bounds)
  std::size_t max_under_way = 64;
  std::size_t put_credit = 8 * 1024 * 1024;  ///< bytes of object puts unanswered
  std::size_t get_credit = 8 * 1024 * 1024;  ///< bytes of object gets asked for
  instant ping_after{15'000};
  instant gone_after{45'000};
  instant greeting_timeout{10'000};
  // Tuning
  std::size_t max_waiting = 1024;  ///< requests behind those under way
  std::size_t max_waiting_bytes = 32 * 1024 * 1024;
};

/// The caller's name for a request; unique among its own.
using request_token = std::uint64_t;

struct answer {
  shared_bytes body;
  shared_bytes bulk;
};
/// Why a request has no answer: the peer's refusal with its detail, or an error of the link.
struct failure {
  error why;
  std::optional<bytes> detail;
};
using answer_or_failure = tl::expected<answer, failure>;

namespace effect {
/// The request of that token has ended.
struct answered {
  request_token token;
  answer_or_failure result;
};
/// The peer greeted us, and the verifier took it; the session is open.
struct greeted {
  hello_answer answer;
};
struct event {
  message m;
};
}  // namespace effect

/// To be carried out in order. After `closed`, up() begins anew once the link is up again.
using client_effect =
    std::variant<effect::send, effect::answered, effect::greeted, effect::event, effect::closed>;
using client_effects = std::vector<client_effect>;

/// Checks the peer's hello statement for the hello that was sent: signature, organization, nonce,
/// head.
using hello_verifier = std::function<expected<void>(const hello& sent, const hello_answer& got)>;

class client_session {
 public:
  explicit client_session(hello_verifier verify, const client_options& options = {});

  /// What to ask, and how long its answer may take, waiting included.
  struct request {
    message_kind kind;
    shared_bytes body;
    shared_bytes bulk;
    instant timeout{30'000};
    std::size_t answer_bytes = 0;  ///< expected of an object_get; 0: 2 MiB
  };

  /// The link is up: says hello. `greeting.nonce` must be fresh.
  [[nodiscard]] client_effects up(hello greeting, instant now);
  /// The link is down: every request ends in errc::disconnected.
  [[nodiscard]] client_effects down(const error& why);
  [[nodiscard]] client_effects received(const message& m, instant now);
  /// Time has come: timeouts, pings, silence. Call at next() or a little later.
  [[nodiscard]] client_effects tick(instant now);
  /// Makes a request. `errc::queue_full`, `errc::too_large`, or `errc::malformed` (not a request of
  /// this kind) make no effects, and no `answered` follows.
  [[nodiscard]] expected<client_effects> ask(request_token token, request what, instant now);
  /// A request for `body`, of its kind.
  template <has_fields Body>
  [[nodiscard]] expected<client_effects> ask(request_token token, const Body& body, instant now,
                                             shared_bytes bulk = {},
                                             instant timeout = instant{30'000}) {
    return ask(token, request{Body::kind, encode(body), std::move(bulk), timeout}, now);
  }

  [[nodiscard]] bool open() const { return state_ == state::open; }
  /// When tick() is needed next; nullopt: not before another input.
  [[nodiscard]] std::optional<instant> next() const;
  [[nodiscard]] std::size_t under_way() const { return under_way_.size(); }
  [[nodiscard]] std::size_t waiting() const;

 private:
  enum class state : std::uint8_t { down, greeting, open };
  /// Requests share slots; bulk ones also need credit, so they queue apart and delay nothing else.
  enum lane : std::uint8_t { ordinary, puts, gets, lanes };
  struct pending {
    request_token token;
    request what;
    lane in;
    std::size_t cost;  ///< credit that it takes in its lane
    instant deadline;
  };

  void send_waiting(client_effects& out);
  void expire(instant now, client_effects& out);
  void finish(std::map<std::uint64_t, pending>::iterator which, answer_or_failure result,
              client_effects& out);
  void end_all(const error& why, client_effects& out);
  void close(const error& why, client_effects& out);
  void on_greeting(const message& m, instant now, client_effects& out);
  void on_answer(const message& m, client_effects& out);
  [[nodiscard]] bool fits(const pending& p) const;
  static std::size_t bytes_of(const pending& p) { return p.what.body.size() + p.what.bulk.size(); }
  static pending prepare(request_token token, request what, instant now);

  hello_verifier verify_;
  client_options options_;
  state state_ = state::down;
  hello greeting_;
  std::uint64_t greeting_id_ = 0;
  instant greeting_deadline_{};
  keepalive alive_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, pending> under_way_;
  std::deque<pending> waiting_[lanes];
  std::size_t waiting_bytes_ = 0;
  std::size_t credit_used_[lanes] = {};
};

}  // namespace keyfold::net
