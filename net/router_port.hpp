// A listening socket: one ROUTER, on which every connection that speaks becomes a link.
//
// libzmq neither tells of a peer that leaves nor can be told to drop one. So a peer's end is learnt from
// the monitor (by its descriptor, which comes with its messages) or when a send finds nobody; and a peer
// that was dropped stays in the table, its frames discarded and answered by "session closed", until its
// connection, shut a little later, is gone.
#pragma once

#include <set>
#include <unordered_map>

#include "net/connections.hpp"
#include "net/io_environment.hpp"
#include "net/monitor.hpp"
#include "net/outbox.hpp"

namespace keyfold::net {

class router_port final : public port {
 public:
  /// Binds; `zmq::error_t` when that fails.
  router_port(io_environment& io, link_id id, const std::string& endpoint, const box_key& key,
              authenticator admits, std::shared_ptr<listener> to);
  ~router_port() override;
  router_port(const router_port&) = delete;
  router_port& operator=(const router_port&) = delete;

  [[nodiscard]] std::string endpoint() const;
  [[nodiscard]] bool has(link_id link) const { return by_id_.contains(link); }
  void send(link_id link, const message& m, instant now);
  void drop(link_id link, const error& why, instant now);
  /// As drop(), without on_down.
  void close(link_id link, instant now);

  bool serve(instant now) override;
  void tick(instant now) override;
  [[nodiscard]] std::optional<instant> due() const override { return due_at_; }
  [[nodiscard]] bool blocked() const override { return !blocked_.empty(); }
  void add_descriptors(std::vector<int>& out) override;

 private:
  struct peer_link {
    link_id id;
    std::string route;  ///< the routing id, which libzmq made for the connection
    peer who;
    int fd;  ///< of its connection; -1 when libzmq does not tell
    outbox out;
    std::shared_ptr<byte_meter> unread;
    bool cut = false;
    instant shut_at{};  ///< when its connection is shut, once it was cut
  };

  bool read_messages(instant now);
  void on_frames(received_frames got, instant now);
  peer_link* find_or_add(const std::string& route, zmq::message_t& head, instant now);
  peer_link* add(const std::string& route, const box_public_key& key, zmq::message_t& head,
                 instant now);
  void deliver(peer_link& from, received_frames got, instant now);
  void answer_cut(peer_link& from);
  void pump(peer_link& to, instant now);
  void pump_blocked(instant now);
  void cut(peer_link& link, const error& why, bool penalize, instant now);
  void forget(peer_link& link, const error* why);
  void forget_disconnected();
  void read_events(instant now);
  void audit(instant now);
  void shed(std::vector<connections::load> loads, instant now);
  void end(int fd, const error& why, instant now);
  void shut_dropped(instant now);

  io_environment& io_;
  std::string domain_;
  std::shared_ptr<listener> to_;
  zmq::socket_t socket_;
  monitor events_;
  std::unordered_map<std::string, std::unique_ptr<peer_link>> by_route_;
  std::unordered_map<link_id, peer_link*> by_id_;  ///< those that are not cut
  std::unordered_map<int, peer_link*> by_fd_;
  std::set<int> disconnected_;  ///< descriptors; what their peers still said is read first
  std::set<link_id> blocked_;
  connections below_;
  std::set<peer_link*> dropped_;  ///< cut, and not gone yet
  instant due_at_{};
};

}  // namespace keyfold::net
