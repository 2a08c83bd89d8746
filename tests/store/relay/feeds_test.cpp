// Feeds and objects at the relay.
#include <catch2/catch.hpp>

#include "tests/store/relay/world.hpp"

using namespace keyfold;
using namespace keyfold::relay;
using tests::relay_world;

namespace {

errc code(const auto& result) {
  return result.error().code;
}

/// A workspace of alice's, with bob as Contributor and carol as Reader.
struct papers : relay_world {
  papers()
      : bob(org.add("bob")),
        carol(org.add("carol")),
        dave(org.add("dave")),
        workspace(org.create_workspace(org.alice)) {
    org.share(org.alice, workspace, bob, ledger::role::contributor);
    org.share(org.alice, workspace, carol, ledger::role::reader);
    sync();
    bob_session = connect(bob);
    carol_session = connect(carol);
    dave_session = connect(dave);
  }
  std::vector<bytes> delivered(session_number session) {
    return core->deliver(session, workspace, 1'000'000).value().entries;
  }
  tests::person bob, carol, dave;
  workspace_id workspace;
  session_number bob_session = 0, carol_session = 0, dave_session = 0;
};

}  // namespace

TEST_CASE("a contributor's entries are taken and delivered to subscribers, but not back to him") {
  papers w;
  for (const auto session : {w.alice_session, w.bob_session, w.carol_session})
    REQUIRE(w.core->subscribe(session, w.workspace, {}).answer);
  const std::vector entries{w.write(w.bob, w.workspace), w.write(w.bob, w.workspace)};
  const auto pushed = w.push(w.bob_session, w.workspace, entries);
  CHECK(pushed.answer.value().accepted == 2);
  CHECK(relay_world::told<news::feed_grew>(pushed.effects, w.carol_session).size() == 1);
  CHECK(relay_world::told<news::feed_grew>(pushed.effects, w.bob_session).empty());
  CHECK(w.delivered(w.carol_session).size() == 2);
  CHECK(w.delivered(w.carol_session).empty());
  CHECK(w.delivered(w.bob_session).empty());
  w.restart();
  CHECK(
      w.core->subscribe(w.alice_session, w.workspace, {entries[0].head()}).answer.value().size() ==
      1);
  CHECK(w.delivered(w.alice_session) == std::vector<bytes>{feed::encode_entry(entries[1])});
}

TEST_CASE("a reader's entry is refused, and a non-member's push") {
  papers w;
  const auto entry = w.write(w.carol, w.workspace);
  CHECK(code(w.push(w.carol_session, w.workspace, {entry}).answer) == errc::author_could_not_write);
  CHECK(code(w.push(w.dave_session, w.workspace, {w.write(w.dave, w.workspace)}).answer) ==
        errc::role_insufficient);
  // Not even through somebody who may write.
  CHECK(code(w.push(w.bob_session, w.workspace, {entry}).answer) == errc::author_could_not_write);
}

TEST_CASE("a reader brings what others wrote") {
  papers w;
  const auto entry = w.write(w.bob, w.workspace);
  REQUIRE(w.core->subscribe(w.alice_session, w.workspace, {}).answer);
  CHECK(w.push(w.carol_session, w.workspace, {entry}).answer->accepted == 1);
  CHECK(w.delivered(w.alice_session) == std::vector<bytes>{feed::encode_entry(entry)});
}

TEST_CASE("an entry with a wrong signature, or of another workspace, is refused") {
  papers w;
  const auto other = w.org.create_workspace(w.org.alice);
  w.org.share(w.org.alice, other, w.bob, ledger::role::contributor);
  w.sync();
  auto forged = w.write(w.bob, w.workspace);
  forged.signature.back() ^= 1;
  CHECK(code(w.push(w.bob_session, w.workspace, {forged}).answer) == errc::bad_signature);
  w.new_generation(w.bob, w.workspace);
  CHECK(code(w.push(w.bob_session, w.workspace, {w.write(w.bob, other)}).answer) ==
        errc::wrong_workspace);
  CHECK(code(w.push(w.bob_session, {{9}}, {}).answer) == errc::workspace_unknown);
}

