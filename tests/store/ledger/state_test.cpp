#include "store/ledger/state.hpp"

#include <rapidcheck.h>

#include "store/ledger/lacking.hpp"
#include "store/ledger/relay_rules.hpp"
#include "tests/support/organization.hpp"

using namespace keyfold;
using namespace keyfold::ledger;
using keyfold::tests::organization;
using keyfold::tests::person;

namespace {

record without_body(record r) {
  r.certificate.body.reset();
  r.certificate.attached = {};
  return r;
}

/// A ledger with everything in it: grants, a removal, a revocation, rotations.
struct busy : organization {
  busy() : bob(add("bob")), carol(add("carol")), dave(add("dave")) {
    papers = create_workspace(alice);
    music = create_workspace(bob, "music");
    share(alice, papers, bob, role::manager);
    share(bob, papers, carol, role::contributor);
    share(bob, music, dave, role::contributor);
    share(alice, papers, dave, role::reader);
    carols_head = head_of(carol, papers, 4);
    share(bob, papers, carol, role::none, {carols_head});
    daves_head = head_of(dave, music, 2);
    revoke(dave, {{music, {daves_head}}});
    rotate(bob, papers);
    share(alice, papers, carol, role::reader);
    rotate(bob, music);
    push(as(alice, [](auto a) { return make_directory_rotation(a); }));
  }
  person bob, carol, dave;
  workspace_id papers, music;
  signed_head carols_head, daves_head;
};

/// Whether two states answer every question in the same way.
bool same_answers(const busy& o, const state& a, const state& b) {
  if (a.head() != b.head() || a.workspaces() != b.workspaces()) return false;
  for (const auto workspace : {o.papers, o.music}) {
    for (std::uint64_t seq = 0; seq < a.size(); ++seq) {
      if (a.epoch_at(workspace, {seq}) != b.epoch_at(workspace, {seq})) return false;
      if (a.rotation_due_at(workspace, {seq}) != b.rotation_due_at(workspace, {seq})) return false;
      if (a.complete_at(workspace, {seq}) != b.complete_at(workspace, {seq})) return false;
      for (const auto* who : {&o.alice, &o.bob, &o.carol, &o.dave})
        if (a.role_at(workspace, who->user, {seq}) != b.role_at(workspace, who->user, {seq}))
          return false;
    }
    for (const auto* who : {&o.alice, &o.bob, &o.carol, &o.dave}) {
      const auto left = a.removals(workspace, who->user);
      const auto right = b.removals(workspace, who->user);
      const auto same = [](const removal& x, const removal& y) {
        return x.seq == y.seq && x.frontier_hash == y.frontier_hash && x.frontier == y.frontier;
      };
      if (!std::equal(left.begin(), left.end(), right.begin(), right.end(), same)) return false;
    }
  }
  return a.refused().size() == b.refused().size();
}

}  // namespace

TEST_CASE("roles, epochs and rotations are known as of each position") {
  organization o;
  const auto bob = o.add("bob");
  const auto papers = o.create_workspace(o.alice);
  const auto created = o.state.head()->seq;
  o.share(o.alice, papers, bob, role::contributor);
  const auto granted = o.state.head()->seq;
  o.share(o.alice, papers, bob, role::reader, {o.head_of(bob, papers)});
  o.revoke(bob);
  const auto revoked = o.state.head()->seq;
  o.rotate(o.alice, papers);
  const auto rotated = o.state.head()->seq;

  CHECK(o.state.role_at(papers, bob.user, created) == role::none);
  CHECK(o.state.role_at(papers, bob.user, granted) == role::contributor);
  CHECK(o.state.role_at(papers, bob.user, granted.next()) == role::reader);
  CHECK(o.state.role_at(papers, bob.user, revoked) == role::none);
  CHECK(o.state.epoch_at(papers, {created.value - 1}) == std::nullopt);
  CHECK(o.state.epoch_at(papers, revoked) == epoch_number{0});
  CHECK(o.state.epoch_at(papers, rotated) == epoch_number{1});
  CHECK_FALSE(o.state.rotation_due_at(papers, granted.next()));
  CHECK(o.state.rotation_due_at(papers, revoked));
  CHECK_FALSE(o.state.rotation_due_at(papers, rotated));
  CHECK(o.state.find_device(bob.device)->added.value == 1);
  CHECK(o.state.hash_at(rotated) == o.state.head()->hash);
  CHECK(o.state.hash_at(rotated.next()) == std::nullopt);
}

