// A link that we make and keep: one DEALER a connection, made anew after each failure.
//
//   waiting ── retry time ──► connecting ── handshake ──► up ── lost, dropped ──► waiting
//
// libzmq's own reconnecting is off: a fresh socket carries nothing over from the connection before.
#pragma once

#include "net/backoff.hpp"
#include "net/connections.hpp"
#include "net/io_environment.hpp"
#include "net/monitor.hpp"
#include "net/outbox.hpp"
#include "net/tunnel.hpp"

namespace keyfold::net {

class dealer_link final : public port {
 public:
  dealer_link(io_environment& io, link_id id, std::string endpoint, const box_public_key& server,
              const box_key& key, std::shared_ptr<listener> to, instant now);

  void send(const message& m);
  void drop(const error& why, instant now);

  bool serve(instant now) override;
  void tick(instant now) override;
  [[nodiscard]] std::optional<instant> due() const override;
  [[nodiscard]] bool blocked() const override { return blocked_ || paused_; }
  void add_descriptors(std::vector<int>& out) override;

 private:
  enum class state : std::uint8_t { waiting, connecting, up };
  /// A socket with all that belongs to its one connection.
  struct connection {
    connection(io_environment& io, const box_public_key& server, const box_key& key);
    zmq::socket_t socket;
    monitor events;
    outbox out;
    connections below;
    int fd = -1;                ///< of its TCP connection, once that stands
    std::optional<tunnel> way;  ///< through the proxy, where one is set
  };

  void connect(instant now);
  void read_events(instant now);
  bool read_messages();
  void pump();
  void fail_with(const error& why, instant now);

  io_environment& io_;
  link_id id_;
  std::string endpoint_;
  box_public_key server_;
  box_key key_;
  std::shared_ptr<listener> to_;
  backoff backoff_;
  std::shared_ptr<byte_meter> unread_;
  state state_ = state::waiting;
  instant since_;     ///< of the present state
  instant deadline_;  ///< of waiting and connecting; when up, of the next audit
  std::optional<connection> connection_;
  std::optional<error> lost_;  ///< the connection has ended; what it brought is read first
  bool blocked_ = false;       ///< the network takes no more for now
  bool paused_ = false;        ///< our owner holds all that it may of what was received
};

}  // namespace keyfold::net
