// What libzmq tells of a socket's connections, read without waiting.
#pragma once

#include <optional>
#include <zmq.hpp>

namespace keyfold::net {

class monitor {
 public:
  /// Watches `socket`, which must not be connected or bound yet, for the ZMQ_EVENT_… of `events`.
  monitor(zmq::context_t& context, zmq::socket_t& socket, int events);

  struct event {
    int what;
    int value;  ///< a descriptor, or a failure's code
  };
  [[nodiscard]] std::optional<event> next();
  [[nodiscard]] int fd() { return events_.get(zmq::sockopt::fd); }

 private:
  zmq::socket_t events_;
};

}  // namespace keyfold::net
