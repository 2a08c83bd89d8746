#include "net/monitor.hpp"

#include <catch2/catch.hpp>

using namespace keyfold::net;

TEST_CASE("a watch that ends while connections come up leaves libzmq's thread to others") {
  zmq::context_t context;
  zmq::socket_t relay(context, zmq::socket_type::router);
  relay.set(zmq::sockopt::linger, 0);
  relay.set(zmq::sockopt::rcvtimeo, 20'000);
  relay.bind("tcp://127.0.0.1:*");
  const auto endpoint = relay.get(zmq::sockopt::last_endpoint);
  for (int i = 0; i < 500; ++i) {
    zmq::socket_t device(context, zmq::socket_type::dealer);
    device.set(zmq::sockopt::linger, 0);
    monitor events(context, device, ZMQ_EVENT_ALL);
    device.connect(endpoint);
    if (i % 2 == 0)
      while (!events.next()) continue;  // it is just about to tell more
  }
  zmq::socket_t last(context, zmq::socket_type::dealer);
  last.set(zmq::sockopt::linger, 0);
  last.connect(endpoint);
  last.send(zmq::str_buffer("still here"), zmq::send_flags::none);
  zmq::message_t route, text;
  REQUIRE(relay.recv(route));
  REQUIRE(relay.recv(text));
  CHECK(text.to_string() == "still here");
}
