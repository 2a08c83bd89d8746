// The way in: the link's secret, a man in the middle, changed messages, guesses and floods
// (THREATS A4, A15, A16, A17).
#include "crypto/codec.hpp"
#include "store/invitation/about.hpp"
#include "store/relay/conduit.hpp"
#include "tests/attack/forgery.hpp"
#include "tests/store/invitation/middle.hpp"

using namespace keyfold;
using namespace keyfold::attack;
using invitation::party;
using invitation::tests::table;

namespace {

/// An invitation of alice's at the relay, as her agent makes it.
struct invited {
  rig r;
  invitation::invitation_link link;
  relay::session_number alice = 0;

  invited() {
    link.relay = {"127.0.0.1", 7000, r.alice.who.link.public_key()};
    link.organization = r.relay->id;
    link.token = r.random->id<invitation_token>();
    const auto& inviting = *r.alice.keys.directory_key({0});
    link.secret = invitation::make_link_secret(inviting, link.token);
    alice = r.alice.session;
    REQUIRE(create(link.token));
  }
  expected<void> create(const invitation_token& token) {
    return create_as(alice, token, invitation::kind::user);
  }
  expected<void> create_as(relay::session_number session, const invitation_token& token,
                           invitation::kind kind) {
    relay::invitation_row row;
    row.token = token;
    row.kind = kind;
    row.expires = r.relay->now + std::chrono::hours(1);
    row.sealed_about = invitation::seal_about({kind, "bob@example.org", false, r.relay->now},
                                              *r.alice.keys.directory_key({0}), token, *r.random);
    auto done = r.relay->core->create_invitation(session, row, r.relay->now).answer;
    REQUIRE(r.relay->state->commit(true));
    return done;
  }
  expected<void> open_as_guest(const invitation_token& token, const std::string& address) {
    return r.relay->core->admit_guest(++guests, address, token, r.relay->now);
  }
  relay::session_number guests = 1000;
};

/// Both failed or wait, and nobody came in.
void check_nobody_came_in(table& t) {
  CHECK(t.ledger.empty());
  CHECK_FALSE(t.at(party::guest).done);
  CHECK_FALSE(t.at(party::greeter).done);
  CHECK_FALSE(t.at(party::guest).admitted);
}

/// `[1, key, commitment, mac]` with another key.
bytes with_key(const bytes& commit, bytes_view key) {
  auto in = reader::parse(commit, {}).value();
  in.array(4);
  (void)in.uint();
  (void)in.bin(64);
  const auto commitment = to_bytes(in.bin(64));
  writer out;
  out.array(4).uint(std::uint64_t{1}).bin(key).bin(commitment);
  if (in.nil())
    out.nil();
  else
    out.bin(in.bin(64));
  return std::move(out).take();
}

}  // namespace

TEST_CASE("A4: the secret of a link is in no byte that the relay gets or keeps", "[A4]") {
  invited i;
  const auto secret = i.link.secret->view();
  table t;
  t.greeter_terms.organization = t.guest_terms.organization = i.link.organization;
  t.greeter_terms.token = t.guest_terms.token = i.link.token;
  t.greeter_terms.secret = t.guest_terms.secret = i.link.secret;
  t.root = i.r.root;
  t.sit(party::greeter);
  t.sit(party::guest);
  t.run();
  REQUIRE(t.at(party::guest).done);  // control: they met
  auto got = everything_in(*i.r.relay->disk);
  append(got, i.r.wire);
  for (const auto& payload : t.wire) append(got, payload);
  CHECK(contains(got, i.link.token.view()));  // control: what the relay knows is found
  CHECK_FALSE(contains(got, secret));
  CHECK_FALSE(contains(got, as_bytes(to_base64url(secret))));
  CHECK_FALSE(contains(got, as_bytes(to_hex(secret))));
  CHECK_FALSE(contains(got, as_bytes("bob@example.org")));
  // Nor is it in the link that the relay mails.
  auto mailed = i.link;
  mailed.secret.reset();
  CHECK(invitation::format(i.link).find(to_base64url(secret)) != std::string::npos);
  CHECK(invitation::format(mailed).find(to_base64url(secret)) == std::string::npos);
}

