#include "store/relay/organization.hpp"

#include <catch2/catch.hpp>

#include "tests/store/relay/world.hpp"

using namespace keyfold;
using namespace keyfold::relay;
using tests::relay_world;

namespace {

constexpr session_number nobody = 999;

errc code(const auto& result) {
  return result.error().code;
}

ledger::statement said(bytes_view receipt) {
  return ledger::decode_receipt(receipt).value().statement;
}

}  // namespace

TEST_CASE("the relay receipts what extends its head, and tells everybody") {
  relay_world w;
  const auto bob = w.org.add("bob");
  w.sync();
  const auto bob_session = w.connect(bob);
  const auto carol = w.org.add("carol");
  const auto receipt = w.append(w.org.records.back().certificate).value();
  CHECK(said(receipt).seq == w.org.state.head()->seq);
  CHECK(said(receipt).hash == w.org.state.head()->hash);
  const ledger::record made{w.org.records.back().certificate,
                            ledger::decode_receipt(receipt).value()};
  CHECK(ledger::check_receipt(made, w.org.relay.public_key()));
  for (const auto session : {w.alice_session, bob_session})
    CHECK(relay_world::told<news::ledger_advanced>(w.effects, session).size() == 1);
}

TEST_CASE("who loses the race is told that his head is stale") {
  relay_world w;
  const auto loser =
      w.org.as(w.org.alice, [](auto a) { return ledger::make_workspace_created(a, "late"); });
  w.org.create_workspace(w.org.alice);
  w.sync();
  CHECK(code(w.append(*loser)) == errc::stale_head);
  CHECK(code(w.append(w.org.records.back().certificate)) == errc::stale_head);  // again
  CHECK(w.core->ledger().head() == w.org.state.head());
}

TEST_CASE("a certificate that breaks a rule, or is none, is refused and changes nothing") {
  relay_world w;
  const auto bob = w.org.add("bob");
  w.sync();
  const auto bob_session = w.connect(bob);
  auto forged =
      *w.org.as(w.org.alice, [](auto a) { return ledger::make_workspace_created(a, "x"); });
  forged.signatures[0].back() ^= 1;
  CHECK(code(w.core->append(bob_session, ledger::encode_certificate(forged)).answer) ==
        errc::bad_signature);
  CHECK(code(w.core->append(bob_session, bytes{0xc0}).answer) == errc::malformed);
  CHECK(w.core->ledger().head() == w.org.state.head());
}

TEST_CASE("receipts and greetings never contradict each other, over restarts too") {
  relay_world w;
  std::vector<ledger::statement> all;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 3; ++i) {
      w.org.create_workspace(w.org.alice);
      all.push_back(said(w.append(w.org.records.back().certificate).value()));
      all.push_back(w.core->greet(w.org.random().id<hash32>()).statement);
    }
    w.restart();
  }
  std::set<std::uint64_t> counters;
  for (const auto& one : all) CHECK(counters.insert(one.counter).second);
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = i + 1; j < all.size(); ++j)
      CHECK(ledger::compare(all[i], all[j]) == ledger::contradiction::none);
}

TEST_CASE("what was receipted and committed is there after a restart") {
  relay_world w;
  const auto bob = w.org.add("bob");
  w.sync();
  w.restart();
  CHECK(w.core->ledger().head() == w.org.state.head());
  CHECK(w.core->connect(50, bob.link.public_key()).answer);
}

TEST_CASE("an organization that is not in the database is not found") {
  const auto store = db::memory_store();
  db::transaction state(*store);
  const auto random = seeded_random(1);
  CHECK(code(organization::load(state, {}, signing_key::generate(*random), *random)) ==
        errc::not_found);
}

TEST_CASE("a genesis that names another relay's receipt key is refused") {
  tests::organization org;
  const auto store = db::memory_store();
  db::transaction state(*store);
  const auto other = signing_key::generate(org.random());
  CHECK(code(organization::found(state, org.records.front().certificate, other, org.random())) ==
        errc::bad_receipt);
  CHECK(state.empty());
}