TEST_CASE("the loss of the right to write names its frontier") {
  busy o;
  const auto carols = o.state.removals(o.papers, o.carol.user);
  REQUIRE(carols.size() == 1);
  CHECK(carols[0].frontier == std::vector{organization::place_of(o.carols_head)});
  const auto daves = o.state.removals(o.music, o.dave.user);
  REQUIRE(daves.size() == 1);
  CHECK(daves[0].frontier == std::vector{organization::place_of(o.daves_head)});
  CHECK(o.state.removals(o.papers, o.dave.user).empty());  // a Reader loses no right to write
}

TEST_CASE("a revocation that does not name a workspace leaves an empty frontier there") {
  organization o;
  const auto bob = o.add("bob");
  const auto papers = o.create_workspace(bob);
  o.revoke(bob);
  const auto removals = o.state.removals(papers, bob.user);
  REQUIRE(removals.size() == 1);
  CHECK(removals[0].frontier == std::vector<feed_head>{});
}

TEST_CASE("rows and earlier keys that did not come with a rotation are asked for again") {
  organization o;
  const auto bob = o.add("bob");
  const auto eve = o.add("eve");
  const auto papers = o.create_workspace(o.alice);
  o.share(o.alice, papers, bob, role::reader);
  const auto rotated = o.rotate(o.alice, papers);
  state bobs(o.state.id());
  for (const auto& each : o.records) {
    auto came = each;
    if (came.certificate.hash == rotated.certificate.hash) came.certificate.attached.rows.reset();
    REQUIRE(bobs.add(came));
  }
  CHECK(bobs.lacking_bodies(bob.user) == std::vector{papers});
  CHECK(bobs.first_lacking(papers) == rotated.certificate.header.seq);
  CHECK(bobs.lacking_bodies(eve.user).empty());  // not for her
  REQUIRE(bobs.add(rotated)->filled);
  CHECK(bobs.lacking_bodies(bob.user).empty());
  CHECK(o.state.lacking_bodies(bob.user).empty());
}

TEST_CASE("bodies that come late, in any order, give the state of those that came at once") {
  const busy o;
  rc::check("late bodies", [&] {
    const auto held_back =
        *rc::gen::container<std::vector<bool>>(o.records.size(), rc::gen::arbitrary<bool>());
    state late(o.state.id());
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < o.records.size(); ++i) {
      const bool may_miss = o.records[i].certificate.header.scope.has_value() && held_back[i];
      if (may_miss) missing.push_back(i);
      RC_ASSERT(late.add(may_miss ? without_body(o.records[i]) : o.records[i]).has_value());
    }
    auto shuffled = missing;
    const auto keys =
        *rc::gen::container<std::vector<int>>(missing.size(), rc::gen::arbitrary<int>());
    std::sort(shuffled.begin(), shuffled.end(), [&](auto a, auto b) {
      const auto rank = [&](auto x) {
        return keys[static_cast<std::size_t>(std::find(missing.begin(), missing.end(), x) -
                                             missing.begin())];
      };
      return std::pair(rank(a), a) < std::pair(rank(b), b);
    });
    for (const auto i : shuffled) {
      const auto added = late.add(o.records[i]);
      RC_ASSERT(added.has_value());
      RC_ASSERT(added->filled);
    }
    RC_ASSERT(same_answers(o, o.state, late));
  });
}

TEST_CASE("a workspace's certificate never changes the organization") {
  const busy o;
  state blind(o.state.id());
  for (const auto& r : o.records)
    REQUIRE(blind.add(r.certificate.header.scope ? without_body(r) : r));
  CHECK(blind.head() == o.state.head());
  CHECK(blind.workspaces().empty());
  CHECK(blind.organization().users().size() == o.state.organization().users().size());
  CHECK(blind.organization().directory().size() == 2);
  CHECK_FALSE(blind.complete_at(o.papers, o.state.head()->seq));
}

