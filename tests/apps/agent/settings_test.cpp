#include "apps/agent/settings.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/support/temp_dir.hpp"

using namespace keyfold;
using namespace keyfold::apps;
using keyfold::test::temp_dir;

namespace {

/// What load_network says of a home whose config.toml has this text.
expected<network_settings> network_of(const std::string& text) {
  const temp_dir folder;
  std::ofstream(folder.path() / "config.toml") << text;
  return load_network({folder.path(), folder.path()});
}

}  // namespace

TEST_CASE(
    "without settings an agent listens on any free port, looks around and connects directly") {
  const temp_dir folder;
  for (const auto& got :
       {load_network({folder.path(), folder.path()}), network_of(""),
        network_of("[network]\nsocks_proxy = \"\"\n"), network_of("[objects]\ncache_mib = 1\n")}) {
    REQUIRE(got);
    CHECK(got->listen == "tcp://0.0.0.0:0");
    CHECK(got->discovery);
    CHECK(!got->socks_proxy);
  }
}

TEST_CASE("network settings are read") {
  const auto got = network_of(
      "[network]\nlisten = \"tcp://127.0.0.1:7444\"\ndiscovery = false\n"
      "socks_proxy = \"localhost:9050\"\n");
  REQUIRE(got);
  CHECK(got->listen == "tcp://127.0.0.1:7444");
  CHECK(!got->discovery);
  CHECK(got->socks_proxy == "localhost:9050");
  CHECK(network_of("[network]\nlisten = \"none\"\n")->listen == "none");
}

TEST_CASE(
    "a network setting that cannot be is refused by its name, and never replaced in silence") {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"listen = \"everywhere\"", "listen"},
      {"listen = 7443", "listen"},
      {"listen = \"tcp://127.0.0.1:99999\"", "listen"},
      {"discovery = \"no\"", "discovery"},
      {"discovery = 0", "discovery"},
      {"socks_proxy = 1080", "socks_proxy"},
      {"socks_proxy = \"socks5://127.0.0.1:1080\"", "socks_proxy"},
      {"socks_proxy = \"127.0.0.1\"", "socks_proxy"}};
  for (const auto& [line, name] : rows) {
    const auto got = network_of("[network]\n" + line + "\n");
    INFO(line);
    REQUIRE(!got);
    CHECK(got.error().code == errc::usage);
    CHECK(got.error().message.find(name) != std::string::npos);
  }
  CHECK(!network_of("network = 1\n"));
  CHECK(!network_of("[network\n"));
}
