// A relay from a backup that is brought forward, and an organization that moves: by honest people, and with members and
// relays that try to change what stood in the ledger (THREATS A12, A13, A31).
#include "store/incident/book.hpp"
#include "store/incident/proof.hpp"
#include "store/relay/adoption.hpp"
#include "tests/attack/forgery.hpp"

using namespace keyfold;
using namespace keyfold::attack;
using feed::standing;
using ledger::role;

namespace {

const std::vector<std::string> address{"keyfold://127.0.0.1:7001/?k=y"};

/// The relay stops, and is started again from the backup; what it had is given back.
std::unique_ptr<relay_node> restore(rig& r, const db::store& backup) {
  for (auto& each : r.devices) each.disconnect();
  auto out = std::exchange(r.relay, std::make_unique<relay_node>(*r.relay, copy_of(backup)));
  r.relay->objects.clear();
  return out;
}

/// Bob's role is taken, with the heads that alice holds.
void remove_bob(rig& r) {
  REQUIRE(r.alice.append([&](const ledger::author& a) {
    return ledger::make_role_changed(a, r.papers, r.bob.who.user, role::none,
                                     r.alice.own_heads(r.papers, r.bob.who));
  }));
}

std::vector<ledger::record> records_of(const device& at, std::uint64_t from = 0) {
  std::vector<ledger::record> out;
  for (auto seq = from; seq < at.ledger.size(); ++seq) out.push_back(*at.ledger.record_at({seq}));
  return out;
}
std::vector<bytes> encoded(std::span<const ledger::record> records) {
  std::vector<bytes> out;
  for (const auto& r : records) out.push_back(ledger::encode_record(r));
  return out;
}
/// What the relay says when `by` brings these.
errc put_refusal(device& by, std::span<const ledger::record> records) {
  const auto got =
      by.ask(net::make_message(net::ledger_put{}, 92, net::encode_list(encoded(records))));
  return got ? errc::unknown : got.error().code;
}

/// Another relay, to which an organization may move.
struct elsewhere {
  explicit elsewhere(rig& from)
      : r(from),
        node(from.relay->id, signing_key::generate(*from.random), *from.random),
        core(relay::adoption::open(*node.state, node.id).value()) {}

  expected<std::size_t> take(std::span<const ledger::record> records) {
    const auto list = encoded(records);
    const std::vector<bytes_view> views(list.begin(), list.end());
    return core->take(views);
  }
  [[nodiscard]] bool whole() const { return core->is_whole(node.receipt_key.public_key()); }
  expected<ledger::certificate> naming_it(device& by) {
    return ledger::make_relay_set({by.ledger, by.keys, by.who.device, by.who.signing, 1, *r.random},
                                  node.receipt_key.public_key(), address);
  }
  void start() {
    core.reset();
    REQUIRE(node.state->commit(true));
    node.start();
  }

  rig& r;
  relay_node node;
  std::unique_ptr<relay::adoption> core;
};

/// Convinces somebody who knows the root key alone.
incident::judgement judged(const rig& r, const incident::report& report, const ledger::state& at) {
  const auto out = incident::verify_proof(incident::make_proof(report, at).value()).value();
  CHECK(out.root == r.root.public_key());
  return out;
}

}  // namespace

TEST_CASE("A31: a relay from a backup is brought forward whole, and accused of nothing", "[A31]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"yesterday"}, "old"));
  r.settle();
  const auto backup = copy_of(*r.relay->disk);
  const auto other = r.create_workspace("plans");  // of which bob and carol have headers alone
  CHECK(r.bob.put(r.papers, {"today"}, "new"));
  r.settle();
  const auto head = r.alice.ledger.head();
  const auto old = restore(r, *backup);
  const bool bob_first = GENERATE(true, false);  // who lacks a body, or who has them all
  for (auto* each : bob_first ? std::vector{&r.bob, &r.alice} : std::vector{&r.alice, &r.bob}) {
    REQUIRE(each->connect(*r.relay));
    CHECK(each->bring_forward());
    each->sync(r.papers);
  }
  CHECK(r.relay->core->ledger().head() == head);
  CHECK(r.relay->core->lacks().empty());
  CHECK(r.relay->core->ledger().workspace(other) != nullptr);
  for (auto* each : r.members())
    for (const auto& found : each->noticed.evidence)
      CHECK(found.what == ledger::contradiction::restored);
  // Who comes now finds all of it.
  auto& fresh = r.devices.emplace_back(r, r.carol.who, r.relay->id);
  fresh.sync(r.papers);
  r.bob.sync(r.papers);
  fresh.sync(r.papers);
  CHECK(fresh.ledger.head() == head);
  CHECK(fresh.read(r.papers, {"today"}) == "new");
  CHECK(fresh.noticed.evidence.empty());
}

