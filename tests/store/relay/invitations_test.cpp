#include "store/relay/invitations.hpp"

#include <catch2/catch.hpp>

#include "tests/store/relay/world.hpp"

using namespace keyfold;
using namespace keyfold::relay;
using tests::relay_world;

namespace {

constexpr timestamp now{1'000'000'000};
constexpr timestamp later = now + timestamp(std::chrono::hours(24));

errc code(const auto& result) {
  return result.error().code;
}

struct office : relay_world {
  office() : bob(org.add("bob")) {
    sync();
    bob_session = connect(bob);
  }
  invitation_row row(invitation::kind k = invitation::kind::user) {
    return {org.random().id<invitation_token>(), k, {}, later, {0}, bytes(80, 1)};
  }
  invitation_token invite(session_number by, invitation::kind k = invitation::kind::user) {
    const auto r = row(k);
    REQUIRE(core->create_invitation(by, r, now).answer);
    return r.token;
  }
  std::size_t listed(session_number session) {
    return core->list_invitations(session, now).value().size();
  }
  tests::person bob;
  session_number bob_session = 0;
};

}  // namespace

TEST_CASE("an Administrator invites users, and everybody his own devices") {
  office w;
  w.invite(w.alice_session);
  w.invite(w.bob_session, invitation::kind::device);
  CHECK(code(w.core->create_invitation(w.bob_session, w.row(), now).answer) ==
        errc::not_administrator);
  CHECK(w.listed(w.alice_session) == 1);  // not bob's device
  CHECK(w.listed(w.bob_session) == 1);
  w.restart();
  CHECK(w.listed(w.alice_session) == 1);
}

TEST_CASE("an invitation that is too long, lasts too long, or has a token in use is refused") {
  office w;
  auto row = w.row();
  row.expires = now;
  CHECK(code(w.core->create_invitation(w.alice_session, row, now).answer) == errc::bad_expiry);
  row.expires = now + max_invitation_life + timestamp(1);
  CHECK(code(w.core->create_invitation(w.alice_session, row, now).answer) == errc::bad_expiry);
  row = w.row();
  row.sealed_about.resize(2000);
  CHECK(code(w.core->create_invitation(w.alice_session, row, now).answer) == errc::too_large);
  row = w.row();
  CHECK(w.core->create_invitation(w.alice_session, row, now).answer);
  CHECK(code(w.core->create_invitation(w.alice_session, row, now).answer) ==
        errc::invitation_exists);
}

TEST_CASE("a flood of invitations ends at the limit, and leaves others theirs") {
  office w;
  for (std::size_t i = 0; i < max_device_invitations; ++i)
    w.invite(w.bob_session, invitation::kind::device);
  CHECK(
      code(w.core->create_invitation(w.bob_session, w.row(invitation::kind::device), now).answer) ==
      errc::too_many_invitations);
  w.invite(w.alice_session, invitation::kind::device);
  for (std::size_t i = 0; i < max_user_invitations; ++i) w.invite(w.alice_session);
  CHECK(code(w.core->create_invitation(w.alice_session, w.row(), now).answer) ==
        errc::too_many_invitations);
}

TEST_CASE("who invites and cancels without end is slowed down, and others are not") {
  office w;
  unsigned made = 0;
  for (;;) {
    const auto row = w.row(invitation::kind::device);
    const auto created = w.core->create_invitation(w.bob_session, row, now).answer;
    if (!created) {
      CHECK(code(created) == errc::rate_limited);
      break;
    }
    REQUIRE(w.core->cancel_invitation(w.bob_session, row.token).answer);
    REQUIRE(++made < 1000);
  }
  CHECK(made == 100);
  w.invite(w.alice_session);
  const auto row = w.row(invitation::kind::device);
  CHECK(w.core->create_invitation(w.bob_session, row, now + timestamp(36'000)).answer);
}

TEST_CASE("an invitation is cancelled by those who may greet, and its conduit ends") {
  office w;
  const auto token = w.invite(w.alice_session);
  CHECK(w.core->admit_greeter(w.alice_session, token, now));
  CHECK(w.core->admit_guest(77, "1.2.3.4", token, now));
  CHECK(code(w.core->cancel_invitation(w.bob_session, token).answer) == errc::not_administrator);
  CHECK(code(w.core->cancel_invitation(w.alice_session, {{9}}).answer) == errc::invitation_unknown);
  const auto done = w.core->cancel_invitation(w.alice_session, token);
  REQUIRE(done.answer);
  const auto over = relay_world::told<news::invitation_over>(done.effects, 0);
  REQUIRE(over.size() == 1);
  CHECK(over[0].token == token);
  CHECK(over[0].reason == "cancelled");
  CHECK(relay_world::told<news::invitation_changed>(done.effects, w.alice_session).at(0).state ==
        invitation_state::cancelled);
  CHECK(w.listed(w.alice_session) == 0);
  CHECK(code(w.core->admit_guest(78, "1.2.3.4", token, now)) == errc::invitation_unknown);
}

TEST_CASE("an invitation expires") {
  office w;
  const auto token = w.invite(w.alice_session);
  CHECK(w.core->next_expiry() == later);
  CHECK(w.core->expire(later - timestamp(1)).empty());
  CHECK(code(w.core->admit_guest(77, "1.2.3.4", token, later)) == errc::invitation_expired);
  CHECK(code(w.core->admit_greeter(w.alice_session, token, later)) == errc::invitation_expired);
  const auto out = w.core->expire(later);
  CHECK(relay_world::told<news::invitation_changed>(out, w.alice_session).at(0).state ==
        invitation_state::expired);
  CHECK_FALSE(w.core->next_expiry());
}

TEST_CASE("a revoked user's invitations go with him") {
  office w;
  const auto token = w.invite(w.bob_session, invitation::kind::device);
  w.org.revoke(w.bob);
  w.sync();
  CHECK(code(w.core->admit_guest(77, "1.2.3.4", token, now)) == errc::invitation_unknown);
}

TEST_CASE("only those who may greet open the greeter's side") {
  office w;
  const auto user = w.invite(w.alice_session);
  const auto device = w.invite(w.bob_session, invitation::kind::device);
  CHECK(code(w.core->admit_greeter(w.bob_session, user, now)) == errc::not_administrator);
  CHECK(code(w.core->admit_greeter(w.alice_session, device, now)) == errc::not_administrator);
  CHECK(w.core->admit_greeter(w.bob_session, device, now));
}

TEST_CASE("greeters are told when the guest comes and goes, and others are not") {
  office w;
  const auto token = w.invite(w.alice_session);
  const auto states = [&](const effects& out, session_number session) {
    std::vector<invitation_state> told;
    for (const auto& each : relay_world::told<news::invitation_changed>(out, session))
      told.push_back(each.state);
    return told;
  };
  using list = std::vector<invitation_state>;
  const auto came = w.core->guest_moved(token, true);
  CHECK(states(came, w.alice_session) == list{invitation_state::guest_present});
  CHECK(states(came, w.bob_session).empty());
  CHECK(w.core->guest_moved(token, true).empty());
  CHECK(w.core->list_invitations(w.alice_session, now).value().at(0).guest_present);
  const auto left = w.core->guest_moved(token, false);
  CHECK(states(left, w.alice_session) == list{invitation_state::guest_absent});
  CHECK(w.core->guest_moved({{9}}, true).empty());
}

TEST_CASE("only who was let in speaks in a conduit, and nobody after his session has ended") {
  office w;
  const auto token = w.invite(w.alice_session);
  CHECK(code(w.core->check_speaker(77)) == errc::conduit_not_open);
  REQUIRE(w.core->admit_guest(77, "1.2.3.4", token, now));
  CHECK(w.core->check_speaker(77));
  CHECK(w.core->check_speaker(w.alice_session));
  (void)w.core->disconnect(77);
  CHECK(code(w.core->check_speaker(77)) == errc::conduit_not_open);
}

TEST_CASE("a frozen organization ends its guests' sessions too") {
  office w;
  const auto token = w.invite(w.alice_session);
  REQUIRE(w.core->admit_guest(77, "1.2.3.4", token, now));
  CHECK(relay_world::told<news::ended>(w.core->set_frozen(true), 77).size() == 1);
}

TEST_CASE("who opens a conduit again and again is slowed down, and other invitations are not") {
  office w;
  const auto token = w.invite(w.alice_session);
  const auto other = w.invite(w.alice_session);
  unsigned opened = 0;
  while (w.core->admit_guest(100 + opened, "1.2.3." + std::to_string(opened), token, now))
    REQUIRE(++opened < 100);
  CHECK(code(w.core->admit_guest(300, "1.2.4.1", token, now)) == errc::rate_limited);
  CHECK(w.core->admit_greeter(w.alice_session, token, now));
  CHECK(w.core->admit_guest(301, "1.2.4.2", other, now));
}

TEST_CASE("who guesses tokens is stopped by his address, and others come in all the same") {
  office w;
  const auto token = w.invite(w.alice_session);
  unsigned tried = 0;
  while (code(w.core->admit_guest(77, "6.6.6.6", w.org.random().id<invitation_token>(), now)) ==
         errc::invitation_unknown)
    REQUIRE(++tried < 100);
  CHECK(tried <= 5);
  CHECK(code(w.core->admit_guest(77, "6.6.6.6", token, now)) == errc::rate_limited);
  CHECK(w.core->admit_guest(78, "1.2.3.4", token, now));
}
