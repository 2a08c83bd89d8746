// A relay that was restored from a backup, and is brought forward by its devices.
#include <catch2/catch.hpp>

#include "tests/store/relay/world.hpp"

using namespace keyfold;
using namespace keyfold::relay;
using tests::person;
using tests::relay_world;

namespace {

errc code(const auto& result) {
  return result.error().code;
}

std::vector<bytes> encoded(std::span<const ledger::record> records) {
  std::vector<bytes> out;
  for (const auto& r : records) out.push_back(ledger::encode_record(r));
  return out;
}

/// The relay of `w` forgets everything but genesis and Alice's session.
void restore(relay_world& w) {
  w.store = db::memory_store();
  w.state = std::make_unique<db::transaction>(*w.store);
  w.core =
      organization::found(*w.state, w.org.records.front().certificate, w.org.relay, w.org.random())
          .value();
  w.alice_session = w.connect(w.org.alice);
}

/// The ledger as `who` holds it: of other people's workspaces the headers.
ledger::state held_by(const relay_world& w, const person& who) {
  ledger::state out(w.org.state.id());
  for (ledger_seq seq{0}; seq.value < w.org.state.size(); seq = seq.next())
    REQUIRE(out.add(ledger::strip_for(w.org.state, seq, who.user)));
  return out;
}

/// A device brings all it can; gives how many records it sent.
std::size_t bring(relay_world& w, session_number session, const ledger::state& own,
                  const ledger::put_limits& limits = {}) {
  const auto pulled = w.core->pull(session, {own.size()}, {}, 1).value();
  ledger::forward forward;
  auto head = pulled.head;
  for (std::size_t sent = 0;;) {
    const auto records = forward.next(own, head, w.core->lacks(), limits);
    if (records.empty()) return sent;
    sent += records.size();
    REQUIRE(sent <= 3 * own.size());
    const auto placed = w.core->put(session, records).answer;
    REQUIRE(placed);
    CHECK(placed->taken == records.size());
    head = placed->head;
  }
}

}  // namespace

TEST_CASE("a restored relay takes the records that it lost, and tells everybody once") {
  relay_world w;
  const auto bob = w.org.add("bob");
  const auto workspace = w.org.create_workspace(w.org.alice);
  w.org.share(w.org.alice, workspace, bob, ledger::role::contributor);
  restore(w);
  const auto placed = w.core->put(w.alice_session, encoded(std::span(w.org.records).subspan(1)));
  REQUIRE(placed.answer);
  CHECK(placed.answer->taken == w.org.records.size() - 1);
  CHECK(placed.answer->head == w.org.state.head()->seq);
  CHECK(w.core->lacks().empty());
  CHECK(relay_world::told<news::ledger_advanced>(placed.effects, w.alice_session).size() == 1);
  CHECK(w.core->ledger().head() == w.org.state.head());
  w.restart();
  CHECK(w.core->ledger().head() == w.org.state.head());
  const auto bob_session = w.connect(bob);  // whom it did not know when it came back
  CHECK(w.core->subscribe(bob_session, workspace, {}).answer);
  w.org.add("carol");  // and it goes on
  w.sync();
}

TEST_CASE("what it holds already is taken once more, and changes nothing") {
  relay_world w;
  w.org.add("bob");
  w.sync();
  const auto again = w.core->pull(w.alice_session, {0}, {}, 100).value();
  const auto placed = w.core->put(w.alice_session, again.records);
  REQUIRE(placed.answer);
  CHECK(placed.answer->taken == again.records.size());
  CHECK(placed.effects.empty());
}

TEST_CASE("only members bring records") {
  relay_world w;
  w.org.add("bob");
  const auto all = encoded(w.org.records);
  CHECK(code(w.core->put(999, all).answer) == errc::stranger);
  (void)w.core->set_frozen(true);
  CHECK(code(w.core->put(w.alice_session, all).answer) == errc::organization_frozen);
}