TEST_CASE("strangers get nothing") {
  relay_world w;
  const auto workspace = w.org.create_workspace(w.org.alice);
  w.sync();
  const auto eve = w.org.make_person("eve");
  CHECK(code(w.core->connect(nobody, eve.link.public_key()).answer) == errc::stranger);
  organization::push_refusal refusal;
  auto& core = *w.core;
  CHECK(code(core.append(nobody, {}).answer) == errc::stranger);
  CHECK(code(core.pull(nobody, {0}, {}, 10)) == errc::stranger);
  CHECK(code(core.subscribe(nobody, workspace, {}).answer) == errc::stranger);
  CHECK(code(core.deliver(nobody, workspace, 1000)) == errc::stranger);
  CHECK(code(core.heads(nobody, workspace, w.org.alice.user)) == errc::stranger);
  CHECK(code(core.fence(nobody, {}, {}, timestamp(1))) == errc::stranger);
  CHECK(code(core.push(nobody, workspace, {}, timestamp(1), refusal).answer) == errc::stranger);
  CHECK(code(core.lacking(nobody, workspace, {})) == errc::stranger);
  CHECK(code(core.check_put(nobody, workspace, {}, 1)) == errc::stranger);
  CHECK(code(core.check_get(nobody, workspace, {})) == errc::stranger);
  CHECK(code(core.create_invitation(nobody, {}, timestamp(1)).answer) == errc::stranger);
  CHECK(code(core.list_invitations(nobody, timestamp(1))) == errc::stranger);
  CHECK(code(core.cancel_invitation(nobody, {}).answer) == errc::stranger);
  CHECK(code(core.admit_greeter(nobody, {}, timestamp(1))) == errc::stranger);
}

TEST_CASE("a revoked user's sessions end, and he does not come in again") {
  relay_world w;
  const auto bob = w.org.add("bob");
  w.sync();
  const auto session = w.connect(bob);
  w.org.revoke(bob);
  w.sync();
  REQUIRE(relay_world::told<news::ended>(w.effects, session).size() == 1);
  CHECK(relay_world::told<news::ended>(w.effects, session)[0].why.code == errc::user_is_revoked);
  CHECK(relay_world::told<news::ledger_advanced>(w.effects, session).empty());
  CHECK(code(w.core->pull(session, {0}, {}, 10)) == errc::stranger);
  CHECK(code(w.core->check_speaker(session)) == errc::conduit_not_open);
  CHECK(code(w.core->connect(50, bob.link.public_key()).answer) == errc::user_is_revoked);
}

TEST_CASE("a frozen organization ends all sessions and refuses everything until it is thawed") {
  relay_world w;
  const auto ended = w.core->set_frozen(true);
  CHECK(relay_world::told<news::ended>(ended, w.alice_session).at(0).why.code ==
        errc::organization_frozen);
  CHECK(code(w.core->connect(50, w.org.alice.link.public_key()).answer) ==
        errc::organization_frozen);
  CHECK(code(w.core->pull(w.alice_session, {0}, {}, 10)) == errc::organization_frozen);
  CHECK(code(w.core->admit_guest(51, "1.2.3.4", {}, timestamp(1))) == errc::organization_frozen);
  CHECK(code(w.core->check_speaker(w.alice_session)) == errc::organization_frozen);
  CHECK(w.core->set_frozen(false).empty());
  CHECK(code(w.core->check_speaker(w.alice_session)) == errc::conduit_not_open);
  CHECK(w.core->connect(52, w.org.alice.link.public_key()).answer);
}

TEST_CASE("members are told who is online, and a new session of a device ends its older one") {
  relay_world w;
  const auto bob = w.org.add("bob");
  w.sync();
  const auto first = w.connect(bob);
  CHECK(relay_world::told<news::presence>(w.effects, w.alice_session).at(0).online);
  CHECK(relay_world::told<news::presence>(w.effects, first).at(0).device == w.org.alice.device);
  const auto second = w.connect(bob);
  CHECK(relay_world::told<news::ended>(w.effects, first).at(0).why.code == errc::session_replaced);
  CHECK(relay_world::told<news::presence>(w.effects, w.alice_session).empty());
  CHECK(w.core->disconnect(first).empty());
  CHECK(w.core->online(bob.device));
  const auto left = w.core->disconnect(second);
  CHECK_FALSE(relay_world::told<news::presence>(left, w.alice_session).at(0).online);
  CHECK_FALSE(w.core->online(bob.device));
}

