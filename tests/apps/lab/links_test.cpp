#include "apps/lab/links.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::apps::lab;
using namespace std::chrono_literals;

namespace {

link_rules rules() {
  return link_rules(device_names(2, 2));
}

}  // namespace

TEST_CASE("a partition cuts the links between its sides, in both directions, and no other") {
  auto r = rules();
  REQUIRE(r.obey({{"do", "partition"}, {"a", {"a1", "a2"}}, {"b", {"b1"}}}));
  CHECK(r.between("a1", "b1").cut);
  CHECK(r.between("b1", "a2").cut);
  CHECK(!r.between("a1", "a2").cut);
  CHECK(!r.between("a1", "relay").cut);
  CHECK(!r.between("a1", "b2").cut);
  CHECK(r.list().size() == 2);
}

TEST_CASE("a partition with one side cuts it off from everything, the relay too") {
  auto r = rules();
  REQUIRE(r.obey({{"do", "partition"}, {"a", {"a1"}}}));
  for (const auto* other : {"a2", "b1", "b2", "relay"}) CHECK(r.between(other, "a1").cut);
  CHECK(!r.between("b1", "relay").cut);
}

TEST_CASE("a delay and a cut of one link do not touch each other") {
  auto r = rules();
  REQUIRE(r.obey({{"do", "delay"}, {"a", {"a1"}}, {"b", {"relay"}}, {"ms", 200}}));
  REQUIRE(r.obey({{"do", "partition"}, {"a", {"a1"}}, {"b", {"relay"}}}));
  CHECK(r.between("relay", "a1") == link_rule{true, 200ms});
  REQUIRE(r.obey({{"do", "delay"}, {"a", {"relay"}}, {"b", {"a1"}}, {"ms", 0}}));
  CHECK(r.between("a1", "relay") == link_rule{true, 0ms});
}

TEST_CASE("healing takes what it names, or everything") {
  auto r = rules();
  REQUIRE(r.obey({{"do", "partition"}, {"a", {"a1"}}}));
  REQUIRE(r.obey({{"do", "delay"}, {"a", {"b1"}}, {"b", {"b2"}}, {"ms", 5}}));
  REQUIRE(r.obey({{"do", "heal"}, {"a", {"b1"}}, {"b", {"a1", "b2"}}}));
  CHECK(r.between("a1", "b1") == link_rule{});
  CHECK(r.between("b1", "b2") == link_rule{});
  CHECK(r.between("a1", "relay").cut);
  REQUIRE(r.obey({{"do", "heal"}}));
  CHECK(r.list().empty());
}

TEST_CASE("a request that cannot be is refused and changes nothing") {
  auto r = rules();
  const std::vector<json> bad{nullptr,
                              json::array(),
                              {{"do", "nonsense"}, {"a", {"a1"}}},
                              {{"a", {"a1"}}},
                              {{"do", "partition"}},
                              {{"do", "partition"}, {"a", {"c1"}}},
                              {{"do", "partition"}, {"a", "a1"}},
                              {{"do", "partition"}, {"a", {1}}},
                              {{"do", "partition"}, {"a", {"a1"}}, {"b", {"a1"}}},
                              {{"do", "delay"}, {"a", {"a1"}}, {"b", {"a2"}}},
                              {{"do", "delay"}, {"a", {"a1"}}, {"b", {"a2"}}, {"ms", -1}},
                              {{"do", "delay"}, {"a", {"a1"}}, {"b", {"a2"}}, {"ms", 60'001}},
                              {{"do", "delay"}, {"a", {"a1"}}, {"b", {"a2"}}, {"ms", "5"}}};
  for (const auto& request : bad) {
    INFO(request.dump());
    const auto refused = r.obey(request);
    REQUIRE(!refused);
    CHECK(refused.error().code == errc::usage);
    CHECK(r.list().empty());
  }
}