TEST_CASE("a body withheld from a member stops his writing there and is pulled") {
  organization o;
  const auto bob = o.add("bob");
  const auto papers = o.create_workspace(o.alice);
  o.share(o.alice, papers, bob, role::contributor);
  state bobs(o.state.id());
  for (const auto& r : o.records) REQUIRE(bobs.add(r));
  CHECK(bobs.check_writable(papers, bob.user));
  const auto rotated = o.rotate(o.alice, papers);
  REQUIRE(bobs.add(without_body(rotated)));
  CHECK(bobs.missing_body(papers) == rotated.certificate.header.seq);
  CHECK(bobs.check_writable(papers, bob.user).error().code == errc::body_missing);
  CHECK(bobs.lacking_bodies(bob.user) == std::vector{papers});
  CHECK_FALSE(bobs.complete_at(papers, o.state.head()->seq));
  CHECK(bobs.complete_at(papers, {rotated.certificate.header.seq.value - 1}));
  const auto filled = bobs.add(rotated);
  CHECK(filled->filled);
  CHECK_FALSE(filled->advanced);
  CHECK(bobs.check_writable(papers, bob.user));
  CHECK(bobs.lacking_bodies(bob.user).empty());
  CHECK(bobs.epoch_at(papers, o.state.head()->seq) == epoch_number{1});
}

TEST_CASE("who is granted a role learns that the bodies before it are lacking") {
  organization o;
  const auto bob = o.add("bob");
  const auto papers = o.create_workspace(o.alice);
  const auto granted = o.share(o.alice, papers, bob, role::reader);
  state bobs(o.state.id());
  REQUIRE(bobs.add(o.records[0]));
  REQUIRE(bobs.add(o.records[1]));
  REQUIRE(bobs.add(without_body(o.records[2])));
  CHECK(bobs.lacking_bodies(bob.user).empty());
  REQUIRE(bobs.add(granted));
  CHECK(bobs.lacking_bodies(bob.user) == std::vector{papers});
  CHECK(bobs.check_writable(papers, bob.user).error().code == errc::body_missing);
}

TEST_CASE("who joins a workspace asks for the frontiers of those revoked before") {
  organization o;
  const auto bob = o.add("bob");
  const auto carol = o.add("carol");
  const auto papers = o.create_workspace(o.alice);
  o.share(o.alice, papers, bob, role::contributor);
  o.revoke(bob, {{papers, {o.head_of(bob, papers)}}});
  state carols(o.state.id());
  for (const auto& r : o.records)
    REQUIRE(carols.add(strip_for(o.state, r.certificate.header.seq, carol.user)));
  CHECK(carols.lacking_bodies(carol.user).empty());
  o.share(o.alice, papers, carol, role::reader);
  REQUIRE(carols.add(strip_for(o.state, o.state.head()->seq, carol.user)));
  CHECK(carols.lacking_bodies(carol.user) == std::vector{papers});
  CHECK(carols.first_lacking(papers) == ledger_seq{3});
  for (const auto seq : positions_about(o.state, papers))
    REQUIRE(carols.add(strip_for(o.state, seq, carol.user)));
  CHECK(carols.lacking_bodies(carol.user).empty());
  CHECK(carols.removals(papers, bob.user).at(0).frontier.value().size() == 1);
}

TEST_CASE("a receipted certificate that breaks a rule keeps its position and has no effect") {
  organization o;
  const auto bob = o.add("bob");
  const auto carol = o.add("carol");
  const auto papers = o.create_workspace(o.alice);
  o.force(o.statement(bob, std::nullopt, user_revoked{carol.user, {}}));
  o.force(o.statement(bob, papers, role_changed{bob.user, role::owner, bytes{1}, {}, {}}));
  o.force(o.statement(o.alice, papers, role_changed{o.alice.user, role::reader, {}, {}, {}}));
  CHECK_FALSE(o.state.organization().user(carol.user)->revoked);
  CHECK(o.role_of(papers, bob) == role::none);
  const auto refused = o.state.refused();
  REQUIRE(refused.size() == 3);
  CHECK(refused[0].why.code == errc::not_administrator);
  CHECK(refused[1].why.code == errc::own_role);
  CHECK(refused[2].why.code == errc::own_role);
  CHECK(refused[2].scope == papers);
  CHECK(o.state.effective_body_at(refused[0].position.seq) == nullptr);
  o.share(o.alice, papers, carol, role::reader);
  CHECK(o.role_of(papers, carol) == role::reader);
}

