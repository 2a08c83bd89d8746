// A relay that tells two stories, goes back, or takes what is none for a record
// (THREATS A3, A11, A12, A29, A30, A31).
#include "tests/attack/forgery.hpp"

using namespace keyfold;
using namespace keyfold::attack;
using ledger::contradiction;

namespace {

const middle honest = [](const under_way& u) { return std::optional(u.m); };

/// A statement of the ledger that `by` makes at his head: a second device.
expected<ledger_seq> add_device(rig& r, device& by) {
  const auto more = r.make_person("more");
  return by.append([&](const ledger::author& a) {
    return ledger::make_device_added(
        a, {more.device, more.signing.public_key(), more.link.public_key(), "another"});
  });
}

/// Evidence holds for somebody who knows nothing but the relay's receipt key.
void check_holds(const rig& r, const ledger::evidence& e, contradiction what) {
  const auto holds = [&](bytes_view said, bytes_view signature) {
    return ledger::verify_statement(said, signature, r.receipt_key.public_key()).has_value();
  };
  for (const auto* each : {&e.first, &e.second}) {
    CHECK(holds(each->statement_bytes, each->signature));
    // And with one bit of it changed for nobody.
    for (std::size_t at = 0; at < each->statement_bytes.size(); at += 7) {
      auto changed = each->statement_bytes;
      changed[at] ^= 1;
      CHECK_FALSE(holds(changed, each->signature));
    }
  }
  CHECK(ledger::compare(e.first.statement, e.second.statement) == what);
}

/// Everybody's files, as their devices show them.
std::vector<path> shown(rig& r) {
  std::vector<path> out;
  for (auto* each : r.members()) out.push_back(each->names(r.papers));
  return out;
}

}  // namespace

TEST_CASE("A3: versions and algorithms that a relay writes down anew are refused", "[A3]") {
  rig r;
  const auto record = *r.alice.ledger.record_at(r.alice.ledger.head()->seq);
  const auto newcomer = [&](const std::function<void(ledger::record&)>& change) -> device& {
    auto& fresh = r.devices.emplace_back(r, r.carol.who, r.relay->id);
    r.attacker = lying_ledger([&](ledger::record& each) {
      if (each.certificate.header.seq == record.certificate.header.seq) change(each);
    });
    REQUIRE(fresh.connect(*r.relay));
    (void)fresh.pull_ledger();
    return fresh;
  };
  SECTION("control: as it is it counts") {
    CHECK(newcomer([](auto&) {}).ledger.head() == r.alice.ledger.head());
  }
  SECTION("the algorithm of a certificate's signature") {
    auto& fresh = newcomer([](auto& x) { x.certificate.signatures.front().front() = 2; });
    CHECK(fresh.noticed.has(errc::unknown_algorithm));
    CHECK(fresh.ledger.head() < r.alice.ledger.head());
    r.attacker = honest;
    REQUIRE(fresh.pull_ledger());
    CHECK(fresh.ledger.role_at(r.papers, r.carol.who.user, record.certificate.header.seq) ==
          ledger::role::reader);
  }
  SECTION("the algorithm of a receipt's signature") {
    auto& fresh = newcomer([](auto& x) { x.receipt.signature.front() = 2; });
    CHECK(fresh.noticed.has(errc::bad_receipt));
    CHECK(fresh.ledger.head() < r.alice.ledger.head());
  }
  SECTION("the version of a header") {
    auto& fresh = newcomer([](auto& x) { x.certificate.header_bytes[1] = 0; });
    CHECK(fresh.noticed.has(errc::unknown_version));
    CHECK(fresh.ledger.head() < r.alice.ledger.head());
  }
  SECTION("the version of a receipt") {
    auto& fresh = newcomer([](auto& x) { x.receipt.statement_bytes[1] = 0; });
    CHECK(fresh.noticed.has(errc::unknown_version));
    CHECK(fresh.ledger.head() < r.alice.ledger.head());
  }
}