TEST_CASE("A31: who brings a restored relay forward changes nothing of what stood there", "[A31]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"honest"}, "kept"));
  r.settle();
  const auto backup = copy_of(*r.relay->disk);
  const auto bobs_head = *r.bob.ledger.head();
  remove_bob(r);
  const auto later = r.create_workspace("later");
  const auto after = records_of(r.alice, bobs_head.seq.value + 1);
  REQUIRE(after.size() == 2);
  const auto old = restore(r, *backup);
  // To this relay bob is a member again, and he is there first.
  REQUIRE(r.bob.connect(*r.relay));

  SECTION("his removal with another signature") {
    const std::size_t at = GENERATE(0U, 9U);
    auto spoilt = after;
    spoilt[0].certificate.signatures[0][at] ^= 1;
    CHECK(ledger::is_unsigned(put_refusal(r.bob, spoilt)));
  }
  SECTION("all but his removal") {
    CHECK(put_refusal(r.bob, std::span(after).subspan(1)) == errc::ledger_gap);
  }
  SECTION("something else in its place, with a receipt that he made, or another's") {
    const auto forged = forge(r.bob.ledger, r.bob.who, r.papers, ledger::role_changed{});
    auto said = after[0].receipt.statement;
    said.hash = forged.hash;
    const std::vector made{ledger::record{forged, ledger::sign_statement(said, r.bob.who.signing)},
                           ledger::record{forged, after[0].receipt}};
    for (const auto& each : made)
      CHECK(put_refusal(r.bob, std::span(&each, 1)) == errc::bad_receipt);
  }
  SECTION("his removal without the keys and heads that go with it: somebody else brings these") {
    auto bare = after;
    bare[0].certificate.attached = {};
    CHECK(put_refusal(r.bob, bare) == errc::unknown);
    REQUIRE(r.relay->core->lacks().size() >= 1U);
  }
  SECTION("he writes on before anybody has told the relay") {
    CHECK(r.bob.put(r.papers, {"late"}, "x"));
    const auto late = r.bob.sign_all(r.papers);
    CHECK(push(r.bob, r.papers, late) == 1U);
    REQUIRE(r.carol.connect(*r.relay));
    r.carol.sync(r.papers);
    CHECK(r.carol.names(r.papers) == path{"honest", "late"});  // she cannot know yet
    REQUIRE(r.alice.connect(*r.relay));
    CHECK(r.alice.bring_forward());
    for (auto* each : {&r.alice, &r.carol}) {
      each->sync(r.papers);
      CHECK(standing_of(*each, late.front()) == standing::quarantined);
    }
  }
  REQUIRE(r.alice.connect(*r.relay));
  CHECK(r.alice.bring_forward());
  CHECK(r.relay->core->ledger().head() == r.alice.ledger.head());
  CHECK(r.relay->core->lacks().empty());
  CHECK(r.relay->core->ledger().refused().empty());
  CHECK(r.relay->core->ledger().role_at(r.papers, r.bob.who.user, r.alice.ledger.head()->seq) ==
        role::none);
  for (auto* each : {&r.alice, &r.carol}) {
    REQUIRE(each->connect(*r.relay));
    each->sync(r.papers);
    CHECK(each->names(r.papers) == path{"honest"});
    CHECK(each->ledger.head() == r.relay->core->ledger().head());
  }
  CHECK(r.alice.ledger.workspace(later) != nullptr);
}

TEST_CASE("A31: where a restored relay took another change first, nothing is overwritten",
          "[A31]") {
  rig r;
  r.settle();
  const auto backup = copy_of(*r.relay->disk);
  const int ahead = GENERATE(1, 3);
  for (int i = 0; i < ahead; ++i) (void)r.create_workspace("alice's");
  const auto alices = r.alice.ledger.head();
  const auto old = restore(r, *backup);
  REQUIRE(r.bob.connect(*r.relay));
  REQUIRE(r.bob.append(
      [&](const ledger::author& a) { return ledger::make_workspace_created(a, "bob's"); }));
  const auto bobs = r.bob.ledger.head();
  REQUIRE(r.alice.connect(*r.relay));
  REQUIRE_FALSE(r.alice.noticed.evidence.empty());  // its greeting tells already
  CHECK(r.alice.noticed.evidence.back().what == ledger::contradiction::forked);
  const auto brought = r.alice.bring_forward();
  if (ahead == 1)
    CHECK(brought == 0U);  // it lacks nothing, by its height
  else
    CHECK(brought.error().code == errc::ledger_forked);
  CHECK(r.alice.ledger.head() == alices);
  CHECK(r.bob.ledger.head() == bobs);
  CHECK(r.relay->core->ledger().head() == bobs);
  // Both lines are told of, by the relay's own receipts.
  const auto foreign = *r.bob.ledger.record_at(bobs->seq);
  CHECK(r.alice.take(foreign).error().code == errc::ledger_forked);
  const auto report = incident::of_foreign_record(r.alice.ledger, foreign, 1);
  REQUIRE(report);
  CHECK(judged(r, *report, r.alice.ledger).relay);
}