TEST_CASE("an entry whose past is not here is refused with the list of what is missing") {
  papers w;
  const auto first = w.write(w.bob, w.workspace);
  const auto second = w.write(w.bob, w.workspace);
  CHECK(code(w.push(w.bob_session, w.workspace, {second}).answer) == errc::lacks_entries);
  CHECK(w.refusal.lacks == std::vector{first.hash});
  CHECK(w.push(w.bob_session, w.workspace, {first, second}).answer.value().accepted == 2);
}

TEST_CASE("the answer counts entries up to the first that is not taken") {
  papers w;
  const auto good = w.write(w.bob, w.workspace);
  auto bad = w.write(w.bob, w.workspace);
  bad.signature.back() ^= 1;
  CHECK(w.push(w.bob_session, w.workspace, {good, bad}).answer.value().accepted == 1);
}

TEST_CASE(
    "entries written before a removal that names them count, later ones are quarantined, both are "
    "kept") {
  papers w;
  REQUIRE(w.core->subscribe(w.alice_session, w.workspace, {}).answer);
  const auto named = w.write(w.bob, w.workspace);
  REQUIRE(w.push(w.bob_session, w.workspace, {named}).answer);
  const auto late = w.write(w.bob, w.workspace);
  w.org.share(w.org.alice, w.workspace, w.bob, ledger::role::reader,
              {{named.header_bytes, named.signature}});
  w.sync();
  CHECK(w.push(w.bob_session, w.workspace, {late}).answer.value().accepted == 1);
  CHECK(w.delivered(w.alice_session).size() == 2);
}

TEST_CASE("a removal whose frontier does not cover what was accepted is refused") {
  papers w;
  REQUIRE(w.push(w.bob_session, w.workspace, {w.write(w.bob, w.workspace)}).answer);
  const auto blind = w.org.as(w.org.alice, [&](auto a) {
    return ledger::make_role_changed(a, w.workspace, w.bob.user, ledger::role::reader, {});
  });
  CHECK(code(w.append(*blind)) == errc::frontier_behind);
}

TEST_CASE("who loses his right to read is not delivered to any more") {
  papers w;
  REQUIRE(w.core->subscribe(w.carol_session, w.workspace, {}).answer);
  w.org.share(w.org.alice, w.workspace, w.carol, ledger::role::none);
  w.sync();
  CHECK(code(w.core->deliver(w.carol_session, w.workspace, 1000)) == errc::role_insufficient);
  CHECK(code(w.core->deliver(w.carol_session, w.workspace, 1000)) == errc::role_insufficient);
}

TEST_CASE("who may read again is told, and gets what came meanwhile without subscribing anew") {
  papers w;
  REQUIRE(w.core->subscribe(w.carol_session, w.workspace, {}).answer);
  w.org.share(w.org.alice, w.workspace, w.carol, ledger::role::none);
  w.sync();
  REQUIRE(w.push(w.alice_session, w.workspace, {w.write(w.org.alice, w.workspace)}).answer);
  REQUIRE(code(w.core->deliver(w.carol_session, w.workspace, 1000)) == errc::role_insufficient);
  w.org.share(w.org.alice, w.workspace, w.carol, ledger::role::reader);
  w.sync();
  CHECK(relay_world::told<news::feed_grew>(w.effects, w.carol_session).size() == 1);
  CHECK(relay_world::told<news::feed_grew>(w.effects, w.bob_session).empty());
  CHECK(w.delivered(w.carol_session).size() == 1);
}

TEST_CASE("only members subscribe") {
  papers w;
  CHECK(code(w.core->subscribe(w.dave_session, w.workspace, {}).answer) == errc::role_insufficient);
  CHECK(code(w.core->subscribe(w.bob_session, {{9}}, {}).answer) == errc::workspace_unknown);
  CHECK(code(w.core
                 ->subscribe(w.bob_session, w.workspace,
                             std::vector<feed::feed_head>(feed::max_seen + 1))
                 .answer) == errc::too_large);
}

TEST_CASE("the signed heads of a user go to readers of the workspace and to Administrators") {
  papers w;
  const auto entry = w.write(w.bob, w.workspace);
  REQUIRE(w.push(w.bob_session, w.workspace, {entry}).answer);
  for (const auto session : {w.alice_session, w.carol_session}) {
    const auto heads =
        ledger::decode_frontier(w.core->heads(session, w.workspace, w.bob.user).value());
    REQUIRE(heads.value().size() == 1);
    CHECK(heads->at(0).header_bytes == entry.header_bytes);
  }
  CHECK(code(w.core->heads(w.dave_session, w.workspace, w.bob.user)) == errc::role_insufficient);
  CHECK(code(w.core->heads(w.alice_session, w.workspace, {{9}})) == errc::user_unknown);
  CHECK(code(w.core->heads(w.alice_session, {{9}}, w.bob.user)) == errc::workspace_unknown);
}

