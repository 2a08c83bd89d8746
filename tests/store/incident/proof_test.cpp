#include "store/incident/proof.hpp"

#include "tests/store/incident/world.hpp"

using namespace keyfold;
using namespace keyfold::incident;
using keyfold::tests::lying_world;
using keyfold::tests::person;

namespace {

errc refused_with(const expected<judgement>& judged) {
  return judged ? errc::unknown : judged.error().code;
}

/// A file of any evidence and records, with the right hash.
bytes file_of(kind what, const bytes& proof, const std::vector<ledger::record>& records) {
  writer body;
  body.array(4).uint(1).uint(static_cast<std::uint8_t>(what)).raw(proof).array(records.size());
  for (const auto& r : records) body.bin(ledger::encode_record(r));
  const auto content = std::move(body).take();
  writer out;
  out.array(2).bin(content).bin(hash("keyfold/v1/incident-file", content));
  return std::move(out).take();
}

/// The body of a file, to be changed and hashed anew: the attacker can do that as well.
bytes body_of(const bytes& file) {
  auto in = reader::parse(file).value();
  in.array(2);
  return to_bytes(in.bin(max_proof_size));
}
bytes hashed(const bytes& body) {
  writer out;
  out.array(2).bin(body).bin(hash("keyfold/v1/incident-file", body));
  return std::move(out).take();
}

void check_proves(lying_world& w, const report& r, bool relay,
                  const std::optional<device_id>& device) {
  INFO(message_of(r));
  const auto file = make_proof(r, w.state);
  if (!file) FAIL(file.error().message);
  const auto judged = verify_proof(*file);
  REQUIRE(judged);
  CHECK(judged->proven.what == r.what);
  CHECK(judged->proven.why == r.why);
  CHECK(judged->proven.organization == w.state.id());
  CHECK(judged->proven.about == r.about);
  CHECK(judged->root == w.root.public_key());
  CHECK(judged->relay == relay);
  CHECK(judged->device == device);
  CHECK(message_of(judged->proven) == message_of(r));
  CHECK(id_of(judged->proven) == id_of(r));
}

}  // namespace

TEST_CASE("a file convinces somebody who knows the root key alone") {
  lying_world w;
  const auto nobody = std::optional<device_id>{};
  check_proves(w, w.forked_relay(), true, nobody);
  check_proves(w, w.stepped_back_relay(), true, nobody);
  check_proves(w, w.refused_certificate(), true, w.bob.device);
  check_proves(w, w.forked_feed(), false, w.bob.device);
  check_proves(w, w.invalid_entry(), false, w.bob.device);
  check_proves(w, w.mismatched_ledger(), true, w.bob.device);
  lying_world elsewhere;
  auto r = elsewhere.foreign_record();
  r.why = errc::unknown;  // of a relay's statements there is no rule
  check_proves(elsewhere, r, true, nobody);
}

TEST_CASE("a restored relay is nobody's guilt: who tells which statement came first?") {
  lying_world w;
  const auto r = w.restored_relay();
  CHECK_FALSE(convicts(r.what));
  CHECK(make_proof(r, w.state).error().code == errc::no_contradiction);
  // An honest relay was started between them; an old greeting is shown after a newer receipt.
  const auto old = w.hello(*w.state.head(), ++w.counter, w.random().id<incarnation_id>());
  const auto later = w.push(w.another());
  const auto lie = of_relay({ledger::contradiction::restored, later.receipt, old}, 1);
  CHECK(make_proof(lie, w.state).error().code == errc::no_contradiction);
  const auto file = file_of(kind::relay_restored, encode_evidence(lie.proof), {w.records[0]});
  CHECK(refused_with(verify_proof(file)) == errc::no_contradiction);
}

TEST_CASE("a report and its evidence come back as they were written") {
  lying_world w;
  for (const auto& r : {w.forked_relay(), w.stepped_back_relay(), w.refused_certificate(),
                        w.forked_feed(), w.invalid_entry(), w.mismatched_ledger()}) {
    const auto encoded = encode_report(r);
    const auto back = decode_report(encoded);
    REQUIRE(back);
    CHECK(encode_report(*back) == encoded);
    CHECK(id_of(*back) == id_of(r));
    CHECK(message_of(*back) == message_of(r));
  }
}