TEST_CASE("A31: an organization moves by an Administrator's certificate, and everybody follows",
          "[A31]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"file"}, "kept"));
  r.settle();
  elsewhere there(r);
  CHECK(there.take(records_of(r.alice)) == r.alice.ledger.size());
  CHECK_FALSE(there.whole());
  const bool gone = GENERATE(false, true);  // the old relay cannot give its last word
  const auto named = there.naming_it(r.alice).value();
  if (gone) {
    const auto receipt =
        there.core->append(ledger::encode_certificate(named), there.node.receipt_key, *r.random);
    REQUIRE(r.alice.take({named, ledger::decode_receipt(receipt.value()).value()}));
  } else {
    CHECK(append_refusal(r.alice, named) == errc::unknown);
    REQUIRE(r.alice.pull_ledger());
    CHECK(there.take(records_of(r.alice, named.header.seq.value)) == 1U);
  }
  CHECK(there.whole());
  there.start();
  for (auto* each : r.members()) {
    if (gone) {
      // Nobody tells them where they look: they hear it of each other, or by hand.
      REQUIRE(each->take(*r.alice.ledger.record_at(named.header.seq)));
    } else {
      REQUIRE(each->pull_ledger());
    }
    CHECK(each->connect(*r.relay).error().code ==
          errc::bad_receipt);  // the old one is none any more
    REQUIRE(each->connect(there.node));
    each->sync(r.papers);
    CHECK(each->noticed.evidence.empty());
  }
  for (auto* each : r.members()) each->sync(r.papers);
  auto& fresh = r.devices.emplace_back(r, r.carol.who, r.relay->id);
  REQUIRE(fresh.connect(there.node));
  fresh.sync(r.papers);
  CHECK(fresh.read(r.papers, {"file"}) == "kept");
  for (auto& each : r.devices) each.disconnect();
}

