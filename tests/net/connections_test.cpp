#include "net/connections.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

using namespace keyfold::net;
using namespace std::chrono_literals;

namespace {

/// Both ends of a TCP connection on loopback.
struct tcp_pair {
  int client = ::socket(AF_INET, SOCK_STREAM, 0);
  int server = -1;

  /// The client comes from 127.0.0.`host`.
  explicit tcp_pair(unsigned host = 1) {
    const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listening, generic, size) == 0);
    REQUIRE(::listen(listening, 1) == 0);
    REQUIRE(::getsockname(listening, generic, &size) == 0);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);
    REQUIRE(::bind(client, reinterpret_cast<sockaddr*>(&source), sizeof source) == 0);
    REQUIRE(::connect(client, generic, size) == 0);
    server = ::accept(listening, nullptr, nullptr);
    REQUIRE(server >= 0);
    ::close(listening);
  }
  ~tcp_pair() {
    ::close(client);
    if (server >= 0) ::close(server);
  }
  /// Moves so many bytes through, as libzmq would read them.
  void talk(std::size_t bytes) const {
    std::array<char, 1024> block{};
    for (std::size_t done = 0; done < bytes; done += block.size()) {
      REQUIRE(::send(client, block.data(), block.size(), 0) == ssize_t{1024});
      REQUIRE(::recv(server, block.data(), block.size(), MSG_WAITALL) == ssize_t{1024});
    }
  }
  [[nodiscard]] bool client_sees_the_end() const {
    pollfd waiting{client, POLLIN, 0};
    char byte = 0;
    return ::poll(&waiting, 1, 20'000) == 1 && ::recv(client, &byte, 1, 0) == 0;
  }
};

}  // namespace

TEST_CASE("bytes that were received and not handed on are noticed") {
  const tcp_pair tcp;
  connections known;
  known.came(tcp.server, 0ms);
  CHECK(known.overfull(10'000).empty());
  tcp.talk(20 * 1024);
  CHECK(known.overfull(10'000) == std::vector<int>{tcp.server});
  known.handed(tcp.server, 15 * 1024);
  CHECK(known.overfull(10'000).empty());
}

TEST_CASE("whole messages build up no slack for one that never ends") {
  const tcp_pair tcp;
  connections known;
  known.came(tcp.server, 0ms);
  for (int i = 0; i < 1000; ++i) known.handed(tcp.server, 100);
  CHECK(known.overfull(10'000).empty());
  tcp.talk(20 * 1024);
  CHECK_FALSE(known.overfull(10'000).empty());
}

TEST_CASE("a connection is shut by its descriptor, and only while it is known") {
  const tcp_pair alice;
  const tcp_pair bob;
  connections known;
  known.came(alice.server, 0ms);
  CHECK(known.shut(alice.server));
  CHECK(alice.client_sees_the_end());
  CHECK_FALSE(known.shut(bob.server));
  known.went(alice.server);
  CHECK_FALSE(known.shut(alice.server));
  CHECK(known.empty());
}

TEST_CASE("a descriptor that another connection got is not mistaken for the former one") {
  connections known;
  tcp_pair alice;
  known.came(alice.server, 0ms);
  const tcp_pair bob;
  REQUIRE(::dup2(bob.server, alice.server) >=
          0);  // libzmq closed it, and the number was used again
  CHECK(known.shut(alice.server));
  CHECK(alice.client_sees_the_end());
  bob.talk(1024);
}

TEST_CASE("who comes to a full house takes the place of the one who has been silent longest") {
  connections known;
  const tcp_pair alice(1), bob(2), carol(3), dora(4);
  int host = 0;
  for (const auto* each : {&alice, &bob, &carol}) {
    known.came(each->server, std::chrono::milliseconds(++host));
    CHECK_FALSE(known.surplus(each->server, 3));
  }
  known.handed(alice.server, 10);
  known.came(dora.server, 4ms);
  CHECK(known.surplus(dora.server, 3) == bob.server);
  known.handed(bob.server, 10);
  known.handed(carol.server, 10);
  known.handed(dora.server, 10);
  CHECK(known.surplus(dora.server, 3) == dora.server);  // all speak: who came last goes
  known.shut(bob.server);
  CHECK_FALSE(known.surplus(dora.server, 3));
  known.went(bob.server);
  CHECK_FALSE(known.surplus(dora.server, 3));
}

TEST_CASE("one address has at most half of the connections, and only its own have to go") {
  connections known;
  const tcp_pair alice(1), first(6), second(6), third(6);
  known.came(alice.server, 0ms);
  known.came(first.server, 1ms);
  known.came(second.server, 2ms);
  CHECK_FALSE(known.surplus(second.server, 4));
  known.came(third.server, 3ms);
  CHECK(known.surplus(third.server, 4) == first.server);
  known.handed(first.server, 10);
  known.handed(second.server, 10);
  known.handed(third.server, 10);
  CHECK(known.surplus(third.server, 4) == third.server);
}

TEST_CASE("the silent are known by when they came") {
  connections known;
  const tcp_pair alice, bob, carol;
  known.came(alice.server, 1ms);
  known.came(bob.server, 2ms);
  known.came(carol.server, 3ms);
  known.handed(alice.server, 10);
  CHECK(known.silent_since(2ms) == std::vector<int>{bob.server});
  known.shut(bob.server);
  CHECK(known.silent_since(2ms).empty());
}
