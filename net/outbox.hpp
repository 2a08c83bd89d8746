// What waits to be sent on one link: bounded in bytes, those within libzmq included.
//
//   push ──► queue ──► libzmq (at most a window of bytes) ──► network
#pragma once

#include <deque>
#include <zmq.hpp>

#include "net/frames.hpp"
#include "net/message.hpp"

namespace keyfold::net {

class outbox {
 public:
  outbox(std::size_t max, const std::shared_ptr<const waker>& io)
      : max_(max), in_flight_(std::make_shared<byte_meter>(io)) {}

  /// False when the link's bound is reached: the link is to be cut.
  [[nodiscard]] bool push(const message& m);
  void clear();

  enum class state : std::uint8_t { empty, blocked, unreachable };
  struct pumped {
    state left;
    std::size_t sent;  ///< messages
  };
  /// Hands over what `socket` takes. With a routing id (on a ROUTER) to that peer; `unreachable`
  /// when it is gone. After `blocked`, try again when the I/O thread wakes.
  [[nodiscard]] pumped pump(zmq::socket_t& socket, bytes_view routing_id);
  [[nodiscard]] bool empty() const { return queue_.empty(); }
  /// Bytes that wait, here and within libzmq.
  [[nodiscard]] std::size_t bytes() const { return queued_ + in_flight_->bytes(); }

 private:
  struct outgoing {
    shared_bytes head;
    shared_bytes bulk;
    [[nodiscard]] std::size_t cost() const;
  };
  bool send(zmq::socket_t& socket, bytes_view routing_id, const outgoing& m);

  std::size_t max_;
  std::deque<outgoing> queue_;
  std::size_t queued_ = 0;
  std::shared_ptr<byte_meter> in_flight_;
};

}  // namespace keyfold::net