TEST_CASE("A15: a man in the middle with all but the codes lets nobody in, and is counted",
          "[A15]") {
  for (const auto kind : {invitation::kind::user, invitation::kind::device}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      table t(kind, seed);
      t.greeter_terms.mailed = true;
      t.guest_terms.secret.reset();
      t.restart_after_wrong_code = true;  // patient people, who try again
      invitation::tests::middle mallory(t);
      t.sit(party::greeter);
      t.sit(party::guest);
      t.run();
      check_nobody_came_in(t);
      for (const auto who : {party::greeter, party::guest})
        CHECK(t.at(who).reveals <= invitation::max_reveals);
      // What a device invitation would give away, the user's secret key, never went.
      bytes seen;
      for (const auto& payload : t.wire) append(seen, payload);
      CHECK_FALSE(contains(seen, t.user_key.secret().view()));
    }
    table honest(kind, 1);  // control: without him they meet
    honest.greeter_terms.mailed = true;
    honest.guest_terms.secret.reset();
    honest.sit(party::greeter);
    honest.sit(party::guest);
    honest.run();
    CHECK(honest.at(party::guest).done);
  }
}

TEST_CASE("A16: no changed, reflected, swapped or old message of an exchange is taken", "[A16]") {
  using invitation::message_kind;
  const bool mailed = GENERATE(true, false);
  table t(invitation::kind::user, 3);
  if (mailed) {
    t.greeter_terms.mailed = true;
    t.guest_terms.secret.reset();
  }
  const auto kind_of = [](const bytes& p) {
    const auto k = invitation::kind_of(p);
    return k ? std::optional(*k) : std::nullopt;
  };
  std::vector<bytes> old;  // of another exchange, honest, of the same two people
  {
    table before(invitation::kind::user, 3);
    before.greeter_terms = t.greeter_terms;
    before.guest_terms = t.guest_terms;
    before.sit(party::greeter);
    before.sit(party::guest);
    before.run();
    REQUIRE(before.at(party::guest).done);
    old = before.wire;
  }
  t.random = seeded_random(99);  // now with other nonces and keys
  using tamper = std::function<bytes(party, bytes)>;
  std::vector<std::pair<std::string, tamper>> tries;
  const auto from_each = [&](const std::string& what, const tamper& how) {
    for (const auto one : {party::greeter, party::guest})
      tries.emplace_back(what, [=](party from, bytes p) { return from == one ? how(from, p) : p; });
  };
  from_each("a point of small order", [&](party, bytes p) {
    bytes zero(33);
    zero[0] = 2;
    return kind_of(p) == message_kind::commit ? with_key(p, zero) : p;
  });
  from_each("another key under the same commitment", [&](party, bytes p) {
    const auto other = box_key::generate(*t.random).public_key().encode();
    return kind_of(p) == message_kind::commit ? with_key(p, other) : p;
  });
  from_each("a commitment opened otherwise", [&](party, bytes p) {
    if (kind_of(p) == message_kind::reveal) p.back() ^= 1;
    return p;
  });
  from_each("one's own message back", [&](party from, bytes p) {
    t.give(from, invitation::in::received{t.attempt, p});
    return bytes{};
  });
  from_each("messages of an exchange of yesterday", [&](party, bytes p) {
    for (const auto& recorded : old)
      if (kind_of(recorded) == kind_of(p) && kind_of(p)) return recorded;
    return old.back();
  });
  from_each("a flipped bit in what is sealed", [&](party, bytes p) {
    if (invitation::is_sealed(p)) p[p.size() / 2] ^= 4;
    return p;
  });
  for (const auto& [what, how] : tries) {
    INFO(what);
    table each(invitation::kind::user, 3);
    each.greeter_terms = t.greeter_terms;
    each.guest_terms = t.guest_terms;
    each.random = seeded_random(98);
    t.attempt = 1;
    each.relay = what == "one's own message back" ? tamper([&each](party from, const bytes& p) {
      each.give(from, invitation::in::received{each.attempt, p});
      return bytes{};
    })
                                                  : how;
    each.sit(party::greeter);
    each.sit(party::guest);
    each.run();
    check_nobody_came_in(each);
  }
  t.sit(party::greeter);  // control: untouched they meet
  t.sit(party::guest);
  t.run();
  CHECK(t.at(party::guest).done);
}