TEST_CASE("a push is told which of its objects are wanted") {
  papers w;
  const object_id here{{1}};
  const object_id gone{{2}};
  w.core->object_stored(w.workspace, here);
  const auto entry = w.write(w.bob, w.workspace, {here, gone});
  CHECK(w.push(w.bob_session, w.workspace, {entry}).answer.value().wanted == std::vector{gone});
  w.core->object_stored(w.workspace, gone);
  CHECK(w.push(w.bob_session, w.workspace, {entry}).answer.value().wanted.empty());
  w.core->object_lost(w.workspace, here);
  CHECK(w.push(w.bob_session, w.workspace, {entry}).answer.value().wanted == std::vector{here});
}

TEST_CASE("who is subscribed, now or later, is told what was lost until it is put again") {
  papers w;
  const object_id object{{1}};
  w.core->object_stored(w.workspace, object);
  REQUIRE(w.core->subscribe(w.bob_session, w.workspace, {}).answer);
  const auto lost = w.core->object_lost(w.workspace, object);
  const auto told = relay_world::told<news::objects_wanted>(lost, w.bob_session);
  REQUIRE(told.size() == 1);
  CHECK(told[0].workspace == w.workspace);
  CHECK(told[0].objects == std::vector{object});
  CHECK(relay_world::told<news::objects_wanted>(lost, w.carol_session).empty());
  const auto later = w.core->subscribe(w.carol_session, w.workspace, {});
  CHECK(relay_world::told<news::objects_wanted>(later.effects, w.carol_session).size() == 1);
  CHECK(code(w.core->check_get(w.carol_session, w.workspace, object)) == errc::not_found);
  w.core->object_stored(w.workspace, object);
  const auto after = w.core->subscribe(w.alice_session, w.workspace, {});
  CHECK(relay_world::told<news::objects_wanted>(after.effects, w.alice_session).empty());
}

TEST_CASE("objects are put by writers, and had by readers of their workspace") {
  papers w;
  const object_id object{{1}};
  CHECK(w.core->check_put(w.bob_session, w.workspace, object, 100).value());
  CHECK(code(w.core->check_put(w.carol_session, w.workspace, object, 100)) ==
        errc::role_insufficient);
  CHECK(code(w.core->check_put(w.dave_session, w.workspace, object, 100)) ==
        errc::role_insufficient);
  CHECK(code(w.core->check_put(w.bob_session, w.workspace, object, max_object_size + 1)) ==
        errc::too_large);
  CHECK(code(w.core->check_get(w.carol_session, w.workspace, object)) == errc::not_found);
  w.core->object_stored(w.workspace, object);
  CHECK_FALSE(w.core->check_put(w.bob_session, w.workspace, object, 100).value());
  CHECK(w.core->check_get(w.carol_session, w.workspace, object));
  CHECK(code(w.core->check_get(w.dave_session, w.workspace, object)) == errc::role_insufficient);
  const std::vector asked{object, object_id{{2}}};
  CHECK(w.core->lacking(w.bob_session, w.workspace, asked).value() == std::vector{asked[1]});
  // What the relay lost, any reader may give again.
  (void)w.core->object_lost(w.workspace, object);
  CHECK(w.core->check_put(w.carol_session, w.workspace, object, 100).value());
  CHECK(code(w.core->check_put(w.carol_session, w.workspace, asked[1], 100)) ==
        errc::role_insufficient);
  CHECK(code(w.core->check_put(w.dave_session, w.workspace, object, 100)) ==
        errc::role_insufficient);
  CHECK(code(w.core->lacking(w.dave_session, w.workspace, asked)) == errc::role_insufficient);
}

TEST_CASE("an object of one workspace is not had through another") {
  papers w;
  const auto other = w.org.create_workspace(w.bob);
  w.sync();
  const object_id object{{1}};
  w.core->object_stored(w.workspace, object);
  CHECK(code(w.core->check_get(w.bob_session, other, object)) == errc::not_found);
}