TEST_CASE("a file with any byte changed is refused") {
  lying_world w;
  for (const auto& r : {w.forked_relay(), w.forked_feed()}) {
    auto file = make_proof(r, w.state).value();
    for (auto& byte : file) {
      for (const int bit : {0, 7}) {
        byte ^= static_cast<std::uint8_t>(1 << bit);
        CHECK_FALSE(verify_proof(file));
        byte ^= static_cast<std::uint8_t>(1 << bit);
      }
    }
    file.push_back(0);
    CHECK_FALSE(verify_proof(file));
    file.resize(file.size() / 2);
    CHECK_FALSE(verify_proof(file));
  }
}

TEST_CASE("whoever changes a file and its hash convicts nobody else") {
  lying_world w;
  for (const auto& r : {w.forked_relay(), w.refused_certificate(), w.forked_feed(),
                        w.invalid_entry(), w.mismatched_ledger()}) {
    auto body = body_of(make_proof(r, w.state).value());
    for (std::size_t at = 0; at < body.size(); at += 7) {
      body[at] ^= 1;
      const auto judged = verify_proof(hashed(body));
      // A signature of a record that nothing depends on may be spoiled: it proves what it did.
      if (judged) {
        CHECK(judged->proven.what == r.what);
        CHECK(judged->proven.why == r.why);
        CHECK(judged->proven.about == r.about);
        CHECK(judged->root == w.root.public_key());
        CHECK(id_of(judged->proven) == id_of(r));
      }
      body[at] ^= 1;
    }
  }
}

TEST_CASE("a file carries no body and no row of a workspace") {
  lying_world w;
  const auto r = w.forked_relay();
  const auto later = w.draft(w.bob);
  const auto file = make_proof(of_fork(w.sign(w.bob, later), w.sign(w.bob, later), 1), w.state);
  const auto invalid = make_proof(w.mismatched_ledger(), w.state).value();
  REQUIRE(file);
  for (const auto& record : w.records) {
    const auto& c = record.certificate;
    const auto holds = [&](const bytes& part) {
      return std::search(invalid.begin(), invalid.end(), part.begin(), part.end()) != invalid.end();
    };
    CHECK(holds(c.header_bytes));
    CHECK(holds(*c.body) == !c.header.scope);
    if (c.attached.rows) CHECK_FALSE(holds(*c.attached.rows));
  }
  // For two entries of one place the ledger is needed up to the device alone.
  CHECK(verify_proof(*file)->ledger.seq == w.state.find_device(w.bob.device)->added);
}

TEST_CASE("an honest race proves nothing") {
  lying_world w;
  const auto lost = w.another();  // bob was first; alice's is made anew
  const auto first = w.push(w.another());
  const auto second = w.push(w.another());
  const auto r = of_relay({ledger::contradiction::forked, first.receipt, second.receipt}, 1);
  CHECK(make_proof(r, w.state).error().code == errc::no_contradiction);
  const auto file = file_of(kind::relay_forked, encode_evidence(r.proof), {w.records[0]});
  CHECK(refused_with(verify_proof(file)) == errc::no_contradiction);
  CHECK_FALSE(of_foreign_record(w.state, first, 1));
  const auto loser = of_foreign_record(w.state, {lost, first.receipt}, 1);
  REQUIRE(loser);
  CHECK(make_proof(*loser, w.state).error().code == errc::no_contradiction);
  // A hello of the head, again and again.
  const auto head = *w.state.head();
  const auto hello = w.hello(head, ++w.counter, w.incarnation);
  const auto again = of_relay({ledger::contradiction::stepped_back, second.receipt, hello}, 1);
  CHECK(make_proof(again, w.state).error().code == errc::no_contradiction);
}

TEST_CASE("statements that another relay signed prove nothing") {
  lying_world w;
  auto r = w.forked_relay();
  auto& words = std::get<relay_words>(r.proof);
  words.second = ledger::sign_statement(words.second.statement, w.root);
  CHECK(make_proof(r, w.state).error().code == errc::bad_receipt);
}

TEST_CASE("a record that follows what the relay did sign is no second ledger") {
  lying_world w;
  const auto first = w.push(w.another());
  const auto second = w.push(w.another());
  report r{kind::relay_forked, 1, w.state.id(), {}, {}, errc::unknown, {}};
  r.proof = relay_words{first.receipt, second.receipt, second.certificate.header_bytes};
  CHECK(make_proof(r, w.state).error().code == errc::no_contradiction);
  r.proof = relay_words{first.receipt, second.receipt, first.certificate.header_bytes};
  CHECK(make_proof(r, w.state).error().code == errc::no_contradiction);
}

