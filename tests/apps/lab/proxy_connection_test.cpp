#include "apps/lab/proxy_connection.hpp"

#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>

#include "apps/lab/loopback.hpp"

using namespace keyfold;
using namespace keyfold::apps::lab;
using namespace std::chrono_literals;

namespace {

/// A client's socket, the proxy's connection for it, and somebody who listens where the client wants to go.
struct fixture {
  std::uint16_t port = free_ports(1).value()[0];
  db::file target = listen_on(port).value();
  db::file client;
  std::optional<proxy_connection> proxied;
  db::file server;  ///< the target's end
  instant now{1000};
  instant delay{0};
  std::string known_as = "b1";

  fixture() {
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    client = db::file(ends[0]);
    proxied.emplace("a1", db::file(ends[1]));
  }

  /// One turn of its loop, which waits until something can be done; false when it is over.
  bool turn(int patience = 5000) {
    std::vector<pollfd> fds;
    proxied->add_to(fds, now);
    poll(fds.data(), fds.size(), patience);
    return proxied->serve(fds[0].revents, fds[1].revents, now, delay,
                          [&](const std::string&, std::uint16_t) { return known_as; });
  }
  void say(const bytes& what) const { REQUIRE(write_all(client, what)); }
  static std::string heard(const db::file& by) {
    std::array<char, 1000> piece{};
    const auto got = recv(by.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    return got > 0 ? std::string(piece.data(), static_cast<std::size_t>(got)) : std::string();
  }
  void ask() {
    say({5, 1, 0});
    CHECK(turn());
    CHECK(heard(client) == std::string("\5\0", 2));
    say({5, 1, 0, 1, 127, 0, 0, 1, static_cast<std::uint8_t>(port >> 8),
         static_cast<std::uint8_t>(port & 255)});
  }
  void open() {
    ask();
    while (!proxied->open()) REQUIRE(turn());
    server = accept_from(target);
    REQUIRE(server);
    const auto answer = heard(client);
    REQUIRE(answer.size() == 10);
    CHECK(answer[1] == 0);
  }
};

}  // namespace

TEST_CASE("a connection is made to whom the client asks for, and bytes go both ways") {
  fixture f;
  f.open();
  CHECK(f.proxied->to() == "b1");
  f.say(to_bytes(as_bytes("question")));
  REQUIRE(f.turn());
  CHECK(fixture::heard(f.server) == "question");
  REQUIRE(write_all(f.server, as_bytes("answer")));
  REQUIRE(f.turn());
  CHECK(fixture::heard(f.client) == "answer");
}

TEST_CASE("a delay holds bytes back in both directions, not the opening") {
  fixture f;
  f.delay = 300ms;
  f.open();
  f.say(to_bytes(as_bytes("question")));
  REQUIRE(write_all(f.server, as_bytes("answer")));
  REQUIRE(f.turn());
  REQUIRE(f.turn(0));
  CHECK(fixture::heard(f.server).empty());
  CHECK(fixture::heard(f.client).empty());
  CHECK(f.proxied->due() == f.now + 300ms);
  f.now += 300ms;
  REQUIRE(f.turn());
  CHECK(fixture::heard(f.server) == "question");
  CHECK(fixture::heard(f.client) == "answer");
}

TEST_CASE("whoever hangs up, what was said before still arrives, and the connection is over") {
  fixture f;
  f.delay = 300ms;
  f.open();
  f.say(to_bytes(as_bytes("last words")));
  REQUIRE(f.turn());
  f.client = db::file();
  REQUIRE(f.turn());
  REQUIRE(f.turn(0));
  f.now += 300ms;
  CHECK(!f.turn());
  CHECK(fixture::heard(f.server) == "last words");
}

TEST_CASE("who is not to be reached is refused, and so is who does not listen") {
  fixture f;
  f.known_as.clear();
  f.ask();
  CHECK(!f.turn());
  auto answer = fixture::heard(f.client);
  REQUIRE(answer.size() == 10);
  CHECK(answer[1] == 2);

  fixture g;
  g.target = db::file();
  g.ask();
  while (g.turn()) {
  }
  answer = fixture::heard(g.client);
  REQUIRE(answer.size() == 10);
  CHECK(answer[1] == 5);
}

TEST_CASE("a client that hangs up before it has asked is forgotten") {
  fixture f;
  f.client = db::file();
  CHECK(!f.turn());
}
