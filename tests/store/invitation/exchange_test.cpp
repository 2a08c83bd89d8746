// The code exchange as the two people live it, on a table with a relay between them.
#include "store/invitation/exchange.hpp"

#include <catch2/catch.hpp>

#include "tests/store/invitation/table.hpp"

using namespace keyfold;
using namespace keyfold::invitation;
using tests::table;

namespace {

constexpr auto alice = party::greeter;
constexpr auto bob = party::guest;

void both_sit(table& t) {
  t.sit(alice);
  t.sit(bob);
  t.run();
}

void check_in(table& t) {
  REQUIRE(t.at(alice).done);
  REQUIRE(t.at(bob).done);
  REQUIRE(t.ledger.size() == 1);
  CHECK(t.at(bob).done->user == t.ledger[0].second.user);
  CHECK(t.at(bob).done->device == t.ledger[0].second.device);
  CHECK(t.at(alice).done->device == t.ledger[0].second.device);
  CHECK(t.ledger[0].first == t.at(bob).keys->public_keys());
}

reason failure(table& t, party who) {
  REQUIRE(t.at(who).failed);
  return t.at(who).failed->why;
}

/// Runs until both are done; whoever stops sits down again, as a person would.
void insist(table& t) {
  for (int tries = 0; tries < 60 && !(t.at(alice).done && t.at(bob).done); ++tries) {
    for (const auto who : {alice, bob})
      if (!t.at(who).machine || t.at(who).failed) t.sit(who);
    if (t.at(alice).done && !t.at(bob).done) t.sit(alice);  // bob asks her to greet again
    t.run();
    if (!(t.at(alice).done && t.at(bob).done)) t.pass_time();
    t.run();
  }
}

}  // namespace

TEST_CASE("alice lets bob in as a user") {
  table t;
  t.answer.profile = ledger::profile::external;
  both_sit(t);
  check_in(t);
  REQUIRE(t.appended.size() == 1);
  CHECK(t.appended[0].email == "bob@example.org");
  CHECK(t.appended[0].name == "Bob");
  CHECK(t.appended[0].label == "bob's laptop");
  CHECK(t.appended[0].profile == ledger::profile::external);
  CHECK(t.at(bob).admitted->root_key == t.root.public_key());
  CHECK(t.at(bob).admitted->organization_name == "wonderland");
  CHECK_FALSE(t.at(bob).admitted->user_secret);
  CHECK(t.at(alice).done->acknowledged);
  CHECK(t.invitation_closed);
  CHECK(t.at(alice).reveals == 1);
  CHECK(t.at(bob).reveals == 1);
}

TEST_CASE("alice lets her second device in, and it gets her user key") {
  table t(kind::device);
  both_sit(t);
  check_in(t);
  CHECK_FALSE(t.appended[0].keys.user);
  CHECK(t.appended[0].email.empty());
  CHECK(t.at(bob).admitted->user_secret == t.user_key.secret());
}

TEST_CASE("a mailed invitation works by its codes alone") {
  table t;
  t.greeter_terms.mailed = true;
  t.guest_terms.secret.reset();
  both_sit(t);
  check_in(t);
}

TEST_CASE("it does not matter who comes first") {
  for (const auto first : {alice, bob}) {
    table t;
    t.sit(first);
    t.run();
    CHECK_FALSE(t.at(first).failed);
    t.sit(first == alice ? bob : alice);
    t.run();
    check_in(t);
  }
}

TEST_CASE("the greeter corrects the e-mail and the name") {
  table t;
  t.answer.email = "robert@example.org";
  t.answer.name = "Robert";
  both_sit(t);
  check_in(t);
  CHECK(t.appended[0].email == "robert@example.org");
  CHECK(t.appended[0].name == "Robert");
}

TEST_CASE(
    "the guest is shown candidates for the code that the greeter tells, and then the other way "
    "round") {
  table t;
  std::vector<party> order;
  const auto honest = t.pick;
  t.pick = [&](party who, const out::show_choose& shown) {
    order.push_back(who);
    if (who == bob) CHECK_FALSE(t.at(bob).told);  // bob tells his code only after he picked
    return honest(who, shown);
  };
  both_sit(t);
  CHECK(order == std::vector{bob, alice});
}