TEST_CASE("A31: nobody else moves an organization, and no former relay orders it on", "[A31]") {
  rig r;
  r.settle();
  elsewhere there(r);
  REQUIRE(there.take(records_of(r.alice)));
  const auto head = r.alice.ledger.head();
  const auto refused_everywhere = [&](const ledger::certificate& c, const signing_key& by) {
    const ledger::statement said{c.header.organization,          1, c.header.seq, c.hash, 7,
                                 r.random->id<incarnation_id>(), {}};
    const auto added = r.carol.take({c, ledger::sign_statement(said, by)});
    REQUIRE_FALSE(added);
    CHECK(r.carol.ledger.head() == head);
    CHECK(r.carol.ledger.organization().receipt_key() == r.receipt_key.public_key());
    return added.error().code;
  };
  SECTION("by a member who is no Administrator") {
    const auto forged = forge(r.bob.ledger, r.bob.who, std::nullopt,
                              ledger::relay_set{1, there.node.receipt_key.public_key(), address});
    CHECK(append_refusal(r.bob, forged) == errc::not_administrator);
    CHECK(there.core->append(ledger::encode_certificate(forged), there.node.receipt_key, *r.random)
              .error()
              .code == errc::not_administrator);
    CHECK(refused_everywhere(forged, there.node.receipt_key) == errc::bad_receipt);
  }
  SECTION("in an Administrator's name") {
    auto forged = there.naming_it(r.alice).value();
    forged.signatures = {r.bob.who.signing.sign("keyfold/v1/certificate", forged.header_bytes)};
    CHECK(there.core->append(ledger::encode_certificate(forged), there.node.receipt_key, *r.random)
              .error()
              .code == errc::bad_signature);
    CHECK(refused_everywhere(forged, there.node.receipt_key) == errc::bad_receipt);
  }
  SECTION("a relay that the certificate does not name") {
    const auto named = there.naming_it(r.alice).value();
    elsewhere mallorys(r);
    REQUIRE(mallorys.take(records_of(r.alice)));
    CHECK(mallorys.core
              ->append(ledger::encode_certificate(named), mallorys.node.receipt_key, *r.random)
              .error()
              .code == errc::creation_refused);
    CHECK_FALSE(mallorys.whole());
    CHECK(refused_everywhere(named, mallorys.node.receipt_key) == errc::bad_receipt);
  }
  SECTION("with a ledger of which a signature was exchanged, or the end was cut") {
    elsewhere mallorys(r);
    auto spoilt = records_of(r.alice);
    spoilt[3].certificate.signatures[0].back() ^= 1;
    CHECK(mallorys.take(spoilt) == 3U);
    CHECK(mallorys.take(std::span(spoilt).subspan(3)).error().code == errc::bad_signature);
    const auto named = there.naming_it(r.alice).value();
    CHECK(
        mallorys.core->append(ledger::encode_certificate(named), there.node.receipt_key, *r.random)
            .error()
            .code == errc::stale_head);
  }
  SECTION("the old relay, once it has said its last word") {
    const auto named = there.naming_it(r.alice).value();
    CHECK(append_refusal(r.alice, named) == errc::unknown);
    for (auto* each : r.members()) REQUIRE(each->pull_ledger());
    // It gives more receipts all the same: for what comes after, or instead of the move.
    const auto after = forge(r.carol.ledger, r.alice.who, std::nullopt,
                             ledger::profile_changed{r.bob.who.user, ledger::profile::external});
    CHECK(r.carol.take(receipted(r, after)).error().code == errc::ledger_forked);
    auto instead = after;
    instead.header.seq = named.header.seq;
    instead.header.prev = named.header.prev;
    instead = ledger::sign_certificate(instead.header, ledger::decode_body(*instead.body).value(),
                                       {}, r.alice.who.signing);
    const auto forked = receipted(r, instead);
    CHECK(r.carol.take(forked).error().code == errc::ledger_forked);
    const auto report = incident::of_foreign_record(r.carol.ledger, forked, 1);
    REQUIRE(report);
    CHECK(judged(r, *report, r.carol.ledger).relay);
    CHECK(append_refusal(r.bob, after) == errc::relay_moved);  // the real one does not
  }
}

TEST_CASE("A13: withheld entries are kept as an incident, and convict nobody", "[A13]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"hidden"}, "x"));
  r.bob.sync(r.papers);
  r.attacker = lying_feeds([&](const std::string& to, bytes& e) {
    return to != "carol" || feed::decode_entry(e)->header.device != r.bob.who.device;
  });
  r.alice.sync(r.papers);
  CHECK(r.alice.put(r.papers, {"hers"}, "knows bob's"));
  r.alice.sync(r.papers);
  r.carol.sync(r.papers);
  REQUIRE(r.carol.noticed.withheld.size() == 1U);
  const auto report =
      incident::of_withheld(r.carol.ledger.id(), r.papers, r.carol.noticed.withheld, 1);
  CHECK_FALSE(incident::convicts(report.what));
  CHECK(incident::make_proof(report, r.carol.ledger).error().code == errc::no_contradiction);
}

TEST_CASE("A12: a flood of what convicts nobody does not push the evidence out", "[A12]") {
  rig r;
  relay_node second(*r.relay, copy_of(*r.relay->disk));
  (void)r.create_workspace("shown to alice");
  REQUIRE(r.bob.connect(second));
  REQUIRE(r.bob.append(
      [&](const ledger::author& a) { return ledger::make_workspace_created(a, "to bob"); }));
  const auto foreign = *r.alice.ledger.record_at(r.alice.ledger.head()->seq);
  const auto proof = incident::of_foreign_record(r.bob.ledger, foreign, 1).value();
  const auto disk = db::memory_store();
  incident::book book(*disk, {'I'});
  REQUIRE(book.put(proof));
  // A member hands on records with wrong signatures, and the relay names entries that it does not give, without end.
  for (std::uint64_t i = 0; i < incident::max_kept + 200; ++i) {
    auto spoilt = foreign;
    r.random->fill(spoilt.certificate.signatures[0]);
    REQUIRE(
        book.put(incident::of_unsigned_record(spoilt, errc::bad_signature, i, r.carol.who.device)));
    const std::array none{r.random->id<entry_hash>()};
    REQUIRE(book.put(incident::of_withheld(r.bob.ledger.id(), r.papers, none, i)));
  }
  CHECK(book.list()->size() ==
        incident::max_kept + 2);  // one of the certificate, however it is spoilt
  const auto kept = book.find(incident::id_of(proof)).value();
  REQUIRE(kept);
  CHECK(judged(r, *kept, r.bob.ledger).relay);
}
