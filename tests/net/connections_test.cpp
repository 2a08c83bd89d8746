#include "net/connections.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

using namespace keyfold::net;

namespace {

/// Both ends of a TCP connection on loopback.
struct tcp_pair {
  int client = ::socket(AF_INET, SOCK_STREAM, 0);
  int server = -1;

  tcp_pair() {
    const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listening, generic, size) == 0);
    REQUIRE(::listen(listening, 1) == 0);
    REQUIRE(::getsockname(listening, generic, &size) == 0);
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
  known.came(tcp.server);
  CHECK(known.overfull(10'000).empty());
  tcp.talk(20 * 1024);
  CHECK(known.overfull(10'000) == std::vector<int>{tcp.server});
  known.handed(tcp.server, 15 * 1024);
  CHECK(known.overfull(10'000).empty());
}

TEST_CASE("whole messages build up no slack for one that never ends") {
  const tcp_pair tcp;
  connections known;
  known.came(tcp.server);
  for (int i = 0; i < 1000; ++i) known.handed(tcp.server, 100);
  CHECK(known.overfull(10'000).empty());
  tcp.talk(20 * 1024);
  CHECK_FALSE(known.overfull(10'000).empty());
}

TEST_CASE("a connection is shut by its descriptor, and only while it is known") {
  const tcp_pair alice;
  const tcp_pair bob;
  connections known;
  known.came(alice.server);
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
  known.came(alice.server);
  const tcp_pair bob;
  REQUIRE(::dup2(bob.server, alice.server) >=
          0);  // libzmq closed it, and the number was used again
  CHECK(known.shut(alice.server));
  CHECK(alice.client_sees_the_end());
  bob.talk(1024);
}
