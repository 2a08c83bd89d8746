#include "apps/lab/names.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::apps::lab;

using names = std::vector<std::string>;

TEST_CASE("devices are named by their user's letter and a number") {
  CHECK(device_names(2, 2) == names{"a1", "a2", "b1", "b2"});
  CHECK(device_names(most_users, most_devices).back() == "z9");
}

TEST_CASE("ends are devices, users, the relay, all, and lists of these, each once") {
  const auto devices = device_names(2, 2);
  CHECK(ends_of("a1", devices) == names{"a1"});
  CHECK(ends_of("b", devices) == names{"b1", "b2"});
  CHECK(ends_of("relay", devices) == names{"relay"});
  CHECK(ends_of("a2,b,relay,a", devices) == names{"a2", "b1", "b2", "relay", "a1"});
  CHECK(ends_of("all", devices) == devices);
  for (const auto* bad : {"", "c", "a3", "a1,", ",a1", "a1 b1", "A1", "relays", "lab"}) {
    INFO(bad);
    const auto refused = ends_of(bad, devices);
    REQUIRE(!refused);
    CHECK(refused.error().code == errc::usage);
  }
}

TEST_CASE("links between two groups are all pairs, once, and none of an end with itself") {
  const auto devices = device_names(2, 1);
  CHECK(links_between({"a1"}, {"b1"}, devices) == std::vector<link_ends>{{"a1", "b1"}});
  CHECK(links_between({"b1"}, {"a1"}, devices) == std::vector<link_ends>{{"a1", "b1"}});
  CHECK(links_between({"a1", "b1"}, {"a1", "b1"}, devices) == std::vector<link_ends>{{"a1", "b1"}});
  CHECK(links_between({"a1"}, {"a1"}, devices).empty());
}

TEST_CASE("without a second group it is all others, the relay included") {
  const auto devices = device_names(2, 2);
  CHECK(links_between({"a1", "a2"}, {}, devices) == std::vector<link_ends>{{"a1", "b1"},
                                                                           {"a1", "b2"},
                                                                           {"a1", "relay"},
                                                                           {"a2", "b1"},
                                                                           {"a2", "b2"},
                                                                           {"a2", "relay"}});
}