TEST_CASE("A11: a relay that serves yesterday's state is noticed, and nothing is lost", "[A11]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"yesterday"}, "old"));
  r.settle();
  const auto backup = copy_of(*r.relay->disk);
  CHECK(r.bob.put(r.papers, {"today"}, "new"));
  r.settle();
  REQUIRE(add_device(r, r.alice));
  for (auto* each : r.members()) each->sync(r.papers);
  const auto before = shown(r);
  const auto head = r.alice.ledger.head();
  SECTION("control: a restart is no step back") {
    r.relay->start();
    for (auto* each : r.members()) REQUIRE(each->connect(*r.relay));
    for (auto* each : r.members()) CHECK(each->noticed.evidence.empty());
  }
  SECTION("from a backup, under a new incarnation: restored, and no conviction") {
    relay_node old(*r.relay, copy_of(*backup));
    for (auto* each : r.members()) {
      REQUIRE(each->connect(old));
      REQUIRE(each->noticed.evidence.size() == 1U);
      CHECK(each->noticed.evidence.front().what == contradiction::restored);
      check_holds(r, each->noticed.evidence.front(), contradiction::restored);
      each->sync(r.papers);
      CHECK(each->ledger.head() == head);  // nobody forgets what he knows
    }
    CHECK(shown(r) == before);
  }
  SECTION("within one incarnation: that convicts") {
    // The lying relay signs its old head again, later by its own counter.
    const auto known = r.alice.greeted->statement;
    r.attacker = [&](const under_way& u) {
      auto out = std::optional(u.m);
      if (u.up || u.about != net::message_kind::hello) return out;
      auto answer = net::decode<net::hello_answer>(u.m.body.view()).value();
      auto said = ledger::decode_statement(answer.statement).value();
      const auto& old = r.relay->core->ledger().record_at({3})->certificate;
      said.seq = old.header.seq;
      said.hash = old.hash;
      said.counter = known.counter + 5000;
      said.incarnation = r.alice.ledger.record_at(head->seq)->receipt.statement.incarnation;
      const auto lied = ledger::sign_statement(said, r.receipt_key);
      answer.statement = lied.statement_bytes;
      answer.signature = lied.signature;
      out->body = net::encode(answer);
      return out;
    };
    REQUIRE(r.alice.connect(*r.relay));
    REQUIRE(r.alice.noticed.evidence.size() == 1U);
    CHECK(ledger::convicts(r.alice.noticed.evidence.front().what));
    check_holds(r, r.alice.noticed.evidence.front(), contradiction::stepped_back);
    CHECK(r.alice.ledger.head() == head);
    CHECK(shown(r) == before);
  }
  SECTION("an old greeting played back: it answers another hello") {
    std::optional<net::message> recorded;
    r.attacker = [&](const under_way& u) {
      auto out = std::optional(u.m);
      if (u.up || u.about != net::message_kind::hello) return out;
      if (!recorded) recorded = u.m;
      return recorded;
    };
    CHECK(r.carol.connect(*r.relay));
    CHECK(r.carol.connect(*r.relay).error().code == errc::bad_receipt);
  }
}

TEST_CASE("A11: entries that a relay has forgotten are brought back by whoever comes", "[A11]") {
  rig r;
  const auto backup = copy_of(*r.relay->disk);
  CHECK(r.bob.put(r.papers, {"today"}, "new"));
  r.settle();
  const auto before =
      std::exchange(r.relay, std::make_unique<relay_node>(*r.relay, copy_of(*backup)));
  r.relay->objects.clear();
  for (auto* each : r.members()) REQUIRE(each->connect(*r.relay));
  auto& fresh = r.devices.emplace_back(r, r.carol.who, r.relay->id);
  REQUIRE(fresh.connect(*r.relay));
  fresh.sync(r.papers);
  CHECK(fresh.names(r.papers).empty());  // control: it is gone there
  r.bob.sync(r.papers);
  fresh.sync(r.papers);
  CHECK(fresh.read(r.papers, {"today"}) == "new");
}

TEST_CASE(
    "A12: a relay that shows two ledgers is convicted by both statements at the first contact",
    "[A12]") {
  rig r;
  // From here on alice is shown one ledger, and bob another.
  relay_node second(*r.relay, copy_of(*r.relay->disk));
  REQUIRE(add_device(r, r.alice));
  REQUIRE(r.bob.connect(second));
  REQUIRE(add_device(r, r.bob));
  CHECK(r.alice.ledger.head()->seq == r.bob.ledger.head()->seq);
  CHECK(r.alice.ledger.head()->hash != r.bob.ledger.head()->hash);
  for (auto* each : {&r.alice, &r.bob}) CHECK(each->noticed.evidence.empty());

  SECTION("bob meets the other side of the relay: its greeting convicts it") {
    REQUIRE(r.bob.connect(*r.relay));
    REQUIRE(r.bob.noticed.evidence.size() == 1U);
    CHECK(r.bob.noticed.evidence.front().what == contradiction::forked);
    check_holds(r, r.bob.noticed.evidence.front(), contradiction::forked);
  }
  SECTION("bob hears a record of alice's: it is not taken, and its receipt convicts") {
    const auto foreign = *r.alice.ledger.record_at(r.alice.ledger.head()->seq);
    const auto head = r.bob.ledger.head();
    CHECK(r.bob.take(foreign).error().code == errc::ledger_forked);
    CHECK(r.bob.ledger.head() == head);
    const auto found = r.bob.ledger.evidence_against(foreign.receipt);
    REQUIRE(found);
    check_holds(r, *found, contradiction::forked);
  }
  SECTION("an entry made on the other ledger is not believed") {
    CHECK(r.bob.put(r.papers, {"his"}, "x"));
    const auto e = r.bob.sign_all(r.papers).front();
    r.alice.receive(r.papers, std::array{e});
    REQUIRE(invalid_ones(r.alice).size() == 1U);
    CHECK(invalid_ones(r.alice).front().why == errc::ledger_mismatch);
    CHECK(r.alice.names(r.papers).empty());
  }
}