TEST_CASE("a pull gives the records from a position on, with the bodies that the reader may have") {
  relay_world w;
  const auto bob = w.org.add("bob");
  const auto secret = w.org.create_workspace(w.org.alice, "secret");
  const auto shared = w.org.create_workspace(w.org.alice, "shared");
  w.org.share(w.org.alice, shared, bob, ledger::role::reader);
  w.sync();
  const auto session = w.connect(bob);
  const auto got = w.core->pull(session, {0}, {}, 1000).value();
  CHECK(got.head == w.org.state.head()->seq);
  REQUIRE(got.records.size() == w.org.records.size());
  ledger::state bobs(w.org.state.id());
  for (const auto& encoded : got.records) {
    const auto record = ledger::decode_record(encoded).value();
    CHECK(record.certificate.body.has_value() == (record.certificate.header.scope != secret));
    CHECK(bobs.add(record));
  }
  CHECK(w.core->pull(session, {2}, {}, 1).value().records.size() == 1);
  CHECK(w.core->pull(session, {100}, {}, 10).value().records.empty());
}

TEST_CASE("a workspace's certificates are pulled by its members and by Administrators only") {
  relay_world w;
  const auto bob = w.org.add("bob");
  const auto workspace = w.org.create_workspace(w.org.alice);
  w.sync();
  const auto session = w.connect(bob);
  CHECK(code(w.core->pull(session, {0}, workspace, 10)) == errc::role_insufficient);
  w.org.share(w.org.alice, workspace, bob, ledger::role::reader);
  w.sync();
  const auto got = w.core->pull(session, {0}, workspace, 10).value();
  CHECK(got.records.size() == 2);
  for (const auto& encoded : got.records)
    CHECK(ledger::decode_record(encoded).value().certificate.body.has_value());
}

TEST_CASE("a sealed message is handed on as it is to a device that is connected") {
  relay_world w;
  const auto bob = w.org.add("bob");
  w.sync();
  const auto bob_session = w.connect(bob);
  const bytes sealed{1, 2, 3};
  const auto handed = w.core->hand_on(bob_session, w.org.alice.device, sealed, w.now);
  REQUIRE(handed.answer);
  const auto told = relay_world::told<news::delivered>(handed.effects, w.alice_session);
  REQUIRE(told.size() == 1);
  CHECK(told[0].from == bob.device);
  CHECK(told[0].payload == sealed);
  CHECK(handed.effects.size() == 1);
}

TEST_CASE("a message for who is not there, of a stranger, or too large is refused") {
  relay_world w;
  const auto bob = w.org.add("bob");
  w.sync();
  const auto hand_on = [&](session_number from, device_id to, std::size_t size) {
    const auto handed = w.core->hand_on(from, to, bytes(size), w.now);
    CHECK(handed.effects.empty());
    return code(handed.answer);
  };
  CHECK(hand_on(w.alice_session, bob.device, 10) == errc::peer_absent);
  CHECK(hand_on(nobody, bob.device, 10) == errc::stranger);
  w.connect(bob);
  CHECK(hand_on(w.alice_session, bob.device, max_handed_on + 1) == errc::too_large);
}

TEST_CASE("who sends messages without end is slowed down") {
  relay_world w;
  const auto bob = w.org.add("bob");
  w.sync();
  w.connect(bob);
  expected<void> handed;
  int count = 0;
  while ((handed = w.core->hand_on(w.alice_session, bob.device, bytes{1}, w.now).answer)) {
    REQUIRE(++count <= 200);
  }
  CHECK(handed.error().code == errc::rate_limited);
  CHECK(count == 200);
  CHECK(w.core->hand_on(w.alice_session, bob.device, bytes{1}, w.now + timestamp(100)).answer);
}
