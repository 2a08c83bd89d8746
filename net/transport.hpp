// The only place that owns sockets: one I/O thread, one ZeroMQ context, CURVE on every link.
//
//   any thread ── commands (bounded queue, eventfd) ──► I/O thread ── listener callbacks ──► owner
//
// listen() binds a ROUTER, on which every peer that says something becomes a link; connect() keeps
// a DEALER connected, with back-off. A peer is its connection and the CURVE key that ZAP reported
// for it; frames under another key than the link's first are refused. Whatever is not a message
// ends the link.
#pragma once

#include <chrono>
#include <compare>
#include <functional>
#include <memory>
#include <string>

#include "crypto/box.hpp"
#include "net/message.hpp"

namespace keyfold::net {

/// A link or a listening socket of one transport; never used twice. 0 is none.
struct link_id {
  std::uint64_t value = 0;
  auto operator<=>(const link_id&) const = default;
};

/// Who is at the other end.
struct peer {
  box_public_key key;   ///< its CURVE key, proven by the handshake
  std::string address;  ///< its network address without port; empty on a link that we made
};

/// Hears of links. All calls come from the I/O thread, one at a time, and must return at once: an
/// adapter hands them on to an actor or a queue. None may call transport's blocking functions
/// (listen, the destructor). After close() has taken effect no more calls come for that link.
class listener {
 public:
  virtual ~listener() = default;
  /// The link is up: a peer said its first words, or the handshake of connect() succeeded. Comes
  /// again after every reconnect.
  virtual void on_up(link_id link, const peer& who) = 0;
  /// A well-formed envelope. Its sender is charged for it until its last copy is gone.
  virtual void on_message(link_id link, message m) = 0;
  /// The link is down, and what was queued for it is discarded. A link of listen() never comes back
  /// (its peer gets a new one); a link of connect() is tried again by itself. Also called, without
  /// an on_up before, for an attempt to connect that failed. Codes: disconnected, cannot_connect,
  /// handshake_failed, key_refused, too_slow, flooding, what decode_message() refused, or drop()'s.
  virtual void on_down(link_id link, const error& why) = 0;
};

/// Whether a key may connect to a listening socket; asked in the handshake, on the I/O thread.
using authenticator = std::function<bool(const box_public_key&)>;
/// Admits any key: the relay, whose rights follow later from hello.
[[nodiscard]] authenticator any_key();

struct transport_options {
  // Specification (PROTOCOL.md, Bounds)
  std::size_t max_queued =
      16 * 1024 * 1024;  ///< bytes queued for a link, those within libzmq included
  std::chrono::milliseconds handshake{10'000};  ///< a handshake that takes longer fails
  std::chrono::milliseconds first_retry{200};
  std::chrono::milliseconds last_retry{30'000};
  std::string socks_proxy;  ///< HOST:PORT of a SOCKS5 proxy, the way of all that connect() makes
  // Tuning
  std::size_t max_unread = 32 * 1024 * 1024;  ///< bytes of received messages that are still held
  std::size_t max_unfinished = 48 * 1024 * 1024;  ///< bytes of a connection that make no message
  /// Bytes of all connections of one listening socket: received and not a message yet, held, and queued.
  std::size_t max_held = 256 * 1024 * 1024;
  std::chrono::milliseconds audit{100};           ///< how often connections are looked at for that
  std::chrono::milliseconds first_words{20'000};  ///< a peer that says nothing so long is shut
  std::size_t max_peers = 10'000;  ///< connections on one listening socket, from one address half
  std::size_t max_commands = 100'000;
  std::size_t max_command_bytes = 256 * 1024 * 1024;
  std::chrono::milliseconds penalty{5'000};  ///< handshakes of a key whose link was cut are refused
  std::chrono::milliseconds farewell{2'000};  ///< a dropped peer may read so long, then it is shut
  std::chrono::milliseconds heartbeat{10'000};
  int zmq_threads = 1;
};

class transport {
 public:
  explicit transport(const transport_options& options = {},
                     random_source& random = system_random());
  /// Closes everything without further callbacks, and joins the thread.
  ~transport();
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;

  struct bound {
    link_id socket;
    std::string endpoint;  ///< as bound, with the real port
  };
  /// Binds "tcp://ADDRESS:PORT" (port * or 0: any free one) under `key`. `errc::cannot_listen`.
  [[nodiscard]] expected<bound> listen(const std::string& endpoint, const box_key& key,
                                       authenticator admits, std::shared_ptr<listener> to);
  /// Connects to "tcp://HOST:PORT", whose key must be `server`, as `key`; again and again until
  /// close(). `errc::queue_full`; a bad endpoint comes as on_down, again and again.
  [[nodiscard]] expected<link_id> connect(const std::string& endpoint, const box_public_key& server,
                                          const box_key& key, std::shared_ptr<listener> to);

  /// Queues `m` for the link. `errc::queue_full` when the commands' queue is full;
  /// `errc::too_large` or `malformed` for a message that no peer would take. A link that is down,
  /// or unknown, swallows it: its on_down has come or comes. A link with more than max_queued bytes
  /// is cut (`too_slow`).
  [[nodiscard]] expected<void> send(link_id link, const message& m);
  /// Gives a link up; on_down comes with `why`. Of listen(): its frames are discarded from now on, and
  /// its connection is shut once the peer has had time to read the last words. Of connect(): it is made
  /// anew after the back-off.
  void drop(link_id link, const error& why);
  /// Ends a link, or a listening socket with all its links, for good.
  void close(link_id link);

  /// Counts since the start, for status and tests.
  struct statistics {
    std::uint64_t sent_messages = 0;      ///< handed to libzmq
    std::uint64_t received_messages = 0;  ///< handed to listeners
    std::uint64_t refused_frames = 0;  ///< not messages, of another key, or of a link that was cut
    std::uint64_t refused_keys = 0;    ///< handshakes that ZAP refused
    std::uint64_t cut_links = 0;       ///< too slow, flooding or malformed
  };
  [[nodiscard]] statistics stats() const;

 private:
  class core;
  std::unique_ptr<core> core_;
};

}  // namespace keyfold::net

template <>
struct std::hash<keyfold::net::link_id> {
  std::size_t operator()(keyfold::net::link_id id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};
