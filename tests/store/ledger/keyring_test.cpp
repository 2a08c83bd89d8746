#include "store/ledger/keyring.hpp"

#include "tests/support/organization.hpp"

using namespace keyfold;
using namespace keyfold::ledger;
using keyfold::tests::organization;
using keyfold::tests::person;

namespace {

struct shared : organization {
  shared() : bob(add("bob")), carol(add("carol")), papers(create_workspace(alice)) {
    share(alice, papers, bob, role::contributor);
  }
  /// A rotation whose attachments were changed before they were committed to.
  record rotation_with(
      const std::function<void(std::vector<key_row>&, std::vector<earlier_key>&)>& change) {
    const auto right = as(alice, [&](auto a) { return make_key_rotated(a, papers); }).value();
    auto rows = decode_rows(*right.attached.rows).value();
    auto earlier = decode_earlier(*right.attached.earlier).value();
    change(rows, earlier);
    auto b = decode_body(*right.body).value();
    auto& r = std::get<key_rotated>(b.what).rotation;
    const attachments attached{encode_rows(rows), encode_earlier(earlier), {}};
    const auto sorted = decode_rows(*attached.rows).value();
    r.rows_root = rows_root(sorted);
    r.earlier_hash = hash_of_earlier(*attached.earlier);
    return force(sign_certificate(right.header, b, attached, alice.signing));
  }
  std::vector<incident> incidents_of(const person& who) {
    keyring keys(who.user, who.key);
    return keys.update(state);
  }
  person bob, carol;
  workspace_id papers;
};

}  // namespace

TEST_CASE("members obtain the keys of the directory and of their workspaces, others don't") {
  shared o;
  const auto eve = o.add("eve", profile::external);
  const auto alices = o.keys_of(o.alice);
  const auto bobs = o.keys_of(o.bob);
  REQUIRE(alices.workspace_key(o.papers, {0}) != nullptr);
  REQUIRE(bobs.workspace_key(o.papers, {0}) != nullptr);
  CHECK(*alices.workspace_key(o.papers, {0}) == *bobs.workspace_key(o.papers, {0}));
  CHECK(*alices.directory_key({0}) == *bobs.directory_key({0}));
  CHECK(o.keys_of(o.carol).workspace_key(o.papers, {0}) == nullptr);
  CHECK(o.keys_of(eve).directory_key({0}) == nullptr);
  CHECK(o.incidents_of(o.alice).empty());
  CHECK(o.incidents_of(o.bob).empty());
}

TEST_CASE("a newcomer walks back to the earlier keys") {
  shared o;
  o.rotate(o.alice, o.papers);
  o.rotate(o.alice, o.papers);
  o.share(o.alice, o.papers, o.carol, role::reader);
  CHECK(o.keys_of(o.carol).epochs(o.papers).size() == 3);
  CHECK(*o.keys_of(o.carol).workspace_key(o.papers, {1}) ==
        *o.keys_of(o.bob).workspace_key(o.papers, {1}));
}

TEST_CASE("who was removed does not get the next key") {
  shared o;
  o.share(o.alice, o.papers, o.bob, role::none);
  CHECK(o.keys_of(o.bob).workspace_key(o.papers, {1}) == nullptr);
  CHECK(o.keys_of(o.alice).workspace_key(o.papers, {1}) != nullptr);
}

TEST_CASE("a user added after a directory rotation reads the handles sealed before") {
  shared o;
  o.revoke(o.bob);
  o.push(o.as(o.alice, [](auto a) { return make_directory_rotation(a); }));
  const auto dave = o.add("dave");
  const auto keys = o.keys_of(dave);
  CHECK(keys.epochs(std::nullopt).size() == 2);
  CHECK(keys.handle_of(*o.state.organization().user(o.bob.user))->email == "bob@example.org");
  CHECK(keys.handle_of(*o.state.organization().user(dave.user))->name == "dave");
  CHECK(o.keys_of(o.bob).directory_key({1}) == nullptr);
}

TEST_CASE("handles, labels, names and chunking secrets open for those who may") {
  shared o;
  const auto eve = o.add("eve", profile::external);
  const auto& org = o.state.organization();
  const auto bobs = o.keys_of(o.bob);
  CHECK(bobs.handle_of(*org.user(eve.user)).value() == human_handle{"eve@example.org", "eve"});
  CHECK(bobs.label_of(*org.device(eve.device)).value() == "eve's laptop");
  CHECK(bobs.label_of(*org.device(o.bob.device)).value() == "bob's laptop");
  CHECK(bobs.name_of(*o.state.workspace(o.papers)).value() == "papers");
  CHECK(bobs.chunking_of(*o.state.workspace(o.papers)).value() ==
        o.keys_of(o.alice).chunking_of(*o.state.workspace(o.papers)).value());
  const auto eves = o.keys_of(eve);
  CHECK(eves.label_of(*org.device(eve.device)).value() == "eve's laptop");
  CHECK(eves.label_of(*org.device(o.bob.device)).error().code == errc::key_not_held);
  CHECK(eves.handle_of(*org.user(eve.user)).error().code == errc::key_not_held);
  CHECK(eves.name_of(*o.state.workspace(o.papers)).error().code == errc::key_not_held);
}

TEST_CASE("a row that does not open is noticed by its reader and by every holder of the key") {
  shared o;
  const auto& bob = o.bob;
  o.rotation_with([&](auto& rows, auto&) {
    for (auto& row : rows)
      if (row.user == bob.user) row.row.back() ^= 1;
  });
  const auto bobs = o.incidents_of(bob);
  REQUIRE(bobs.size() == 1);
  CHECK(bobs[0].kind == incident_kind::row_does_not_open);
  CHECK(o.keys_of(bob).workspace_key(o.papers, {1}) == nullptr);
  const auto alices = o.incidents_of(o.alice);
  REQUIRE(alices.size() == 1);
  CHECK(alices[0].about == bob.user);
  CHECK(alices[0].workspace == o.papers);
}