TEST_CASE("the secret of the link, and every secret key, stay away from the relay") {
  table t(kind::device);
  both_sit(t);
  check_in(t);
  for (const auto& payload : t.wire) {
    const auto text = to_string(payload);
    CHECK(text.find(as_text(t.guest_terms.secret->view())) == std::string::npos);
    CHECK(text.find(as_text(t.user_key.secret().view())) == std::string::npos);
    CHECK(text.find("laptop") == std::string::npos);
    CHECK(text.find("wonderland") == std::string::npos);
  }
}

TEST_CASE("a wrong pick and \"none of these\" end the exchange on both sides with the reason") {
  for (const auto chooser : {alice, bob})
    for (const bool none : {true, false}) {
      table t;
      const auto honest = t.pick;
      t.pick = [&](party who, const out::show_choose& shown) -> std::optional<sas_code> {
        const auto right = honest(who, shown);
        if (who != chooser) return right;
        if (none) return std::nullopt;
        return shown.codes[0] == right ? shown.codes[1] : shown.codes[0];
      };
      both_sit(t);
      CHECK(failure(t, alice) == reason::wrong_code);
      CHECK(failure(t, bob) == reason::wrong_code);
      CHECK(t.ledger.empty());
      t.pick = honest;
      both_sit(t);
      check_in(t);
      CHECK(t.at(alice).stored.reveals == 2);
    }
}

TEST_CASE("after a wrong pick a new attempt can start by itself, with other codes") {
  table t;
  t.restart_after_wrong_code = true;
  const auto honest = t.pick;
  std::vector<sas_code> said;
  t.pick = [&](party who, const out::show_choose& shown) -> std::optional<sas_code> {
    if (who == alice) return honest(who, shown);
    said.push_back(*t.at(alice).told);
    return said.size() == 1 ? std::nullopt : honest(who, shown);
  };
  both_sit(t);
  check_in(t);
  CHECK(t.at(alice).ended == std::vector{reason::wrong_code});
  CHECK(t.at(bob).ended == std::vector{reason::wrong_code});
  REQUIRE(said.size() == 2);
  CHECK_FALSE(said[0] == said[1]);
}

TEST_CASE("a late pick for an earlier attempt has no effect") {
  table t;
  t.sit(alice);
  t.sit(bob);
  std::optional<out::show_choose> old;
  t.before = [&](party, const effect& e) {
    if (const auto* shown = std::get_if<out::show_choose>(&e); shown != nullptr && !old) {
      old = *shown;
      t.give(bob, in::disconnected{});
    }
    return true;
  };
  const auto honest = t.pick;
  t.pick = [&](party who, const out::show_choose& shown) {
    if (who == bob) t.give(bob, in::picked{old->attempt, old->codes[0]});
    return honest(who, shown);
  };
  t.run();
  check_in(t);
}

TEST_CASE("each side allows five reveals for an invitation, over all its runs") {
  for (const bool by_itself : {true, false}) {
    table t;
    t.restart_after_wrong_code = by_itself;
    t.pick = [](party, const out::show_choose&) { return std::nullopt; };
    for (int run = 0; run < 8; ++run) both_sit(t);
    CHECK(failure(t, alice) == reason::attempts);
    CHECK(failure(t, bob) == reason::attempts);
    CHECK(t.at(alice).reveals == max_reveals);
    CHECK(t.at(bob).reveals == max_reveals);
    CHECK(t.at(alice).stored.reveals == max_reveals);
  }
}

TEST_CASE("a reveal is counted on disk before it is sent") {
  table t;
  unsigned stored = 0;
  t.before = [&](party who, const effect& e) {
    if (const auto* p = std::get_if<out::store_progress>(&e); p != nullptr && who == alice)
      stored = p->progress.reveals;
    if (const auto* s = std::get_if<out::send>(&e); s != nullptr && who == alice)
      if (const auto what = kind_of(s->payload); what && *what == message_kind::reveal)
        CHECK(stored == 1);
    return true;
  };
  both_sit(t);
  check_in(t);
}

