#include "store/ledger/author.hpp"

#include <rapidcheck.h>

#include "store/ledger/relay_rules.hpp"
#include "tests/support/organization.hpp"

using namespace keyfold;
using namespace keyfold::ledger;
using keyfold::tests::organization;
using keyfold::tests::person;

TEST_CASE("after a lost race the same function makes it anew, or says that nothing is left to do") {
  organization o;
  const auto bob = o.add("bob");
  const auto papers = o.create_workspace(o.alice);
  const auto grant = [&](role to) {
    return o.as(o.alice, [&](auto a) { return make_role_changed(a, papers, bob.user, to); });
  };
  const auto lost = grant(role::reader);
  o.rotate(o.alice, papers);
  CHECK(o.state.check(*lost).error().code == errc::stale_head);
  o.push(grant(role::reader));
  CHECK(o.keys_of(bob).workspace_key(papers, {1}) != nullptr);
  CHECK(grant(role::reader).error().code == errc::nothing_changed);
}

TEST_CASE("a removal has rows for exactly the remaining readers, and all earlier keys") {
  organization o;
  const auto bob = o.add("bob");
  const auto carol = o.add("carol");
  const auto papers = o.create_workspace(o.alice);
  o.share(o.alice, papers, bob, role::reader);
  o.share(o.alice, papers, carol, role::contributor);
  o.rotate(o.alice, papers);
  const auto removed = o.share(o.alice, papers, bob, role::none).certificate;
  const auto rows = decode_rows(*removed.attached.rows).value();
  REQUIRE(rows.size() == 2);
  CHECK(std::none_of(rows.begin(), rows.end(),
                     [&](const auto& row) { return row.user == bob.user; }));
  CHECK(decode_earlier(*removed.attached.earlier)->size() == 2);
  CHECK_FALSE(removed.attached.frontier);  // a Reader has written nothing
}

TEST_CASE("whether the user's heads are needed is known before") {
  organization o;
  const auto bob = o.add("bob");
  const auto papers = o.create_workspace(o.alice);
  o.share(o.alice, papers, bob, role::contributor);
  CHECK(takes_write(o.state, papers, bob.user, role::none));
  CHECK(takes_write(o.state, papers, bob.user, role::reader));
  CHECK_FALSE(takes_write(o.state, papers, bob.user, role::owner));
  CHECK_FALSE(takes_write(o.state, {}, bob.user, role::none));
}

TEST_CASE("nothing is written about a workspace of which a body is missing") {
  organization o;
  const auto bob = o.add("bob");
  const auto papers = o.create_workspace(o.alice);
  o.share(o.alice, papers, bob, role::owner);
  auto rotated = o.rotate(o.alice, papers);
  state bobs(o.state.id());
  for (std::size_t i = 0; i + 1 < o.records.size(); ++i) REQUIRE(bobs.add(o.records[i]));
  rotated.certificate.body.reset();
  rotated.certificate.attached = {};
  REQUIRE(bobs.add(rotated));
  keyring keys(bob.user, bob.key);
  keys.update(bobs);
  const author a{bobs, keys, bob.device, bob.signing, 1, o.random()};
  CHECK(make_key_rotated(a, papers).error().code == errc::body_missing);
  CHECK(make_role_changed(a, papers, o.alice.user, role::none).error().code == errc::body_missing);
}

TEST_CASE("a device that the ledger does not know authors nothing") {
  organization o;
  const auto mallory = o.make_person("mallory");
  CHECK(o.as(mallory, [](auto a) { return make_workspace_created(a, "x"); }).error().code ==
        errc::author_unknown);
  CHECK(
      o.as(mallory, [&](auto a) { return make_profile_changed(a, o.alice.user, profile::member); })
          .error()
          .code == errc::author_unknown);
}

TEST_CASE("a founder's names and addresses are checked") {
  organization o;
  const auto found = [&](auto change) {
    auto who = o.founder();
    change(who);
    return make_genesis(who, o.root, o.alice.signing, 1, o.random());
  };
  CHECK(found([](founder&) {}));
  CHECK(found([](founder& f) { f.name = "a:b"; }).error().code == errc::bad_organization_name);
  CHECK(found([](founder& f) { f.addresses.clear(); }).error().code == errc::bad_addresses);
  CHECK(found([](founder& f) { f.handle.email = ""; }).error().code == errc::bad_handle);
  CHECK(found([](founder& f) { f.label = ""; }).error().code == errc::bad_label);
}

namespace {

/// A crowd that does whatever the rules allow.
struct crowd : organization {
  explicit crowd(std::uint64_t seed) : organization(seed) {
    people = {alice, add("bob"), add("carol"), add("dave", profile::administrator),
              add("eve", profile::external)};
    workspaces = {create_workspace(people[1]), create_workspace(people[2], "music")};
  }
  const person& somebody() { return people[random().below(people.size())]; }
  workspace_id somewhere() { return workspaces[random().below(workspaces.size())]; }

  /// A random statement; most are refused.
  expected<certificate> statement_of(const author& a) {
    const auto& whom = somebody();
    switch (random().below(8)) {
      case 0:
        return make_key_rotated(a, somewhere());
      case 1:
        return make_directory_rotation(a);
      case 2:
        return make_profile_changed(
            a, whom.user, random().below(2) != 0 ? profile::member : profile::administrator);
      case 3:
        if (random().below(4) == 0) return make_user_revoked(a, whom.user, {});
        [[fallthrough]];
      default:
        return make_role_changed(a, somewhere(), whom.user, static_cast<role>(random().below(5)));
    }
  }
  std::vector<person> people;
  std::vector<workspace_id> workspaces;
};

/// The promises about keys: each reader has every epoch, and nobody one that began after he was gone.
bool keys_are_right(const crowd& o) {
  for (const auto& who : o.people) {
    keyring keys(who.user, who.key);
    if (!keys.update(o.state).empty()) return false;
    for (const auto workspace : o.workspaces) {
      const auto& fold = *o.state.workspace(workspace);
      const auto reads = [&](ledger_seq seq) { return may_read(fold.role_at(who.user, seq)); };
      const bool reads_now = reads(o.state.head()->seq);
      for (const auto& epoch : fold.epochs()) {
        const bool held = keys.workspace_key(workspace, epoch.epoch) != nullptr;
        if (reads_now && !held) return false;
        bool ever_since = false;
        for (auto seq = epoch.since; seq <= o.state.head()->seq; seq = seq.next())
          ever_since = ever_since || reads(seq);
        if (held && !ever_since) return false;
      }
    }
  }
  return true;
}

}  // namespace

TEST_CASE("whatever a crowd does, every reader has the keys and nobody else the later ones") {
  rc::check("crowd", [] {
    crowd o(*rc::gen::arbitrary<std::uint64_t>());
    for (int step = 0; step < 25; ++step) {
      const auto& who = o.somebody();
      const auto c = o.as(who, [&](const author& a) { return o.statement_of(a); });
      if (!c) continue;
      RC_ASSERT(check_append(o.state, *c, [](auto, auto) {
                  return std::vector<feed_head>{};
                }).has_value());
      o.force(*c);
    }
    RC_ASSERT(o.state.refused().empty());
    RC_ASSERT(keys_are_right(o));
    const auto& users = o.state.organization().users();
    RC_ASSERT(std::any_of(users.begin(), users.end(), [](const auto& u) {
      return !u.second.revoked && u.second.profile() == profile::administrator;
    }));
    for (const auto workspace : o.workspaces)
      RC_ASSERT(o.role_of(workspace, o.people[4]) <= role::contributor);
  });
}