TEST_CASE("an exchanged signature of a certificate convicts nobody: receipts do not cover it") {
  lying_world w;
  auto honest = w.push(w.as(w.alice, [](auto a) { return ledger::make_directory_rotation(a); }));
  const std::size_t at = GENERATE(0U, 5U);  // its algorithm, itself
  honest.certificate.signatures[0][at] ^= 1;
  honest.certificate.attached = {};
  std::vector<ledger::record> before(w.records.begin(), w.records.end() - 1);
  for (auto& record : before) record.certificate.attached = {};
  const auto file = file_of(kind::certificate_refused, encode_evidence(evidence(honest)), before);
  CHECK(refused_with(verify_proof(file)) == errc::no_contradiction);
}

TEST_CASE("an honest certificate cannot be made a broken one by spoiling those before it") {
  lying_world w;
  const auto carol = w.add("carol", ledger::profile::administrator);
  const auto honest =
      w.push(w.as(carol, [](auto a) { return ledger::make_directory_rotation(a); }));
  auto bare = honest;
  bare.certificate.attached = {};
  std::vector<ledger::record> before(w.records.begin(), w.records.end() - 1);
  for (auto& record : before) record.certificate.attached = {};
  const std::size_t at = GENERATE(0U, 5U);
  before.back().certificate.signatures[0][at] ^= 1;  // carol was never added, it says
  const auto file = file_of(kind::certificate_refused, encode_evidence(evidence(bare)), before);
  CHECK(ledger::is_unsigned(refused_with(verify_proof(file))));
}

TEST_CASE("an entry or certificate whose signature was exchanged says nothing about its author") {
  lying_world w;
  const auto e = w.sign(w.bob, w.draft(w.bob));
  for (const auto why : {errc::bad_signature, errc::unknown_algorithm, errc::author_unknown}) {
    const auto noted = of_invalid(e, why, w.holding({}), 1, w.alice.device);
    REQUIRE(noted);
    CHECK(noted->what == kind::entry_unsigned);
    CHECK(noted->about == w.alice.device);  // who brought it
  }
  auto spoilt = w.push(w.another());
  spoilt.certificate.signatures[0][5] ^= 1;
  const auto noted = of_unsigned_record(spoilt, errc::bad_signature, 1, w.bob.device);
  CHECK(noted.what == kind::certificate_unsigned);
  CHECK_FALSE(convicts(noted.what));
  CHECK(noted.about == w.bob.device);
  CHECK_FALSE(of_unsigned_record(spoilt, errc::bad_signature, 1).about);
  CHECK(make_proof(noted, w.state).error().code == errc::no_contradiction);
}

TEST_CASE("a certificate that is right cannot be shown as refused") {
  lying_world w;
  auto right = w.push(w.as(w.alice, [](auto a) { return ledger::make_directory_rotation(a); }));
  report r{kind::certificate_refused, 1, w.state.id(), w.alice.device, {}, errc::unknown, {}};
  right.certificate.attached = {};
  r.proof = right;
  CHECK(make_proof(r, w.state).error().code == errc::no_contradiction);
}

TEST_CASE("a workspace's rule cannot be shown to those who have not its certificates") {
  lying_world w;
  // Bob is a Contributor and gives himself a role, which no Contributor may.
  const auto c = w.statement(w.bob, w.papers,
                             ledger::role_changed{w.alice.user, ledger::role::none, {}, {}, {}});
  w.force(c);
  const auto r = of_refusal(w.state, w.state.refused().back(), 1);
  CHECK(r.what == kind::certificate_refused);
  CHECK_FALSE(std::get<ledger::record>(r.proof).certificate.body);
  CHECK(make_proof(r, w.state).error().code == errc::no_contradiction);
  const auto e = w.sign(w.bob, w.draft(w.bob));
  const auto forbidden = of_invalid(e, errc::author_could_not_write, w.holding({}), 1);
  CHECK(make_proof(*forbidden, w.state).error().code == errc::no_contradiction);
}