TEST_CASE("a key that is not the committed one is noticed, and any member hands on the right one") {
  shared o;
  const auto& bob = o.bob;
  o.rotation_with([&](auto& rows, auto&) {
    for (auto& row : rows)
      if (row.user == bob.user)
        row.row = make_row(o.random().key(), bob.user, bob.key.public_key()).value();
  });
  keyring bobs(bob.user, bob.key);
  const auto incidents = bobs.update(o.state);
  REQUIRE(incidents.size() == 1);
  CHECK(incidents[0].kind == incident_kind::key_mismatch);
  CHECK(bobs.update(o.state).empty());  // told once
  const auto right = *o.keys_of(o.alice).workspace_key(o.papers, {1});
  CHECK(bobs.offer(o.state, o.papers, {1}, o.random().key()).error().code == errc::key_mismatch);
  CHECK(bobs.offer(o.state, o.papers, {2}, right).error().code == errc::key_mismatch);
  CHECK(bobs.offer(o.state, o.papers, {1}, right));
  CHECK(*bobs.workspace_key(o.papers, {1}) == right);
}

TEST_CASE("a reader without a row, and a row for somebody else, are noticed") {
  shared o;
  const auto& bob = o.bob;
  const auto& carol = o.carol;
  o.rotation_with([&](auto& rows, auto&) {
    for (auto& row : rows)
      if (row.user == bob.user) row = {carol.user, bytes{1, 2, 3}};
  });
  const auto incidents = o.incidents_of(o.alice);
  REQUIRE(incidents.size() == 2);
  for (const auto& i : incidents) {
    CHECK(i.kind == incident_kind::row_missing);
    CHECK((i.about == bob.user || i.about == carol.user));
  }
}

TEST_CASE(
    "an earlier key that is garbage is noticed by who holds the right one, and by who needs it") {
  shared o;
  o.rotation_with([&](auto&, auto& earlier) { earlier[0].sealed.back() ^= 1; });
  const auto bobs = o.incidents_of(o.bob);
  REQUIRE(bobs.size() == 1);
  CHECK(bobs[0].kind == incident_kind::earlier_mismatch);
  CHECK(bobs[0].epoch == epoch_number{0});
  o.share(o.alice, o.papers, o.carol, role::reader);
  CHECK(o.incidents_of(o.carol).size() == 1);
  CHECK(o.keys_of(o.carol).workspace_key(o.papers, {0}) == nullptr);
}

TEST_CASE("keys come when their certificate's body and rows come") {
  shared o;
  const auto rotated = o.rotate(o.alice, o.papers);
  state bobs(o.state.id());
  for (std::size_t i = 0; i + 1 < o.records.size(); ++i) REQUIRE(bobs.add(o.records[i]));
  keyring keys(o.bob.user, o.bob.key);
  keys.update(bobs);
  auto bare = rotated;
  bare.certificate.body.reset();
  bare.certificate.attached = {};
  REQUIRE(bobs.add(bare));
  keys.update(bobs);
  CHECK(keys.workspace_key(o.papers, {1}) == nullptr);
  REQUIRE(bobs.add(rotated));
  CHECK(keys.update(bobs).empty());
  CHECK(keys.workspace_key(o.papers, {1}) != nullptr);
}

TEST_CASE("who does not hold the key in force cannot give it on") {
  shared o;
  o.rotation_with([&](auto& rows, auto&) {
    for (auto& row : rows) row.row.back() ^= 1;
  });
  const auto grant = o.as(
      o.alice, [&](auto a) { return make_role_changed(a, o.papers, o.carol.user, role::reader); });
  CHECK(grant.error().code == errc::key_not_held);
  o.rotate(o.alice, o.papers);  // mends it
  o.share(o.alice, o.papers, o.carol, role::reader);
  CHECK(o.keys_of(o.carol).workspace_key(o.papers, {2}) != nullptr);
  CHECK(o.keys_of(o.carol).workspace_key(o.papers, {0}) != nullptr);
}

TEST_CASE("a row is the same from every holder of the key, and another for each key and user") {
  auto random = seeded_random(5);
  const auto key = random->key();
  const auto user = random->id<user_id>();
  const auto box = box_key::generate(*random);
  const auto row = make_row(key, user, box.public_key()).value();
  CHECK(row == make_row(key, user, box.public_key()).value());
  CHECK(row != make_row(random->key(), user, box.public_key()).value());
  CHECK(row != make_row(key, random->id<user_id>(), box.public_key()).value());
  CHECK(open_row(box, row).value() == key);
}

TEST_CASE("what is sealed for one place does not open in another") {
  auto random = seeded_random(6);
  const auto key = random->key();
  const auto here = random->id<workspace_id>();
  const auto there = random->id<workspace_id>();
  const auto name = seal_workspace_name(key, here, "papers", *random).value();
  CHECK(open_workspace_name(key, here, name).value() == "papers");
  CHECK_FALSE(open_workspace_name(key, there, name));
  const auto earlier = seal_earlier(key, here, {1}, random->key(), *random);
  CHECK(open_earlier(key, here, {1}, earlier));
  CHECK_FALSE(open_earlier(key, here, {2}, earlier));
  CHECK_FALSE(open_earlier(key, there, {1}, earlier));
  CHECK_FALSE(open_earlier(key, std::nullopt, {1}, earlier));
  CHECK(commitment_of(here, {1}, key) != commitment_of(std::nullopt, {1}, key));
  CHECK(commitment_of(here, {1}, key) != commitment_of(here, {2}, key));
}