TEST_CASE(
    "what is no record that the relay gave a receipt for is refused, each for its own reason") {
  relay_world w;
  w.org.add("bob");
  w.org.add("carol");
  restore(w);
  const auto put = [&](const ledger::record& r) {
    return w.core->put(w.alice_session, std::vector<bytes>{ledger::encode_record(r)}).answer;
  };
  CHECK(code(w.core->put(w.alice_session, std::vector<bytes>{bytes{0xc0}}).answer) ==
        errc::malformed);
  CHECK(code(w.core->put(w.alice_session, std::vector<bytes>(max_put_records + 1)).answer) ==
        errc::too_large);
  CHECK(code(put(w.org.records[2])) == errc::ledger_gap);

  auto of_another = w.org.records[1];
  of_another.receipt = ledger::sign_statement(of_another.receipt.statement, w.org.alice.signing);
  CHECK(code(put(of_another)) == errc::bad_receipt);
  auto elsewhere = w.org.records[1];
  elsewhere.receipt = w.org.records[2].receipt;
  CHECK(code(put(elsewhere)) == errc::bad_receipt);
  auto bare = w.org.records[1];
  bare.certificate.body.reset();
  bare.certificate.attached = {};
  CHECK(code(put(bare)) == errc::body_missing);
  tests::organization other(7);
  CHECK(code(put(other.records[0])) == errc::wrong_organization);
  CHECK(w.core->ledger().size() == 1);
}

TEST_CASE("where the relay gave another certificate a receipt since, the lost one is refused") {
  relay_world w;
  w.org.add("bob");
  restore(w);
  ledger::keyring keys(w.org.alice.user, w.org.alice.key);
  (void)keys.update(w.core->ledger());
  const auto other = ledger::make_workspace_created(
      {w.core->ledger(), keys, w.org.alice.device, w.org.alice.signing, 1, w.org.random()},
      "other");
  REQUIRE(w.append(*other));
  CHECK(code(w.core->put(w.alice_session, encoded(std::span(w.org.records).subspan(1))).answer) ==
        errc::ledger_forked);
  w.org.add("carol");
  CHECK(code(w.core->put(w.alice_session, encoded(std::span(w.org.records).subspan(2))).answer) ==
        errc::ledger_forked);
  CHECK(w.core->ledger().head() == other->position());
}

TEST_CASE("a receipted certificate without effect keeps its position at the relay, too") {
  relay_world w;
  const auto workspace = w.org.create_workspace(w.org.alice);
  w.sync();
  w.org.force(w.org.statement(w.org.alice, std::nullopt,
                              ledger::profile_changed{w.org.alice.user, ledger::profile::member}));
  w.org.add("bob");
  REQUIRE(w.core->put(w.alice_session, encoded(w.org.records)).answer);
  CHECK(w.core->ledger().head() == w.org.state.head());
  REQUIRE(w.core->ledger().refused().size() == 1);
  CHECK(w.core->ledger().refused()[0].why.code == errc::own_profile);
  CHECK(w.core->ledger().workspace(workspace) != nullptr);
}

TEST_CASE("who brings a removal with another signature does not stay a member by it") {
  relay_world w;
  const auto bob = w.org.add("bob");
  w.org.revoke(bob);
  restore(w);
  REQUIRE(w.core->put(w.alice_session, encoded(std::span(w.org.records).subspan(1, 1))).answer);
  const auto bob_session = w.connect(bob);
  auto spoilt = w.org.records[2];
  spoilt.certificate.signatures[0].back() ^= 1;
  CHECK(code(w.core->put(bob_session, std::vector<bytes>{ledger::encode_record(spoilt)}).answer) ==
        errc::bad_signature);
  CHECK(w.core->ledger().size() == 2);
  REQUIRE(w.core->put(w.alice_session, encoded(w.org.records)).answer);
  CHECK(code(w.core->connect(70, bob.link.public_key()).answer) == errc::user_is_revoked);
}

