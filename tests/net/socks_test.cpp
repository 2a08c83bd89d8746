// Links through a SOCKS5 proxy: transport_options::socks_proxy.
#include <catch2/catch.hpp>

#include "tests/net/socks_proxy.hpp"
#include "tests/net/transport_support.hpp"

using namespace keyfold;
using namespace keyfold::net;
using namespace std::chrono_literals;

namespace {

const auto relay_key = box_key::generate(*seeded_random(1));
const auto alice_key = box_key::generate(*seeded_random(2));

transport_options quick(const std::string& proxy = {}) {
  transport_options out;
  out.first_retry = 20ms;
  out.last_retry = 100ms;
  out.penalty = 0ms;
  out.socks_proxy = proxy;
  return out;
}

/// A relay that echoes, listening on loopback.
struct echo_relay {
  transport through{quick()};
  std::shared_ptr<echo> heard = std::make_shared<echo>(through);
  transport::bound bound;

  explicit echo_relay(const std::string& endpoint = "tcp://127.0.0.1:*")
      : bound(through.listen(endpoint, relay_key, any_key(), heard).value()) {}
  [[nodiscard]] std::string host_and_port() const { return bound.endpoint.substr(6); }
};

std::uint16_t port_of(const echo_relay& relay) {
  const auto text = relay.host_and_port();
  return static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1)));
}

bool echoes(transport& from, link_id link, recorder& heard, std::uint64_t id, std::size_t size) {
  bytes object(size);
  seeded_random(id)->fill(object);
  const auto sent = make_message(object_put{}, id, object);
  if (!from.send(link, sent)) return false;
  const auto got = heard.next_message();
  return got && got->message.request_id == id && got->message.bulk == sent.bulk;
}

}  // namespace

TEST_CASE("with a proxy every connection goes through it, and carries large messages") {
  socks_proxy proxy;
  const echo_relay relay;
  transport agent(quick(proxy.address()));
  const auto alice = std::make_shared<recorder>();
  const auto link =
      agent.connect(relay.bound.endpoint, relay_key.public_key(), alice_key, alice).value();
  REQUIRE(alice->next_up());
  for (std::uint64_t id = 1; id <= 8; ++id) CHECK(echoes(agent, link, *alice, id, max_bulk_size));
  CHECK(proxy.requests() == std::vector<std::string>{relay.host_and_port()});
}

TEST_CASE("the proxy is given a host's name as it is") {
  socks_proxy proxy;
  const echo_relay relay;
  const auto named = "localhost:" + std::to_string(port_of(relay));
  transport agent(quick(proxy.address()));
  const auto alice = std::make_shared<recorder>();
  const auto link =
      agent.connect("tcp://" + named, relay_key.public_key(), alice_key, alice).value();
  REQUIRE(alice->next_up());
  CHECK(echoes(agent, link, *alice, 1, 1000));
  CHECK(proxy.requests() == std::vector<std::string>{named});
}

TEST_CASE("a proxy with an IPv4 address is asked for a relay with an IPv6 address") {
  socks_proxy proxy;
  transport agent(quick(proxy.address()));
  const auto alice = std::make_shared<recorder>();
  REQUIRE(agent.connect("tcp://[::1]:9", relay_key.public_key(), alice_key, alice));
  REQUIRE(alice->next_down());  // nobody listens there
  REQUIRE(!proxy.requests().empty());
  CHECK(proxy.requests().front() == "::1:9");
}

TEST_CASE("a link that the proxy cuts goes down, and is made anew through the proxy") {
  socks_proxy proxy;
  const echo_relay relay;
  transport agent(quick(proxy.address()));
  const auto alice = std::make_shared<recorder>();
  const auto link =
      agent.connect(relay.bound.endpoint, relay_key.public_key(), alice_key, alice).value();
  for (std::uint64_t round = 1; round <= 5; ++round) {
    REQUIRE(alice->next_up());
    CHECK(echoes(agent, link, *alice, round, 100'000));
    proxy.cut();
    REQUIRE(alice->await_down(errc::disconnected));
  }
  CHECK(proxy.requests().size() >= 5);
}

TEST_CASE("a proxy that is down, or finds nobody, is named; once it works the link comes up") {
  const echo_relay relay;
  std::optional<socks_proxy> proxy(std::in_place);
  const auto port = proxy->port();
  const auto address = proxy->address();
  proxy.reset();
  transport agent(quick(address));
  const auto alice = std::make_shared<recorder>();
  const auto link =
      agent.connect(relay.bound.endpoint, relay_key.public_key(), alice_key, alice).value();
  const auto names_proxy = [&] {
    const auto down = alice->next_down();
    return down && down->why.code == errc::cannot_connect &&
           down->why.message.find(address) != std::string::npos;
  };
  for (int attempt = 0; attempt < 3; ++attempt) CHECK(names_proxy());  // nobody listens there
  proxy.emplace(port);
  proxy->refuse(true);
  while (proxy->requests().empty()) CHECK(names_proxy());
  CHECK(names_proxy());  // it refuses
  CHECK(alice->ups() == 0);
  proxy->refuse(false);
  REQUIRE(alice->next_up());
  CHECK(echoes(agent, link, *alice, 1, 1000));
}

TEST_CASE("a proxy that takes connections and says nothing is given up in time") {
  const int silent = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  REQUIRE(::bind(silent, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  REQUIRE(::listen(silent, 16) == 0);
  REQUIRE(::getsockname(silent, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  auto options = quick("127.0.0.1:" + std::to_string(ntohs(at.sin_port)));
  options.handshake = 50ms;
  transport agent(options);
  const auto alice = std::make_shared<recorder>();
  REQUIRE(agent.connect("tcp://127.0.0.1:9", relay_key.public_key(), alice_key, alice));
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto down = alice->next_down();
    REQUIRE(down);
    CHECK(down->why.code == errc::cannot_connect);
  }
  ::close(silent);
}

TEST_CASE("what a relay sends through a proxy without end is counted and cut as without one") {
  socks_proxy proxy;
  auto options = quick(proxy.address());
  options.max_unfinished = 1024 * 1024;
  options.audit = 1ms;
  // A server that is no transport of ours: a message of frames that never end.
  zmq::context_t context;
  zmq::socket_t server(context, zmq::socket_type::router);
  server.set(zmq::sockopt::linger, 0);
  server.set(zmq::sockopt::curve_server, true);
  const auto secret = relay_key.secret().view();
  server.set(zmq::sockopt::curve_secretkey, zmq::const_buffer(secret.data(), secret.size()));
  server.bind("tcp://127.0.0.1:*");
  transport agent(options);
  const auto alice = std::make_shared<recorder>();
  const auto link = agent
                        .connect(server.get(zmq::sockopt::last_endpoint), relay_key.public_key(),
                                 alice_key, alice)
                        .value();
  REQUIRE(alice->next_up());
  REQUIRE(agent.send(link, make_message(ping{}, 1)));
  zmq::message_t routing_id, head;
  REQUIRE(server.recv(routing_id));
  REQUIRE(server.recv(head));
  server.send(routing_id, zmq::send_flags::sndmore);
  for (int i = 0; i < 64; ++i) server.send(zmq::message_t(1024 * 1024), zmq::send_flags::sndmore);
  server.send(zmq::message_t(1), zmq::send_flags::none);
  CHECK(alice->await_down(errc::flooding));
}
