#include "store/relay/conduits.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::relay;

namespace {

const invitation_token token{{7}};
constexpr session_number alice = 1;
constexpr session_number bob = 2;
constexpr session_number carol = 3;
constexpr timestamp now{1'000'000};

/// What the session is told, in order.
std::vector<news::conduit> told(const effects& all, session_number to) {
  std::vector<news::conduit> out;
  for (const auto& e : all)
    if (e.to == to) out.push_back(std::get<news::conduit>(e.what));
  return out;
}

std::uint64_t both_in(conduits& c) {
  REQUIRE(c.open(token, party::greeter, alice, now).answer);
  return c.open(token, party::guest, bob, now).answer.value().attempt;
}

}  // namespace

TEST_CASE("each open begins a new attempt, and the other side is told") {
  conduits c;
  const auto first = c.open(token, party::greeter, alice, now);
  CHECK(first.answer.value().attempt == 1);
  CHECK_FALSE(first.answer->peer_present);
  CHECK(first.effects.empty());
  const auto second = c.open(token, party::guest, bob, now);
  CHECK(second.answer.value().attempt == 2);
  CHECK(second.answer->peer_present);
  const auto news = told(second.effects, alice);
  REQUIRE(news.size() == 1);
  CHECK(news[0].what == conduit_news::restarted);
  CHECK(news[0].attempt == 2);
}

TEST_CASE("a message goes to the other side as it is, and to nobody else") {
  conduits c;
  const auto attempt = both_in(c);
  const bytes payload{0xff, 0, 1};
  const auto sent = c.send(token, attempt, alice, payload);
  REQUIRE(sent.answer);
  REQUIRE(sent.effects.size() == 1);
  CHECK(told(sent.effects, bob).at(0).payload == payload);
  CHECK(told(c.send(token, attempt, bob, {1}).effects, alice).at(0).what == conduit_news::message);
}

TEST_CASE("the newest attempt wins, and the older session is told") {
  conduits c;
  const auto old = both_in(c);
  const auto opened = c.open(token, party::greeter, carol, now);
  CHECK(told(opened.effects, alice).at(0).what == conduit_news::replaced);
  CHECK(told(opened.effects, bob).at(0).what == conduit_news::restarted);
  CHECK(c.send(token, old, alice, {1}).answer.error().code == errc::conduit_not_open);
  CHECK(c.send(token, old, bob, {1}).answer.error().code == errc::stale_attempt);
  CHECK(told(c.send(token, opened.answer->attempt, bob, {1}).effects, carol).size() == 1);
}

TEST_CASE("who does not hold a role can neither send nor close") {
  conduits c;
  const auto attempt = both_in(c);
  CHECK(c.send(token, attempt, carol, {1}).answer.error().code == errc::conduit_not_open);
  CHECK(c.close(token, attempt, carol).answer.error().code == errc::conduit_not_open);
  CHECK(c.send({{8}}, 1, alice, {1}).answer.error().code == errc::conduit_not_open);
  CHECK(c.present(token, party::greeter));
}

TEST_CASE("a message to an absent side is refused") {
  conduits c;
  REQUIRE(c.open(token, party::greeter, alice, now).answer);
  CHECK(c.send(token, 1, alice, {1}).answer.error().code == errc::peer_absent);
}

TEST_CASE("a message that is too large, and one too many, are refused") {
  conduits c;
  const auto attempt = both_in(c);
  CHECK(c.send(token, attempt, alice, bytes(max_conduit_payload + 1)).answer.error().code ==
        errc::too_large);
  for (unsigned i = 0; i < max_conduit_messages; ++i)
    CHECK(c.send(token, attempt, alice, {1}).answer);
  CHECK(c.send(token, attempt, alice, {1}).answer.error().code == errc::conduit_full);
  CHECK(c.send(token, attempt, bob, {1}).answer);
  const auto next = c.open(token, party::greeter, alice, now).answer->attempt;
  CHECK(c.send(token, next, alice, {1}).answer);
}

TEST_CASE("a side that closes or whose connection breaks has left, and the other is told") {
  for (const bool breaks : {true, false}) {
    conduits c;
    const auto attempt = both_in(c);
    const auto out = breaks ? c.disconnect(bob) : c.close(token, attempt, bob).effects;
    CHECK(told(out, alice).at(0).what == conduit_news::peer_left);
    CHECK_FALSE(c.present(token, party::guest));
    CHECK(c.open(token, party::guest, carol, now).answer->attempt == attempt + 1);
  }
}

TEST_CASE("when an invitation is over both sides are told the reason") {
  conduits c;
  both_in(c);
  const auto out = c.drop(token, "cancelled");
  for (const auto who : {alice, bob}) {
    CHECK(told(out, who).at(0).what == conduit_news::closed);
    CHECK(to_string(told(out, who).at(0).payload) == "cancelled");
  }
  CHECK(c.sessions().empty());
}

TEST_CASE("who opens a conduit again and again is slowed down, and other invitations are not") {
  conduits c;
  bool limited = false;
  for (session_number n = 1; n < 100 && !limited; ++n) {
    const auto opened = c.open(token, party::guest, n, now);
    limited = !opened.answer;
    if (limited) CHECK(opened.answer.error().code == errc::rate_limited);
  }
  CHECK(limited);
  CHECK(c.open(token, party::greeter, 200, now).answer);
  CHECK(c.open({{8}}, party::guest, 201, now).answer);
}