TEST_CASE("two entries convict their author only where both stand at one place and are his") {
  lying_world w;
  const auto h = w.draft(w.bob);
  const auto one = w.sign(w.bob, h);
  CHECK(make_proof(of_fork(one, one, 1), w.state).error().code == errc::no_contradiction);
  const auto next = w.sign(w.bob, w.draft(w.bob, &one));
  CHECK(make_proof(of_fork(one, next, 1), w.state).error().code == errc::no_contradiction);
  auto elsewhere = h;
  elsewhere.workspace.value[0] ^= 1;
  CHECK(make_proof(of_fork(one, w.sign(w.bob, elsewhere), 1), w.state).error().code ==
        errc::no_contradiction);
  CHECK(make_proof(of_fork(one, w.sign(w.alice, h), 1), w.state).error().code ==
        errc::bad_signature);
  auto foreign = h;
  foreign.organization.value[0] ^= 1;
  CHECK(make_proof(of_fork(one, w.sign(w.bob, foreign), 1), w.state).error().code ==
        errc::wrong_organization);
}

TEST_CASE("an entry's broken rules are shown by the headers that it names") {
  lying_world w;
  const auto first = w.sign(w.bob, w.draft(w.bob));
  const auto alices = w.sign(w.alice, w.draft(w.alice));
  const auto proves = [&](const feed::entry& e, std::vector<feed::entry> held) {
    const auto r = of_invalid(e, errc::unknown, w.holding(std::move(held)), 1);
    const auto file = make_proof(*r, w.state);
    return file ? verify_proof(*file)->proven.why : file.error().code;
  };
  auto h = w.draft(w.bob, &first);
  CHECK(proves(w.sign(w.bob, h), {first}) == errc::no_contradiction);  // it is a good one
  h.lamport = {1};
  CHECK(proves(w.sign(w.bob, h), {first}) == errc::wrong_lamport);
  CHECK(proves(w.sign(w.bob, h), {}) == errc::no_contradiction);  // what it names is not there
  h = w.draft(w.bob, &first);
  h.prev = alices.hash;
  CHECK(proves(w.sign(w.bob, h), {alices}) == errc::broken_chain);
  h = w.draft(w.bob, &first);
  h.ledger = w.records[1].certificate.position();
  CHECK(proves(w.sign(w.bob, h), {first}) == errc::position_went_back);
  h.ledger = w.records[0].certificate.position();
  h.seq = {0};
  h.prev = {};
  h.lamport = {1};
  CHECK(proves(w.sign(w.bob, h), {}) == errc::before_device);
  h = w.draft(w.bob, &first);
  h.lamport = {2};
  auto moved = alices.head();
  moved.seq = {4};
  CHECK(proves(w.sign(w.bob, h, {moved}), {first, alices}) == errc::seen_mismatch);
  // The list is the signed one.
  auto r = *of_invalid(w.sign(w.bob, w.draft(w.bob, &first)), errc::unknown, w.holding({first}), 1);
  std::get<broken_entry>(r.proof).entry.seen = feed::encode_seen({moved});
  CHECK(make_proof(r, w.state).error().code == errc::entry_hash_mismatch);
}

TEST_CASE("a file says which kind it proves, and proves no other") {
  lying_world w;
  auto r = w.forked_relay();
  const auto proof = encode_evidence(r.proof);
  CHECK(refused_with(verify_proof(file_of(kind::relay_restored, proof, {w.records[0]}))) ==
        errc::no_contradiction);
  CHECK(verify_proof(file_of(kind::relay_forked, proof, {w.records[0]})));
  CHECK(refused_with(verify_proof(file_of(kind::relay_forked, proof, {}))) == errc::malformed);
  CHECK(refused_with(verify_proof(file_of(kind::relay_forked, proof, {w.records[1]}))) ==
        errc::ledger_gap);
  CHECK(refused_with(verify_proof(file_of(static_cast<kind>(200), proof, {w.records[0]}))) ==
        errc::unknown_kind);
  CHECK_FALSE(verify_proof(bytes(10)));
}

TEST_CASE("another organization's genesis gives another root key") {
  lying_world w;
  tests::organization other(77);
  const auto r = w.forked_relay();
  const auto file = file_of(kind::relay_forked, encode_evidence(r.proof), {other.records.front()});
  CHECK_FALSE(verify_proof(file));
}

TEST_CASE("notes are kept, and prove nothing to others") {
  lying_world w;
  const auto r = of_withheld(w.state.id(), w.papers, std::vector<entry_hash>(100), 1);
  CHECK(std::get<note>(r.proof).entries.size() == max_noted);
  CHECK_FALSE(convicts(r.what));
  CHECK(make_proof(r, w.state).error().code == errc::no_contradiction);
  CHECK(refused_with(verify_proof(file_of(r.what, encode_evidence(r.proof), {w.records[0]}))) ==
        errc::no_contradiction);
}
