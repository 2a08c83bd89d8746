#include "apps/lab/plan.hpp"

#include <catch2/catch.hpp>

#include "tests/support/temp_dir.hpp"

using namespace keyfold;
using namespace keyfold::apps::lab;
using keyfold::test::temp_dir;

TEST_CASE("a lab's plan is found again in its folder") {
  const temp_dir folder;
  const lab_folder at{folder.path()};
  const auto none = load_plan(at);
  REQUIRE(!none);
  CHECK(none.error().code == errc::not_found);
  lab_plan plan{true, 20'001, "keyfold://127.0.0.1:20001/?k=x", {}};
  plan.devices.push_back({"a1", 20'002, 20'003, "ID"});
  plan.devices.push_back({"b1", 20'004, 20'005, {}});
  REQUIRE(save_plan(at, plan));
  const auto got = load_plan(at);
  REQUIRE(got);
  CHECK(to_json(*got) == to_json(plan));
  CHECK(got->names() == std::vector<std::string>{"a1", "b1"});
  REQUIRE(got->find("b1") != nullptr);
  CHECK(got->find("b1")->email() == "b@lab.example");
  CHECK(got->find("c1") == nullptr);
}

TEST_CASE("what is no plan is refused") {
  for (const auto* text : {"null", "{}", "[]", R"({"format":2})",
                           R"({"format":1,"complete":true,"relay_port":1,"relay_address":""})"}) {
    INFO(text);
    CHECK(!plan_from_json(json::parse(text)));
  }
}