TEST_CASE(
    "A12: nothing that an honest relay ever signed convicts it, in whatever order it is shown",
    "[A12]") {
  rig r;
  std::vector<ledger::statement> said;
  for (int start = 0; start < 3; ++start) {
    REQUIRE(add_device(r, r.alice));
    for (int hello = 0; hello < 2; ++hello) {
      REQUIRE(r.alice.connect(*r.relay));
      said.push_back(r.alice.greeted->statement);
      REQUIRE(add_device(r, r.alice));
    }
    r.relay->start();
    REQUIRE(r.alice.connect(*r.relay));
  }
  for (std::uint64_t seq = 0; seq < r.alice.ledger.size(); ++seq)
    said.push_back(r.alice.ledger.record_at({seq})->receipt.statement);
  // What it says to somebody who would found an organization of that id.
  said.push_back(
      {r.relay->id, 0, {}, {}, 0, r.random->id<incarnation_id>(), r.random->id<hash32>()});
  CHECK(r.alice.noticed.evidence.empty());
  for (const auto& one : said)
    for (const auto& other : said) CHECK_FALSE(ledger::convicts(ledger::compare(one, other)));
}

TEST_CASE("A12: two feeds of one device shown to two people end in one tree, with an incident",
          "[A12]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"base"}, "x"));
  r.settle();
  // Bob's disk was copied: both copies go on from one entry, each at its own relay.
  const auto last = *r.bob.engine(r.papers).feeds().find_entry(
      r.bob.engine(r.papers).journal().last_signed()->hash);
  relay_node second(*r.relay, copy_of(*r.relay->disk));
  const auto on = [&](const std::string& name) {
    return sign(r.bob.who, r.bob.keys,
                draft_after(last, draft_of(r.bob, r.papers, *r.random, name)), *r.random);
  };
  CHECK(push(r.bob, r.papers, {on("for alice")}) == 1U);
  r.alice.sync(r.papers);
  REQUIRE(r.bob.connect(second));
  CHECK(push(r.bob, r.papers, {on("for carol")}) == 1U);
  REQUIRE(r.carol.connect(second));
  r.carol.sync(r.papers);
  CHECK(r.alice.names(r.papers) == path{"base", "for alice"});
  CHECK(r.carol.names(r.papers) == path{"base", "for carol"});
  for (auto* each : {&r.alice, &r.carol}) CHECK(each->noticed.entries.empty());
  // Alice comes to the second relay too, and carries there what it was kept from.
  REQUIRE(r.alice.connect(second));
  r.alice.sync(r.papers);
  r.carol.sync(r.papers);
  for (auto* each : {&r.alice, &r.carol}) {
    CHECK(each->names(r.papers) == path{"base", "for alice", "for carol"});
    REQUIRE(each->noticed.entries.size() == 1U);
    CHECK(each->noticed.entries.front().what == workspace::entry_incident::kind::feed_forked);
  }
}

