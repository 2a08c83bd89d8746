#include "apps/common/endpoint.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::apps;

TEST_CASE("where to listen is an endpoint with a port that exists") {
  for (const auto* good : {"tcp://127.0.0.1:0", "tcp://0.0.0.0:65535", "tcp://[::1]:7443"})
    CHECK(check_listen(good));
  for (const auto* bad : {"", "none", "127.0.0.1:1", "tcp://:1", "tcp://", "tcp://127.0.0.1",
                          "tcp://127.0.0.1:", "tcp://127.0.0.1:-1", "tcp://127.0.0.1:65536",
                          "tcp://127.0.0.1:1x", "ipc://x"}) {
    const auto refused = check_listen(bad);
    REQUIRE(!refused);
    CHECK(refused.error().code == errc::usage);
  }
}

TEST_CASE("a proxy is a host and a port, not a URL") {
  for (const auto* good :
       {"127.0.0.1:1080", "localhost:9050", "[::1]:1", "proxy.example.com:65535"})
    CHECK(is_host_and_port(good));
  for (const auto* bad :
       {"", ":", ":1", "localhost", "localhost:", "localhost:0", "localhost:65536",
        "socks5://localhost:1", "::1:1", "[::1]", "[]:1", "a b:1", "a\n:1"})
    CHECK(!is_host_and_port(bad));
}