TEST_CASE("A17: who guesses tokens is stopped by his address; others come in all the same",
          "[A17]") {
  invited i;
  CHECK(i.open_as_guest(i.link.token, "192.0.2.1"));  // control
  std::size_t guesses = 0;
  while (guesses < 100) {
    const auto tried = i.open_as_guest(i.r.random->id<invitation_token>(), "198.51.100.7");
    REQUIRE_FALSE(tried);
    if (tried.error().code == errc::rate_limited) break;
    ++guesses;
  }
  CHECK(guesses <= 4);
  // Whether a token is right he does not learn any more.
  CHECK(i.open_as_guest(i.link.token, "198.51.100.7").error().code == errc::rate_limited);
  CHECK(i.open_as_guest(i.link.token, "192.0.2.1"));
}

TEST_CASE("A17: who squats in one invitation's conduit keeps nobody out of another", "[A17]") {
  invited i;
  const auto other = i.r.random->id<invitation_token>();
  REQUIRE(i.create(other));
  std::size_t opened = 0;
  for (int n = 0; n < 200; ++n)  // from many addresses, with the right token
    if (i.open_as_guest(i.link.token, "10.0.0." + std::to_string(n))) ++opened;
  CHECK(opened <= 30);
  CHECK(i.open_as_guest(other, "192.0.2.1"));
  CHECK(i.r.relay->core->admit_greeter(i.alice, i.link.token, i.r.relay->now));
  CHECK(i.r.relay->core->admit_greeter(i.alice, other, i.r.relay->now));
  // In the room itself the newest attempt wins, and the older one is told so.
  relay::conduit room(i.link.token);
  const auto squatter = room.open(party::guest, 50).answer.value();
  auto [mine, told] = room.open(party::guest, 51);
  REQUIRE(mine);
  CHECK_FALSE(room.send(squatter.attempt, 50, bytes{1}).answer);
  CHECK(std::any_of(told.begin(), told.end(), [](const auto& e) {
    const auto* news = std::get_if<relay::news::conduit>(&e.what);
    return e.to == 50 && news != nullptr && news->what == relay::conduit_news::replaced;
  }));
}

TEST_CASE("A17: a flood of invitations is bounded, and another user's still work", "[A17]") {
  invited i;
  auto& core = *i.r.relay->core;
  CHECK(i.create_as(i.r.bob.session, i.r.random->id<invitation_token>(), invitation::kind::user)
            .error()
            .code == errc::not_administrator);
  std::size_t made = 0;
  for (int n = 0; n < 300; ++n) {
    const auto token = i.r.random->id<invitation_token>();
    if (!i.create(token)) continue;
    ++made;
    REQUIRE(core.cancel_invitation(i.alice, token).answer);
  }
  CHECK(made <= 100);
  CHECK(i.create_as(i.r.bob.session, i.r.random->id<invitation_token>(), invitation::kind::device));
  std::size_t of_bob = 1;
  while (of_bob < 100 &&
         i.create_as(i.r.bob.session, i.r.random->id<invitation_token>(), invitation::kind::device))
    ++of_bob;
  CHECK(of_bob == relay::max_device_invitations);
  CHECK(
      i.create_as(i.r.carol.session, i.r.random->id<invitation_token>(), invitation::kind::device));
}
