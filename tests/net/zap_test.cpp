#include "net/zap.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::net;

namespace {

const auto alice = box_key::generate(*seeded_random(1)).public_key();
const auto bob = box_key::generate(*seeded_random(2)).public_key();
constexpr instant start{1000};

struct fixture {
  zap_policies policies;
  fixture() {
    policies.add("relay", [](const auto&) { return true; });
    policies.add("agent", [](const auto& key) { return key == alice; });
  }
  zap_policies::verdict ask(std::string_view domain, const box_public_key& key,
                            std::string_view mechanism = "CURVE", instant now = start) {
    const std::vector<bytes_view> frames{
        as_bytes("1.0"),     as_bytes("id7"), as_bytes(domain), as_bytes("1.2.3.4"), {},
        as_bytes(mechanism), key.view()};
    return policies.answer(frames, now);
  }
};

}  // namespace

TEST_CASE("an admitted peer's user id is its key in hexadecimal") {
  fixture f;
  const auto verdict = f.ask("relay", bob);
  CHECK(verdict.admitted);
  REQUIRE(verdict.frames.size() == 6);
  CHECK(to_string(verdict.frames[0]) == "1.0");
  CHECK(to_string(verdict.frames[1]) == "id7");
  CHECK(to_string(verdict.frames[2]) == "200");
  CHECK(to_string(verdict.frames[4]) == to_hex(bob.view()));
  CHECK(key_of_user_id(to_string(verdict.frames[4])).value() == bob);
}

TEST_CASE("an agent's domain admits only the keys that it knows") {
  fixture f;
  CHECK(f.ask("agent", alice).admitted);
  const auto verdict = f.ask("agent", bob);
  CHECK_FALSE(verdict.admitted);
  CHECK(to_string(verdict.frames[2]) == "400");
  CHECK(verdict.frames[4].empty());
}

TEST_CASE("an unknown domain, and one whose socket was closed, admit nobody") {
  fixture f;
  CHECK_FALSE(f.ask("elsewhere", alice).admitted);
  f.policies.remove("relay");
  CHECK_FALSE(f.ask("relay", alice).admitted);
}

TEST_CASE("mechanisms other than CURVE are refused") {
  fixture f;
  CHECK_FALSE(f.ask("relay", alice, "NULL").admitted);
  CHECK_FALSE(f.ask("relay", alice, "PLAIN").admitted);
}

TEST_CASE("a key of small order is refused") {
  fixture f;
  CHECK_FALSE(f.ask("relay", box_public_key{}).admitted);
}

TEST_CASE("what is no ZAP request is refused") {
  fixture f;
  CHECK_FALSE(f.policies.answer({}, start).admitted);
  CHECK_FALSE(f.policies.answer({as_bytes("1.0")}, start).admitted);
}

TEST_CASE("a key whose link was cut waits out its penalty") {
  fixture f;
  f.policies.penalize(bob, start + instant{5000});
  CHECK_FALSE(f.ask("relay", bob, "CURVE", start + instant{4999}).admitted);
  CHECK(f.ask("relay", alice, "CURVE", start).admitted);
  CHECK(f.ask("relay", bob, "CURVE", start + instant{5000}).admitted);
}

TEST_CASE("a user id that is no key is refused") {
  CHECK_FALSE(key_of_user_id(""));
  CHECK_FALSE(key_of_user_id("alice"));
  CHECK_FALSE(key_of_user_id(std::string(64, '0')));
  CHECK_FALSE(key_of_user_id(std::string(62, '1')));
}
