// A relay in the middle of a mailed invitation, where the codes alone protect (THREATS A15, A16).
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/store/invitation/middle.hpp"

using namespace keyfold;
using namespace keyfold::invitation;
using tests::middle;
using tests::table;

namespace {

struct mailed_table final : table {
  explicit mailed_table(std::uint64_t seed) : table(kind::user, seed) {
    greeter_terms.mailed = true;
    guest_terms.secret.reset();
  }
};

constexpr unsigned kept_bits = 5;
bool alike(sas_code a, sas_code b) {
  return a.value >> (20 - kept_bits) == b.value >> (20 - kept_bits);
}

}  // namespace

TEST_CASE(
    "a man in the middle of a mailed invitation passes careless people's shortened codes at chance "
    "only") {
  // People who compare 5 bits of 20: he passes the first code once in 32, instead of once in 2^20.
  constexpr unsigned trials = 1500;
  unsigned passed = 0;
  const std::uint64_t seed = 20261122;
  for (unsigned i = 0; i < trials; ++i) {
    mailed_table t(seed + i);
    middle mallory(t);
    t.pick = [&](party who, const out::show_choose& shown) -> std::optional<sas_code> {
      const auto said = *t.at(who == party::guest ? party::greeter : party::guest).told;
      for (const auto code : shown.codes)
        if (alike(code, said)) return code;
      return std::nullopt;
    };
    t.sit(party::greeter);
    t.sit(party::guest);
    t.run();
    if (t.at(party::guest).told) ++passed;  // he is told his own code only after a right pick
    REQUIRE(t.ledger.empty());
  }
  INFO("seed " << seed << ", passed " << passed << " of " << trials);
  const double chance = trials / 32.0;
  CHECK(passed < chance + 4 * std::sqrt(chance));
  CHECK(passed > 0);
}

TEST_CASE("a man in the middle is found out by people who compare the whole codes") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    mailed_table t(seed);
    middle mallory(t);
    t.sit(party::greeter);
    t.sit(party::guest);
    t.run();
    REQUIRE(t.at(party::guest).failed);
    CHECK(t.at(party::guest).failed->why == reason::wrong_code);
    CHECK(t.ledger.empty());
  }
}

TEST_CASE("a relay that rolls the codes again and again is stopped by the limit of reveals") {
  mailed_table t(7);
  middle mallory(t);
  unsigned rolls = 0;
  mallory.on_codes = [&] {
    ++rolls;
    if (mallory.with_alice->greeter_code() == mallory.with_bob->greeter_code()) return;
    // Not the codes he wants: he breaks both links, before a person has seen anything.
    for (const auto who : {party::greeter, party::guest}) t.at(who).here = false;
    for (const auto who : {party::greeter, party::guest}) t.give(who, in::disconnected{});
  };
  t.sit(party::greeter);
  t.sit(party::guest);
  t.run();
  for (int again = 0; again < 10; ++again) {  // not even new runs give him more
    for (const auto who : {party::greeter, party::guest}) t.sit(who);
    t.run();
  }
  CHECK(rolls <= max_reveals);
  for (const auto who : {party::greeter, party::guest}) {
    CHECK(t.at(who).reveals <= max_reveals);
    REQUIRE(t.at(who).failed);
    CHECK(t.at(who).failed->why == reason::attempts);
  }
  CHECK(t.ledger.empty());
}

TEST_CASE("a man in the middle of an invitation with a secret does not get to see a nonce") {
  table t;
  t.guest_terms.secret.reset();  // the middle's terms are made of these
  middle mallory(t);
  t.guest_terms.secret = t.greeter_terms.secret;
  t.sit(party::greeter);
  t.sit(party::guest);
  t.run();
  CHECK(t.at(party::guest).refusals.at(0).code == errc::missing_mac);
  CHECK(t.at(party::greeter).refusals.at(0).code == errc::missing_mac);
  CHECK(t.at(party::greeter).reveals == 0);
  CHECK(t.at(party::guest).reveals == 0);
}

TEST_CASE("a relay that sends each side its own messages back is refused") {
  mailed_table t(3);
  t.relay = [&](party from, const bytes& payload) {
    t.give(from, in::received{t.attempt, payload});
    return bytes{};
  };
  t.sit(party::guest);
  t.sit(party::greeter);
  t.run();
  CHECK(t.at(party::guest).refusals.at(0).code == errc::reflected_message);
}

TEST_CASE("a guest claim recorded in another exchange does not open here") {
  table first;
  bytes recorded;
  first.relay = [&](party from, bytes payload) {
    if (from == party::guest && is_sealed(payload)) recorded = payload;
    return payload;
  };
  first.sit(party::greeter);
  first.sit(party::guest);
  first.run();
  REQUIRE(first.ledger.size() == 1);
  table second(kind::user, 2);
  second.relay = [&](party from, bytes payload) {
    return from == party::guest && is_sealed(payload) ? recorded : payload;
  };
  second.sit(party::greeter);
  second.sit(party::guest);
  second.run();
  CHECK(second.at(party::greeter).refusals.at(0).code == errc::bad_seal);
  CHECK(second.ledger.empty());
}