TEST_CASE(
    "the guest stores his keys before he sends them, and his admission before he acknowledges it") {
  table t;
  std::vector<std::size_t> order;
  t.before = [&](party who, const effect& e) {
    if (who == bob) order.push_back(e.index());
    return true;
  };
  both_sit(t);
  const auto at = [&](const effect& e) {
    return std::find(order.begin(), order.end(), e.index()) - order.begin();
  };
  const auto keys = at(out::store_keys{guest_keys::generate(kind::user, *t.random)});
  CHECK(order[static_cast<std::size_t>(keys) + 1] == effect(out::send{}).index());
  const auto in = at(out::store_admission{{}, guest_keys::generate(kind::user, *t.random)});
  CHECK(order[static_cast<std::size_t>(in) + 1] == effect(out::send{}).index());
}

TEST_CASE("a greeter who does not confirm turns the guest away") {
  table t;
  t.answer.accept = false;
  both_sit(t);
  CHECK(failure(t, alice) == reason::rejected);
  CHECK(failure(t, bob) == reason::rejected);
  CHECK(t.ledger.empty());
}

TEST_CASE("a person's cancelling ends it on both sides") {
  for (const auto who : {alice, bob}) {
    table t;
    t.pick = [&](party, const out::show_choose&) {
      t.give(who, in::cancel{});
      return t.at(alice).told;
    };
    both_sit(t);
    CHECK(failure(t, alice) == reason::cancelled);
    CHECK(failure(t, bob) == reason::cancelled);
  }
}

TEST_CASE("an invitation that is cancelled or replaced at the relay fails with that reason") {
  table t;
  t.sit(alice);
  t.run();
  t.give(alice, in::closed{reason::cancelled});
  t.run();
  CHECK(failure(t, alice) == reason::cancelled);
  t.sit(bob);
  t.run();
  t.give(bob, in::replaced{});
  t.run();
  CHECK(failure(t, bob) == reason::replaced);
}

TEST_CASE("an invitation that expires ends both sides") {
  table t;
  t.expires = t.now + timestamp(1000);
  t.pick = [&](party, const out::show_choose& shown) {
    t.pass_time();
    return shown.codes[0];
  };
  both_sit(t);
  CHECK(failure(t, alice) == reason::expired);
  CHECK(failure(t, bob) == reason::expired);
}

TEST_CASE("a person who does not answer in time ends the exchange") {
  table t;
  t.sit(alice);
  t.sit(bob);
  t.before = [&](party, const effect& e) {
    return !std::holds_alternative<out::failed>(e) || true;
  };
  t.pick = [&](party, const out::show_choose&) {
    t.pass_time();
    return std::nullopt;
  };
  t.run();
  CHECK(failure(t, bob) == reason::timeout);
}

TEST_CASE("a ledger that refuses ends both sides, and nobody is in") {
  table t;
  t.refuse_append = true;
  both_sit(t);
  CHECK(failure(t, alice) == reason::ledger);
  CHECK(failure(t, bob) == reason::ledger);
  CHECK_FALSE(t.at(bob).admitted);
}

TEST_CASE("a confirmation that was lost after the certificate stood in the ledger is sent again") {
  table t;
  bool lost = false;
  t.before = [&](party who, const effect& e) {
    // Bob's link breaks in the moment in which alice sends the admission.
    if (who == alice && !t.ledger.empty() && std::holds_alternative<out::send>(e) &&
        !std::exchange(lost, true))
      t.leave(bob);
    return true;
  };
  both_sit(t);
  REQUIRE(lost);
  REQUIRE(t.ledger.size() == 1);
  t.sit(bob);
  t.run();
  check_in(t);
  CHECK(t.appended.size() == 1);
}

TEST_CASE("the confirmation is sent again by another run of the greeter, and by another greeter") {
  for (const bool same_disk : {true, false}) {
    table t;
    t.before = [&](party who, const effect& e) {
      if (who == alice && t.ledger.size() == 1 && std::holds_alternative<out::send>(e)) {
        t.leave(bob);
        return false;
      }
      return true;
    };
    both_sit(t);
    REQUIRE(t.ledger.size() == 1);
    t.before = [](party, const effect&) { return true; };
    if (!same_disk) t.at(alice).stored = {};
    both_sit(t);
    check_in(t);
    CHECK(t.appended.size() == 1);
  }
}