TEST_CASE("a record is none of the ledger until it comes with its author's signature") {
  const busy o;
  const std::vector<std::pair<errc, void (*)(std::vector<bytes>&)>> exchanged{
      {errc::bad_signature, [](auto& s) { s.back().back() ^= 1; }},
      {errc::unknown_algorithm, [](auto& s) { s.back().front() ^= 3; }},
      {errc::wrong_signatures, [](auto& s) { s.back().pop_back(); }},
      {errc::wrong_signatures, [](auto& s) { s.pop_back(); }},
  };
  state s(o.state.id());
  for (const auto& right : o.records) {
    for (const auto& [code, how] : exchanged) {
      auto wrong = right;
      how(wrong.certificate.signatures);
      const auto added = s.add(wrong);
      REQUIRE_FALSE(added);
      CHECK(added.error().code == code);
      CHECK(is_unsigned(code));
      CHECK(s.size() == right.certificate.header.seq.value);
    }
    REQUIRE(s.add(right));
  }
  CHECK(same_answers(o, s, o.state));
}

TEST_CASE("a body that comes late with another signature is taken, and the signature is not") {
  const busy o;
  state s(o.state.id());
  for (const auto& r : o.records) REQUIRE(s.add(r.certificate.header.scope ? without_body(r) : r));
  for (auto r : o.records) {
    const auto right = r.certificate.signatures;
    r.certificate.signatures.back().back() ^= 1;
    REQUIRE(s.add(r));
    CHECK(s.record_at(r.certificate.header.seq)->certificate.signatures == right);
  }
  CHECK(s.refused().empty());
  CHECK(same_answers(o, s, o.state));
}

TEST_CASE(
    "rows of the directory that did not come with a rotation are asked for by who may read it") {
  organization o;
  const auto bob = o.add("bob");
  const auto eve = o.add("eve", profile::external);
  o.push(o.as(o.alice, [](auto a) { return make_directory_rotation(a); }));
  const auto rotation = o.records.back();
  state s(o.state.id());
  for (auto r : o.records) {
    if (r.certificate.hash == rotation.certificate.hash) r.certificate.attached = {};
    REQUIRE(s.add(r));
  }
  const auto at = rotation.certificate.header.seq;
  CHECK(first_lacking_of_directory(s, bob.user) == at);
  CHECK_FALSE(first_lacking_of_directory(s, eve.user));
  CHECK_FALSE(first_lacking_of_directory(s, o.make_person("nobody").user));
  auto half = rotation;
  half.certificate.attached.earlier.reset();
  REQUIRE(s.add(half));
  CHECK(first_lacking_of_directory(s, bob.user) == at);
  keyring keys(bob.user, bob.key);
  (void)keys.update(s);
  REQUIRE(s.add(rotation));
  CHECK_FALSE(first_lacking_of_directory(s, bob.user));
  (void)keys.update(s);
  CHECK(keys.directory_key({1}) != nullptr);
  CHECK(keys.handle_of(*s.organization().user(bob.user)));
}

TEST_CASE("a malformed body under a receipt is kept as refused") {
  organization o;
  auto c = o.statement(o.alice, std::nullopt, profile_changed{o.alice.user, profile::member});
  c.body = bytes{0x93, 1, 2, 3};
  c.header.body_hash = hash_of_body(*c.body);
  c.header_bytes = ledger::encode_header(c.header);
  c.hash = ledger::hash_of_header(c.header_bytes);
  c.signatures = {o.alice.signing.sign("keyfold/v1/certificate", c.header_bytes)};
  o.force(c);
  REQUIRE(o.state.refused().size() == 1);
  CHECK(o.state.refused()[0].why.code == errc::malformed);
  o.add("bob");
}

TEST_CASE("what is no record of this ledger is refused and changes nothing") {
  organization o;
  o.add("bob");
  const organization other(2);
  state s(o.state.id());
  CHECK(s.add(other.records[0]).error().code == errc::wrong_organization);
  CHECK(s.add(o.records[1]).error().code == errc::ledger_gap);
  REQUIRE(s.add(o.records[0]));
  CHECK(s.add({o.records[1].certificate, o.records[0].receipt}).error().code == errc::bad_receipt);
  auto forged = o.records[1];
  forged.receipt = sign_statement(forged.receipt.statement, o.root);
  CHECK(s.add(forged).error().code == errc::bad_receipt);
  auto moved = o.records[1];
  moved.receipt.statement.term = 1;
  moved.receipt = sign_statement(moved.receipt.statement, o.relay);
  CHECK(s.add(moved).error().code == errc::bad_receipt);
  auto other_body = o.records[1];
  other_body.certificate.body->back() ^= 1;
  CHECK(s.add(other_body).error().code == errc::body_mismatch);
  CHECK(s.add(without_body(o.records[1])).error().code == errc::body_missing);
  CHECK(s.size() == 1);
  CHECK(s.add(o.records[1]));
  CHECK_FALSE(s.add(o.records[1])->advanced);
}