TEST_CASE("A29: a lost race's certificate is no record; an honest race raises no alarm", "[A29]") {
  rig r;
  // Alice and bob make a statement at one head; alice's comes first.
  const auto bobs_head = *r.bob.ledger.head();
  const auto more = r.make_person("more");
  const auto lost =
      ledger::make_device_added(
          {r.bob.ledger, r.bob.keys, r.bob.who.device, r.bob.who.signing, 1, *r.random},
          {more.device, more.signing.public_key(), more.link.public_key(), "another"})
          .value();
  REQUIRE(add_device(r, r.alice));
  CHECK(append_refusal(r.bob, lost) == errc::stale_head);
  const auto won = *r.alice.ledger.record_at(r.alice.ledger.head()->seq);
  REQUIRE(won.certificate.header.seq == lost.header.seq);

  SECTION("served with the winner's receipt, or an older one") {
    const bool winners = GENERATE(true, false);
    r.attacker = lying_ledger([&](ledger::record& each) {
      if (each.certificate.header.seq != lost.header.seq) return;
      each.certificate = lost;
      if (!winners) each.receipt = r.carol.ledger.record_at(bobs_head.seq)->receipt;
    });
    r.carol.sync(r.papers);
    CHECK(r.carol.noticed.has(errc::bad_receipt));
    CHECK_FALSE(r.carol.ledger.find_device(more.device));
  }
  SECTION("served with a receipt that bob made himself") {
    r.attacker = lying_ledger([&](ledger::record& each) {
      if (each.certificate.header.seq != lost.header.seq) return;
      each.certificate = lost;
      auto said = each.receipt.statement;
      said.hash = lost.hash;
      each.receipt = ledger::sign_statement(said, r.bob.who.signing);
    });
    r.carol.sync(r.papers);
    CHECK(r.carol.noticed.has(errc::bad_receipt));
    CHECK_FALSE(r.carol.ledger.find_device(more.device));
  }
  SECTION("served without a receipt") {
    writer alone;
    alone.array(1).raw(ledger::encode_certificate(lost));
    CHECK_FALSE(ledger::decode_record(std::move(alone).take()));
  }
  SECTION("the loser makes his statement anew") {
    REQUIRE(r.bob.pull_ledger());
    CHECK(add_device(r, r.bob));
  }
  r.attacker = honest;
  for (auto* each : r.members()) {
    REQUIRE(each->connect(*r.relay));
    each->sync(r.papers);
    CHECK(each->noticed.evidence.empty());
    CHECK(each->ledger.hash_at(lost.header.seq) == won.certificate.hash);
  }
}

TEST_CASE("A30: nobody has objects dropped: a reserved kind is refused, and drops nothing",
          "[A30]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"file"}, "kept"));
  r.settle();
  const bool owner = GENERATE(true, false);
  auto& by = owner ? r.alice : r.bob;
  const auto kind = GENERATE(12U, 13U, 14U);  // objects dropped, retention, horizon
  const auto forged = forge_kind(by.ledger, by.who, r.papers, kind, true);
  CHECK(append_refusal(by, forged) == errc::unknown_kind);
  // A lying relay that drops all the same, and hands the certificate out.
  r.attacker = lying_ledger({receipted(r, forged)});
  r.relay->objects.clear();
  for (auto* each : r.members()) each->sync(r.papers);
  CHECK(r.bob.read(r.papers, {"file"}) == "kept");  // he holds what he made
  CHECK(r.carol.ledger.read_only(r.papers));        // said, not skipped
  CHECK(r.carol.names(r.papers) == path{"file"});
}

TEST_CASE("A31: a relay with another key is not the relay; one restored is brought forward",
          "[A31]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"file"}, "kept"));
  r.settle();
  const auto head = r.alice.ledger.head();
  SECTION("replaced: the same data under another receipt key") {
    const auto other = signing_key::generate(*r.random);
    const auto disk = copy_of(*r.relay->disk);
    db::transaction state(*disk);
    // The relay's program refuses to serve it: the ledger names another one. Somebody else's does.
    CHECK_FALSE(relay::organization::load(state, r.relay->id, other, *r.random));
    r.attacker = [&](const under_way& u) {
      auto out = std::optional(u.m);
      if (u.up || u.about != net::message_kind::hello) return out;
      auto answer = net::decode<net::hello_answer>(u.m.body.view()).value();
      const auto said = ledger::decode_statement(answer.statement).value();
      answer.signature = ledger::sign_statement(said, other).signature;
      out->body = net::encode(answer);
      return out;
    };
    CHECK(r.alice.connect(*r.relay).error().code == errc::bad_receipt);
    CHECK(r.alice.relay == nullptr);
    r.attacker = honest;
  }
  SECTION("moved by whoever pleases: nobody follows") {
    const auto forged =
        forge(r.bob.ledger, r.bob.who, std::nullopt,
              ledger::relay_set{1, signing_key::generate(*r.random).public_key(), {"keyfold://x"}});
    CHECK(append_refusal(r.bob, forged) == errc::not_administrator);
    r.attacker = lying_ledger({receipted(r, forged)});
    r.carol.sync(r.papers);
    CHECK(r.carol.noticed.has(errc::not_administrator));
    CHECK(r.carol.ledger.organization().receipt_key() == r.receipt_key.public_key());
  }
  SECTION("restored: the honest case raises no conviction, and nobody goes back") {
    const auto backup = copy_of(*r.relay->disk);
    REQUIRE(add_device(r, r.alice));
    relay_node old(*r.relay, copy_of(*backup));
    REQUIRE(r.alice.connect(old));
    REQUIRE(r.alice.noticed.evidence.size() == 1U);
    CHECK_FALSE(ledger::convicts(r.alice.noticed.evidence.front().what));
    CHECK(r.alice.ledger.head() > head);
    r.alice.disconnect();
  }
  for (auto* each : {&r.bob, &r.carol}) CHECK(each->read(r.papers, {"file"}) == "kept");
}