TEST_CASE("a guest who comes again while the ledger is still asked is not appended twice") {
  table t;
  t.hold_append = true;
  both_sit(t);
  CHECK(t.appended.empty());
  t.leave(bob);
  t.sit(bob);
  t.run();
  CHECK_FALSE(t.at(bob).done);
  t.append_now();
  t.run();
  check_in(t);
}

TEST_CASE("somebody else with the link does not come in after the invited one did") {
  table t;
  t.before = [&](party who, const effect& e) {
    if (who == alice && t.ledger.size() == 1 && std::holds_alternative<out::send>(e)) t.leave(bob);
    return true;
  };
  both_sit(t);
  REQUIRE(t.ledger.size() == 1);
  t.before = [](party, const effect&) { return true; };
  const auto keys = t.at(bob).keys;
  t.at(bob).keys.reset();
  t.sit(bob);
  t.run();
  CHECK(failure(t, bob) == reason::used);
  CHECK(t.appended.size() == 1);
  REQUIRE(t.at(alice).refusals.size() == 1);
  CHECK(t.at(alice).refusals[0].code == errc::invitation_used);
  t.at(bob).keys = keys;
  t.sit(bob);
  t.run();
  check_in(t);
}

TEST_CASE("a greeter whose guest never acknowledges is done all the same, and says so") {
  table t;
  t.before = [&](party who, const effect& e) {
    if (who == alice && t.ledger.size() == 1 && std::holds_alternative<out::send>(e)) t.leave(bob);
    return true;
  };
  both_sit(t);
  while (!t.at(alice).done && t.pass_time()) t.run();
  REQUIRE(t.at(alice).done);
  CHECK_FALSE(t.at(alice).done->acknowledged);
  CHECK_FALSE(t.invitation_closed);
}

TEST_CASE("a greeter who gives up while the ledger is asked says in the end what became of it") {
  for (const bool taken : {true, false}) {
    table t;
    t.hold_append = true;
    both_sit(t);
    t.give(alice, in::cancel{});
    t.run();
    CHECK_FALSE(t.at(alice).failed);
    CHECK_FALSE(t.at(alice).machine->next_timeout());
    if (taken)
      t.append_now();
    else
      t.give(alice, in::append_failed{{errc::internal, "no"}});
    t.run();
    CHECK(t.at(alice).done.has_value() == taken);
    CHECK(t.at(alice).failed.has_value() != taken);
  }
}

TEST_CASE("keys that stand elsewhere in the ledger are refused") {
  table t;
  t.at(bob).keys = guest_keys::generate(kind::user, *t.random);
  auto keys = t.at(bob).keys->public_keys();
  keys.user = box_key::generate(*t.random).public_key();
  t.ledger.emplace_back(keys, admission{});
  both_sit(t);
  CHECK(failure(t, bob) == reason::refused);
  REQUIRE(t.at(alice).refusals.size() == 1);
  CHECK(t.at(alice).refusals[0].code == errc::key_in_use);
  CHECK(t.appended.empty());
}

TEST_CASE("an admission with a user's secret key never goes to another user") {
  table t;
  t.at(bob).keys = guest_keys::generate(kind::user, *t.random);
  admission wrong;
  wrong.user_secret = t.user_key.secret();
  t.ledger.emplace_back(t.at(bob).keys->public_keys(), wrong);
  both_sit(t);
  CHECK_FALSE(t.at(bob).done);
  REQUIRE_FALSE(t.at(alice).refusals.empty());
  CHECK(t.at(alice).refusals[0].code == errc::internal);
}

TEST_CASE("a guest without the link's secret does not get as far as a reveal") {
  table t;
  t.guest_terms.secret.reset();
  both_sit(t);
  CHECK(failure(t, bob) == reason::refused);
  CHECK(t.at(alice).refusals[0].code == errc::missing_mac);
  CHECK(t.at(alice).reveals == 0);
  CHECK_FALSE(t.at(alice).failed);  // she waits for the right one
  t.guest_terms.secret = t.greeter_terms.secret;
  t.sit(bob);
  t.run();
  check_in(t);
}

TEST_CASE("a greeter refuses only so many guests") {
  table t;
  t.guest_terms.secret.reset();
  t.sit(alice);
  for (unsigned i = 0; i < max_refused; ++i) {
    CHECK_FALSE(t.at(alice).failed);
    t.at(bob).stored = {};
    t.sit(bob);
    t.run();
  }
  CHECK(failure(t, alice) == reason::refused);
}