TEST_CASE("nobody makes himself unrevokable by feeds without end") {
  papers w;
  std::size_t taken = 0;
  errc refused = errc::unknown;
  for (std::size_t i = 0; i <= ledger::max_heads_of_user; ++i) {
    w.new_generation(w.bob, w.workspace);
    const auto pushed = w.push(w.bob_session, w.workspace, {w.write(w.bob, w.workspace)});
    if (!pushed.answer) {
      refused = code(pushed.answer);
      break;
    }
    ++taken;
  }
  CHECK(refused == errc::too_many_heads);
  CHECK(taken == ledger::max_heads_of_user);
}

TEST_CASE("a push is taken up to the entry that would be one feed too many") {
  papers w;
  std::vector<feed::entry> all;
  for (std::size_t i = 0; i < ledger::max_heads_of_user; ++i) {
    w.new_generation(w.bob, w.workspace);
    all.push_back(w.write(w.bob, w.workspace));
  }
  const std::span before(all.begin(), all.end() - 1);
  for (std::size_t at = 0; at < before.size(); at += max_push_entries) {
    const auto part = before.subspan(at, std::min(max_push_entries, before.size() - at));
    REQUIRE(w.push(w.bob_session, w.workspace, {part.begin(), part.end()}).answer);
  }
  w.new_generation(w.bob, w.workspace);
  const auto beyond = w.write(w.bob, w.workspace);
  const auto alices = w.write(w.org.alice, w.workspace);
  const auto pushed = w.push(w.alice_session, w.workspace, {alices, all.back(), beyond});
  CHECK(pushed.answer.value().accepted == 2);
  CHECK(code(w.push(w.alice_session, w.workspace, {beyond}).answer) == errc::too_many_heads);
}

TEST_CASE("behind a fence nothing new of that user is taken, until it falls or his role is taken") {
  papers w;
  const auto first = w.write(w.bob, w.workspace);
  REQUIRE(w.push(w.bob_session, w.workspace, {first}).answer);
  const ledger::fence f{w.org.state.id(), w.workspace, w.bob.user, *w.org.state.head()};
  const auto signature = ledger::sign_fence(f, w.org.alice.signing);
  const auto heads = w.core->fence(w.alice_session, f, signature, w.now);
  REQUIRE(heads);
  CHECK(*heads == w.core->heads(w.alice_session, w.workspace, w.bob.user).value());

  const auto second = w.write(w.bob, w.workspace);
  const auto of_alice = w.write(w.org.alice, w.workspace);
  // Who brings them makes no difference, and what is held already is no matter.
  for (const auto session : {w.bob_session, w.alice_session})
    CHECK(code(w.push(session, w.workspace, {second}).answer) == errc::fenced);
  CHECK(w.push(w.alice_session, w.workspace, {first, of_alice, second}).answer->accepted == 2);

  w.now += fence_time;
  CHECK(w.push(w.bob_session, w.workspace, {second}).answer->accepted == 1);

  REQUIRE(w.core->fence(w.alice_session, f, signature, w.now));
  const auto late = w.write(w.bob, w.workspace);
  w.org.share(w.org.alice, w.workspace, w.bob, ledger::role::reader,
              {ledger::signed_head{second.header_bytes, second.signature}});
  w.sync();
  CHECK(w.push(w.bob_session, w.workspace, {late}).answer->accepted == 1);  // to the quarantine
}

TEST_CASE("a fence is put up by those who may take the user's role, and not on and on") {
  papers w;
  const ledger::fence f{w.org.state.id(), w.workspace, w.bob.user, *w.org.state.head()};
  CHECK(code(w.core->fence(w.carol_session, f, ledger::sign_fence(f, w.carol.signing), w.now)) ==
        errc::role_insufficient);
  CHECK(code(w.core->fence(w.alice_session, f, ledger::sign_fence(f, w.bob.signing), w.now)) ==
        errc::bad_signature);
  const auto signature = ledger::sign_fence(f, w.org.alice.signing);
  unsigned put_up = 0;
  while (w.core->fence(w.alice_session, f, signature, w.now)) REQUIRE(++put_up < 100);
  CHECK(code(w.core->fence(w.alice_session, f, signature, w.now)) == errc::rate_limited);
}
