// What libzmq tells of a socket's connections, read without waiting.
#pragma once

#include <optional>
#include <zmq.hpp>

namespace keyfold::net {

class monitor {
 public:
  /// Watches `socket`, which must not be connected or bound yet, and which must live longer than this, for the
  /// ZMQ_EVENT_… of `events`.
  monitor(zmq::context_t& context, zmq::socket_t& socket, int events);
  monitor(const monitor&) = delete;
  monitor& operator=(const monitor&) = delete;
  /// Ends the watching first: libzmq's I/O thread, and with it every connection, would wait for ever to
  /// tell something to nobody.
  ~monitor();

  struct event {
    int what;
    int value;  ///< a descriptor, or a failure's code
  };
  [[nodiscard]] std::optional<event> next();
  [[nodiscard]] int fd() { return events_.get(zmq::sockopt::fd); }

 private:
  zmq::socket_t& socket_;
  zmq::socket_t events_;
};

}  // namespace keyfold::net