TEST_CASE("a stranger with the token cannot end a greeter by an abort") {
  for (const auto why :
       {reason::cancelled, reason::attempts, reason::refused, reason::wrong_code}) {
    table t;
    t.relay = [&](party from, bytes payload) {
      return from == bob ? encode_abort(to_string(why)) : payload;
    };
    both_sit(t);
    t.leave(bob);
    CHECK_FALSE(t.at(alice).failed);
    t.relay = [](party, bytes payload) { return payload; };
    t.at(bob).stored = {};
    t.sit(bob);
    t.run();
    check_in(t);
  }
}

TEST_CASE("a message that its step does not allow is refused") {
  const std::array<bytes, 4> out_of_place{encode_signal(message_kind::greeter_ok),
                                          encode_signal(message_kind::ack), bytes{0x12, 1, 2},
                                          bytes{0x92, 2}};
  for (const auto& payload : out_of_place) {
    table t;
    t.relay = [&](party from, bytes) { return from == alice ? payload : bytes{}; };
    both_sit(t);
    CHECK(failure(t, bob) == reason::refused);
    CHECK_FALSE(t.at(bob).refusals.empty());
  }
  table large;
  large.relay = [](party, const bytes&) { return bytes(max_payload + 1, 0x91); };
  both_sit(large);
  CHECK(large.at(bob).refusals.at(0).code == errc::too_large);
}

TEST_CASE("a message that comes twice is refused") {
  table t;
  bytes last;
  t.relay = [&](party from, bytes payload) {
    if (from == alice && is_sealed(payload)) {
      if (last.empty()) last = payload;
      return last;  // greeter_ok again in place of the admission
    }
    return payload;
  };
  both_sit(t);
  CHECK(failure(t, bob) == reason::refused);
  CHECK(t.at(bob).refusals.at(0).code == errc::bad_seal);
}

TEST_CASE("whoever vanishes, at whatever step, the other goes on and one user comes in") {
  for (const auto victim : {alice, bob})
    for (unsigned step = 0;; ++step) {
      table t(kind::user, step + 1);
      unsigned seen = 0;
      bool crashed = false;
      t.before = [&](party who, const effect&) {
        if (who != victim || crashed || seen++ != step) return true;
        crashed = true;
        return false;
      };
      both_sit(t);
      insist(t);
      INFO("step " << step);
      REQUIRE(t.at(bob).done);  // (alice may have been killed just before she could say so)
      REQUIRE(t.ledger.size() == 1);
      CHECK(t.ledger[0].first == t.at(bob).keys->public_keys());
      CHECK(t.at(alice).stored.reveals <= max_reveals);
      if (!crashed) break;
    }
}

TEST_CASE("whatever message is lost, in the end one user comes in") {
  for (const auto k : {kind::user, kind::device})
    for (unsigned lost = 0;; ++lost) {
      table t(k, lost + 1);
      unsigned seen = 0;
      t.relay = [&](party, bytes payload) { return seen++ == lost ? bytes{} : payload; };
      both_sit(t);
      insist(t);
      INFO("message " << lost);
      check_in(t);
      CHECK(t.appended.size() == 1);
      if (seen <= lost) break;
    }
}

TEST_CASE("a link that breaks at any step is taken up again") {
  for (const auto victim : {alice, bob})
    for (unsigned step = 0;; ++step) {
      table t(kind::user, step + 1);
      unsigned seen = 0;
      bool broken = false;
      t.before = [&](party who, const effect& e) {
        if (who == victim && !broken && std::holds_alternative<out::send>(e) && seen++ == step) {
          broken = true;
          t.at(who).here = false;
          t.give(who == alice ? bob : alice, in::peer_left{t.attempt});
          t.give(who, in::disconnected{});
        }
        return true;
      };
      both_sit(t);
      insist(t);
      INFO("step " << step);
      check_in(t);
      if (!broken) break;
    }
}

TEST_CASE("what a side must remember comes back from its bytes") {
  const auto random = seeded_random(1);
  const progress p{3, signing_key::generate(*random).public_key()};
  CHECK(progress::decode(p.encode()).value() == p);
  CHECK(progress::decode(progress{}.encode()).value() == progress{});
}
