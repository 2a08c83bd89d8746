#include "store/relay/conduit.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::relay;

namespace {

const invitation_token token{{7}};
constexpr session_number alice = 1;
constexpr session_number bob = 2;
constexpr session_number carol = 3;

/// What the session is told, in order.
std::vector<news::conduit> told(const effects& all, session_number to) {
  std::vector<news::conduit> out;
  for (const auto& e : all)
    if (e.to == to) out.push_back(std::get<news::conduit>(e.what));
  return out;
}

std::uint64_t both_in(conduit& c) {
  REQUIRE(c.open(party::greeter, alice).answer);
  return c.open(party::guest, bob).answer.value().attempt;
}

}  // namespace

TEST_CASE("each open begins a new attempt, and the other side is told") {
  conduit c(token);
  const auto first = c.open(party::greeter, alice);
  CHECK(first.answer.value().attempt == 1);
  CHECK_FALSE(first.answer->peer_present);
  CHECK(first.effects.empty());
  const auto second = c.open(party::guest, bob);
  CHECK(second.answer.value().attempt == 2);
  CHECK(second.answer->peer_present);
  const auto news = told(second.effects, alice);
  REQUIRE(news.size() == 1);
  CHECK(news[0].what == conduit_news::restarted);
  CHECK(news[0].attempt == 2);
}

TEST_CASE("a message goes to the other side as it is, and to nobody else") {
  conduit c(token);
  const auto attempt = both_in(c);
  const bytes payload{0xff, 0, 1};
  const auto sent = c.send(attempt, alice, payload);
  REQUIRE(sent.answer);
  REQUIRE(sent.effects.size() == 1);
  CHECK(told(sent.effects, bob).at(0).payload == payload);
  CHECK(told(c.send(attempt, bob, {1}).effects, alice).at(0).what == conduit_news::message);
}

TEST_CASE("the newest attempt wins, and the older session is told") {
  conduit c(token);
  const auto old = both_in(c);
  const auto opened = c.open(party::greeter, carol);
  CHECK(told(opened.effects, alice).at(0).what == conduit_news::replaced);
  CHECK(told(opened.effects, bob).at(0).what == conduit_news::restarted);
  CHECK(c.send(old, alice, {1}).answer.error().code == errc::conduit_not_open);
  CHECK(c.send(old, bob, {1}).answer.error().code == errc::stale_attempt);
  CHECK(told(c.send(opened.answer->attempt, bob, {1}).effects, carol).size() == 1);
}

TEST_CASE("who does not hold a role can neither send nor close") {
  conduit c(token);
  const auto attempt = both_in(c);
  CHECK(c.send(attempt, carol, {1}).answer.error().code == errc::conduit_not_open);
  CHECK(c.close(attempt, carol).answer.error().code == errc::conduit_not_open);
  CHECK(c.present(party::greeter));
}

TEST_CASE("a message to an absent side is refused") {
  conduit c(token);
  REQUIRE(c.open(party::greeter, alice).answer);
  CHECK(c.send(1, alice, {1}).answer.error().code == errc::peer_absent);
}

TEST_CASE("a message that is too large, and one too many, are refused") {
  conduit c(token);
  const auto attempt = both_in(c);
  CHECK(c.send(attempt, alice, bytes(max_conduit_payload + 1)).answer.error().code ==
        errc::too_large);
  for (unsigned i = 0; i < max_conduit_messages; ++i) CHECK(c.send(attempt, alice, {1}).answer);
  CHECK(c.send(attempt, alice, {1}).answer.error().code == errc::conduit_full);
  CHECK(c.send(attempt, bob, {1}).answer);
  const auto next = c.open(party::greeter, alice).answer->attempt;
  CHECK(c.send(next, alice, {1}).answer);
}

TEST_CASE("a side that closes or whose connection breaks has left, and the other is told") {
  for (const bool breaks : {true, false}) {
    conduit c(token);
    const auto attempt = both_in(c);
    const auto out = breaks ? c.disconnect(bob) : c.close(attempt, bob).effects;
    CHECK(told(out, alice).at(0).what == conduit_news::peer_left);
    CHECK_FALSE(c.present(party::guest));
    CHECK(c.open(party::guest, carol).answer->attempt == attempt + 1);
  }
}

TEST_CASE("when an invitation is over both sides are told the reason") {
  conduit c(token);
  both_in(c);
  const auto out = c.end("cancelled");
  for (const auto who : {alice, bob}) {
    CHECK(told(out, who).at(0).what == conduit_news::closed);
    CHECK(to_string(told(out, who).at(0).payload) == "cancelled");
  }
  CHECK_FALSE(c.present(party::greeter));
  CHECK_FALSE(c.present(party::guest));
}
