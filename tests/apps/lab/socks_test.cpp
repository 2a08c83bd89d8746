#include "apps/lab/socks.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::apps::lab;

using state = socks_client::state;

namespace {

const bytes greeting{5, 1, 0};
const bytes to_ipv4{5, 1, 0, 1, 127, 0, 0, 1, 0x1f, 0x90};

bytes to_name(const std::string& name) {
  bytes out{5, 1, 0, 3, static_cast<std::uint8_t>(name.size())};
  append(out, as_bytes(name));
  append(out, bytes{0, 80});
  return out;
}
bytes to_ipv6(std::uint8_t first) {
  bytes out{5, 1, 0, 4, first};
  out.resize(4 + 15);
  append(out, bytes{1, 0, 80});
  return out;
}

}  // namespace

TEST_CASE("a client greets, is answered, and asks for a host and a port") {
  socks_client c;
  bytes reply;
  CHECK(c.take(greeting, reply) == state::talking);
  CHECK(reply == bytes{5, 0});
  CHECK(c.take(to_ipv4, reply) == state::asked);
  CHECK(reply == bytes{5, 0});
  CHECK(c.host() == "127.0.0.1");
  CHECK(c.port() == 8080);
}

TEST_CASE("names and IPv6 addresses are understood") {
  for (const auto& [request, host] : std::vector<std::pair<bytes, std::string>>{
           {to_name("localhost"), "localhost"},
           {to_ipv6(0), "::1"},
           {to_ipv6(0xfe), "fe00:0000:0000:0000:0000:0000:0000:0001"}}) {
    socks_client c;
    bytes reply;
    c.take(greeting, reply);
    REQUIRE(c.take(request, reply) == state::asked);
    CHECK(c.host() == host);
    CHECK(c.port() == 80);
  }
}

TEST_CASE("it does not matter in which pieces a client talks") {
  socks_client c;
  bytes all = greeting, reply;
  append(all, to_name("peer.example"));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto got = c.take(bytes_view(all).subspan(i, 1), reply);
    CHECK(got == (i + 1 < all.size() ? state::talking : state::asked));
  }
  CHECK(c.host() == "peer.example");
}

TEST_CASE("who speaks another protocol, or asks for something else, is refused") {
  const auto after = [](const std::vector<bytes>& said, bytes& reply) {
    socks_client c;
    auto got = state::talking;
    for (const auto& each : said) got = c.take(each, reply);
    return got;
  };
  bytes reply;
  CHECK(after({{4, 1, 0}}, reply) == state::failed);
  CHECK(reply.empty());
  CHECK(after({to_bytes(as_bytes("GET / HTTP/1.1\r\n"))}, reply) == state::failed);
  CHECK(after({{5, 1, 2}}, reply) == state::failed);  // only with a password
  CHECK(reply == bytes{5, 255});
  reply.clear();
  CHECK(after({greeting, {5, 2, 0, 1, 127, 0, 0, 1, 0, 80}}, reply) == state::failed);  // BIND
  REQUIRE(reply.size() == 12);
  CHECK(reply[3] == 7);
  CHECK(after({greeting, {5, 1, 0, 9, 0, 0, 0}}, reply) == state::failed);
  auto early = to_ipv4;
  early.push_back('x');  // before it has an answer
  CHECK(after({greeting, early}, reply) == state::failed);
  CHECK(after({greeting, to_ipv4, {'x'}}, reply) == state::failed);
}