TEST_CASE("a list that goes wrong in its middle is taken up to there") {
  relay_world w;
  w.org.add("bob");
  w.org.add("carol");
  restore(w);
  auto records = encoded(std::span(w.org.records).subspan(1));
  records[1] = bytes{0xc0};
  const auto placed = w.core->put(w.alice_session, records).answer;
  REQUIRE(placed);
  CHECK(placed->taken == 1);
  CHECK(placed->head == ledger_seq{1});
}

TEST_CASE("a revocation that comes back ends the sessions of who was revoked") {
  relay_world w;
  const auto bob = w.org.add("bob");
  w.org.revoke(bob);
  restore(w);
  REQUIRE(w.core->put(w.alice_session, encoded(std::span(w.org.records).subspan(1, 1))).answer);
  const auto session = w.connect(bob);
  const auto placed = w.core->put(w.alice_session, encoded(std::span(w.org.records).subspan(2)));
  REQUIRE(placed.answer);
  CHECK(relay_world::told<news::ended>(placed.effects, session).size() == 1);
  CHECK(code(w.core->connect(70, bob.link.public_key()).answer) == errc::user_is_revoked);
}

TEST_CASE(
    "a workspace whose certificates nobody brought in full stands still until somebody does") {
  relay_world w;
  const auto bob = w.org.add("bob");
  const auto carol = w.org.add("carol");
  const auto papers = w.org.create_workspace(w.org.alice);
  w.org.share(w.org.alice, papers, bob, ledger::role::contributor);
  const auto carols = w.org.create_workspace(carol, "carol's");
  w.org.rotate(w.org.alice, papers);
  const auto entry = w.write(bob, papers);
  const auto next = w.org.as(w.org.alice, [&](auto a) {
    return ledger::make_role_changed(a, papers, carol.user, ledger::role::reader, {});
  });
  restore(w);

  // Carol is not known there until somebody who is brings her.
  REQUIRE(w.core->put(w.alice_session, encoded(std::span(w.org.records).subspan(1, 2))).answer);
  const auto carol_session = w.connect(carol);
  bring(w, carol_session, held_by(w, carol));
  CHECK(w.core->ledger().head() == w.org.state.head());
  CHECK(w.core->subscribe(carol_session, carols, {}).answer);

  auto bob_session = w.connect(bob);
  const auto lacking = w.core->lacks();
  REQUIRE(lacking.size() == 1);
  CHECK(lacking[0] == ledger::lack{papers, {3}});
  CHECK(code(w.core->subscribe(bob_session, papers, {}).answer) == errc::body_missing);
  CHECK(code(w.push(bob_session, papers, {entry}).answer) == errc::body_missing);
  CHECK(code(w.core->lacking(bob_session, papers, {})) == errc::body_missing);
  CHECK(code(w.core->check_put(bob_session, papers, {}, 1)) == errc::body_missing);
  CHECK(code(w.core->append(bob_session, ledger::encode_certificate(*next)).answer) ==
        errc::body_missing);
  w.restart();  // it knows what it lacks after a restart, too
  bob_session = w.connect(bob);
  CHECK(w.core->lacks() == lacking);

  const auto sent = bring(w, bob_session, held_by(w, bob));
  CHECK(sent == 3);
  CHECK(w.core->lacks().empty());
  CHECK(w.core->subscribe(bob_session, papers, {}).answer);
  CHECK(w.push(bob_session, papers, {entry}).answer->accepted == 1);
  CHECK(w.core->append(bob_session, ledger::encode_certificate(*next)).answer);
}

