#include "net/peer_session.hpp"

#include "tests/net/session_support.hpp"

using namespace keyfold;
using namespace keyfold::net;

namespace {

constexpr instant start{1'000'000};

expected<void> believe(const hello&, const hello_answer&) {
  return {};
}

/// Two ends, and what is under way between them.
struct pair_of_ends {
  peer_session alice{believe, start};
  peer_session bob{believe, start};
  std::vector<peer_effect> at_alice;
  std::vector<peer_effect> at_bob;

  /// Hands the messages of `effects` to the other end, and so on, until nothing is under way.
  void run(peer_session& from, const peer_effects& effects, instant now = start) {
    const bool is_alice = &from == &alice;
    auto& to = is_alice ? bob : alice;
    for (const auto& effect : effects) {
      (is_alice ? at_alice : at_bob).push_back(effect);
      if (const auto* out = std::get_if<effect::send>(&effect)) run(to, to.received(out->m, now));
      if (std::holds_alternative<effect::greeting>(effect)) run(from, from.accept({}));
    }
  }
  void open() {
    run(alice, alice.up({}, start));
    run(bob, bob.up({}, start));
    REQUIRE(alice.open());
    REQUIRE(bob.open());
  }
};

client_session::request pull_request() {
  return {message_kind::ledger_pull, encode(ledger_pull{}), {}};
}

}  // namespace

TEST_CASE("a link between devices is open once each has greeted the other") {
  pair_of_ends ends;
  ends.run(ends.alice, ends.alice.up({}, start));
  CHECK_FALSE(ends.alice.open());
  ends.run(ends.bob, ends.bob.up({}, start));
  CHECK(ends.alice.open());
  CHECK(ends.bob.open());
}

TEST_CASE("both ends of a link ask with the same request ids, and each gets its own answers") {
  pair_of_ends ends;
  ends.open();
  for (auto* asking : {&ends.alice, &ends.bob}) {
    auto& answering = asking == &ends.alice ? ends.bob : ends.alice;
    auto asked = asking->ask(7, pull_request(), start);
    REQUIRE(asked);
    ends.run(*asking, *asked);
    auto& there = asking == &ends.alice ? ends.at_bob : ends.at_alice;
    const auto requests = all<effect::requested>(there);
    REQUIRE(requests.size() == 1);
    ends.run(answering, answering.reply(requests.front().m.request_id,
                                        answer{encode(ledger_pull_answer{{3}, 0}), {}}));
    const auto answers = all<effect::answered>(asking == &ends.alice ? ends.at_alice : ends.at_bob);
    REQUIRE(answers.size() == 1);
    CHECK(answers.front().token == 7);
    CHECK(answers.front().result.has_value());
  }
}

TEST_CASE("pings of either side of either end are answered, and end nothing") {
  pair_of_ends ends;
  ends.open();
  const auto later = start + instant{20'000};
  ends.run(ends.alice, ends.alice.tick(later), later);
  ends.run(ends.bob, ends.bob.tick(later), later);
  CHECK(ends.alice.open());
  CHECK(ends.bob.open());
  CHECK(all<effect::closed>(ends.at_alice).empty());
  CHECK(all<effect::closed>(ends.at_bob).empty());
}

TEST_CASE("an answer to a ping that was never sent ends the link") {
  pair_of_ends ends;
  ends.open();
  const auto effects =
      ends.alice.received(make_reply((std::uint64_t{1} << 63) + 5, empty_body{}), start);
  CHECK(closed_for(effects) == errc::unasked);
}

TEST_CASE("whoever ends a link says why, and the other's requests end with it") {
  pair_of_ends ends;
  ends.open();
  auto asked = ends.bob.ask(1, pull_request(), start);
  REQUIRE(asked);
  ends.run(ends.bob, *asked);
  ends.run(ends.alice, ends.alice.end({errc::user_is_revoked, "revoked"}));
  const auto answers = all<effect::answered>(ends.at_bob);
  REQUIRE(answers.size() == 1);
  CHECK(answers.front().result.error().why.code == errc::disconnected);
  const auto closed = all<effect::closed>(ends.at_bob);
  REQUIRE_FALSE(closed.empty());
  CHECK(closed.front().why.code == errc::user_is_revoked);
  CHECK_FALSE(ends.bob.open());
}

TEST_CASE("a request before hello ends a link between devices") {
  peer_session bob{believe, start};
  CHECK(closed_for(bob.received(make_message(ledger_pull{}, 1), start)) == errc::hello_expected);
}