TEST_CASE("a second certificate under a receipt at one position is a fork, with evidence") {
  organization o;
  const auto bob = o.add("bob");
  const auto carol = o.make_person("carol");
  const auto left =
      o.as(o.alice, [&](auto a) { return make_user_added(a, o.draft_of(carol, profile::member)); });
  const auto right = o.as(
      o.alice, [&](auto a) { return make_user_added(a, o.draft_of(carol, profile::external)); });
  o.push(left);
  const auto forked = o.receipted(*right);
  CHECK(o.state.add(forked).error().code == errc::ledger_forked);
  CHECK(o.state.evidence_against(forked.receipt)->what == contradiction::forked);
  auto stranger = forked;
  stranger.receipt = sign_statement(stranger.receipt.statement, o.root);
  CHECK(o.state.add(stranger).error().code == errc::bad_receipt);

  state elsewhere(o.state.id());
  REQUIRE(elsewhere.add(o.records[0]));
  REQUIRE(elsewhere.add(o.records[1]));
  REQUIRE(elsewhere.add(forked));
  o.push(o.as(o.alice,
              [&](auto a) { return make_profile_changed(a, bob.user, profile::administrator); }));
  CHECK(elsewhere.add(o.records.back()).error().code == errc::ledger_forked);
}

TEST_CASE("an attachment that is not the body's is left out with an incident, and may come later") {
  organization o;
  const auto papers = o.create_workspace(o.alice);
  const auto rotated = o.as(o.alice, [&](auto a) { return make_key_rotated(a, papers); }).value();
  auto wrong = rotated;
  wrong.attached.rows = encode_rows({});
  state s = o.state;
  const auto added = s.add(o.receipted(wrong));
  REQUIRE(added);
  CHECK_FALSE(added->refused);
  REQUIRE(added->incidents.size() == 1);
  CHECK(added->incidents[0].kind == incident_kind::attachment_mismatch);
  CHECK_FALSE(s.record_at(rotated.header.seq)->certificate.attached.rows);
  CHECK(s.add(o.receipted(rotated))->filled);
  CHECK(s.record_at(rotated.header.seq)->certificate.attached.rows);
}

TEST_CASE("heads in a frontier that the user did not sign are ignored with an incident") {
  organization o;
  const auto bob = o.add("bob");
  const auto papers = o.create_workspace(o.alice);
  o.share(o.alice, papers, bob, role::contributor);
  const auto good = o.head_of(bob, papers);
  auto forged = o.head_of(bob, papers, 99);
  forged.signature = o.alice.signing.sign("keyfold/v1/entry", forged.header_bytes);
  const auto c = o.as(o.alice, [&](auto a) {
    return make_role_changed(a, papers, bob.user, role::none, {good, forged});
  });
  state s = o.state;
  const auto added = s.add(o.receipted(c.value()));
  REQUIRE(added->incidents.size() == 1);
  CHECK(added->incidents[0].kind == incident_kind::bad_frontier);
  CHECK(s.removals(papers, bob.user)[0].frontier == std::vector{organization::place_of(good)});
}

TEST_CASE("a copy of a state goes its own way") {
  organization o;
  const auto papers = o.create_workspace(o.alice);
  state before = o.state;
  const auto bob = o.add("bob");
  o.share(o.alice, papers, bob, role::reader);
  CHECK(before.organization().user(bob.user) == nullptr);
  CHECK(before.role_at(papers, bob.user, {100}) == role::none);
  before = o.state;
  CHECK(before.role_at(papers, bob.user, {100}) == role::reader);
}

TEST_CASE("a relay that gives the same records again and again is not asked for ever") {
  organization o;
  o.add("bob");
  state copy(o.state.id());
  REQUIRE(copy.add(o.records[0]));
  CHECK(next_pull(copy, ledger_seq{0}) == ledger_seq{1});
  REQUIRE(copy.add(o.records[0]));  // once more: it is held
  const auto again = next_pull(copy, ledger_seq{1});
  REQUIRE_FALSE(again);
  CHECK(again.error().code == errc::malformed);
}