TEST_CASE("attachments that the one who brought a record may not have are brought by another") {
  relay_world w;
  const auto bob = w.org.add("bob");
  const auto workspace = w.org.create_workspace(w.org.alice);
  w.org.share(w.org.alice, workspace, bob, ledger::role::contributor);
  w.org.share(w.org.alice, workspace, bob, ledger::role::none, {w.org.head_of(bob, workspace)});
  w.org.create_workspace(w.org.alice, "after");
  restore(w);
  REQUIRE(w.core->put(w.alice_session, encoded(std::span(w.org.records).subspan(1, 1))).answer);
  const auto bob_session = w.connect(bob);
  bring(w, bob_session, held_by(w, bob));
  CHECK(w.core->ledger().head() == w.org.state.head());
  const auto removal = w.org.records[4].certificate.header.seq;
  // Bob may have the body that removes him, and nothing that is sealed to those who stay.
  CHECK_FALSE(w.core->ledger().record_at(removal)->certificate.attached.rows);
  CHECK(w.core->lacks().size() == 2);
  bring(w, w.alice_session, w.org.state);
  CHECK(w.core->lacks().empty());
  CHECK(w.core->ledger().record_at(removal)->certificate.attached ==
        w.org.records[4].certificate.attached);
}

TEST_CASE("much is brought in many small puts") {
  relay_world w;
  for (int i = 0; i < 20; ++i) w.org.create_workspace(w.org.alice);
  restore(w);
  CHECK(bring(w, w.alice_session, w.org.state, {3, 1 << 20}) == 20);
  CHECK(w.core->ledger().head() == w.org.state.head());
  restore(w);
  CHECK(bring(w, w.alice_session, w.org.state, {100, 1}) == 20);  // one at least in each
  CHECK(w.core->ledger().head() == w.org.state.head());
}

TEST_CASE("a relay that asks for everything again and again gets nothing twice") {
  relay_world w;
  const auto workspace = w.org.create_workspace(w.org.alice);
  for (int i = 0; i < 5; ++i) w.org.rotate(w.org.alice, workspace);
  ledger::forward forward;
  const auto& own = w.org.state;
  CHECK(forward.next(own, {0}, {}).size() == own.size() - 1);
  CHECK(forward.next(own, {0}, {}).empty());  // it took none
  CHECK(forward.next(own, {2}, {}).size() == own.size() - 3);
  CHECK(forward.next(own, {1}, {}).empty());
  const std::vector<ledger::lack> lie{{workspace, {0}}, {std::nullopt, {0}}};
  const auto head = own.head()->seq;
  CHECK(forward.next(own, head, lie).size() == own.size());
  CHECK(forward.next(own, head, lie).empty());
  CHECK(forward.next(own, head, std::vector<ledger::lack>{{workspace, {3}}}).empty());
  CHECK(forward.next(own, {99}, {}).empty());
  forward.begin_anew();
  CHECK(forward.next(own, {0}, {}).size() == own.size() - 1);
  CHECK(ledger::forward().next(ledger::state(own.id()), {3}, lie).empty());
}

TEST_CASE("objects of entries that somebody else brings are asked of everybody, now and later") {
  relay_world w;
  const auto bob = w.org.add("bob");
  const auto workspace = w.org.create_workspace(w.org.alice);
  w.org.share(w.org.alice, workspace, bob, ledger::role::contributor);
  w.sync();
  const auto bob_session = w.connect(bob);
  REQUIRE(w.core->subscribe(w.alice_session, workspace, {}).answer);
  const auto object = w.org.random().id<object_id>();
  const auto pushed = w.push(bob_session, workspace, {w.write(w.org.alice, workspace, {object})});
  REQUIRE(pushed.answer);
  CHECK(pushed.answer->wanted == std::vector{object});
  const auto told = relay_world::told<news::objects_wanted>(pushed.effects, w.alice_session);
  REQUIRE(told.size() == 1);
  CHECK(told[0].objects == std::vector{object});
  CHECK(relay_world::told<news::objects_wanted>(pushed.effects, bob_session).empty());
  const auto later = w.core->subscribe(bob_session, workspace, {});
  CHECK(relay_world::told<news::objects_wanted>(later.effects, bob_session).size() == 1);
  w.core->object_stored(workspace, object);
  const auto after = w.core->subscribe(bob_session, workspace, {});
  CHECK(relay_world::told<news::objects_wanted>(after.effects, bob_session).empty());
}
