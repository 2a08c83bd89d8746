// One test per refusal of an organization's certificates (DESIGN 4.2, 4.3).
#include "tests/support/organization.hpp"

using namespace keyfold;
using namespace keyfold::ledger;
using keyfold::tests::organization;
using keyfold::tests::person;

namespace {

errc refusal_of(const organization& o, const certificate& c) {
  const auto result = o.state.check(c);
  REQUIRE_FALSE(result);
  return result.error().code;
}

/// What the rules say to alice's certificate that adds bob, changed in one way.
errc refusal_of_user_added(const std::function<void(organization&, user_added&)>& change,
                           profile as = profile::member) {
  organization o;
  const auto bob = o.make_person("bob");
  const auto right = o.as(o.alice, [&](auto a) { return make_user_added(a, o.draft_of(bob, as)); });
  REQUIRE(o.state.check(right.value()));
  return refusal_of(
      o, o.altered(*right, o.alice, [&](body& b) { change(o, std::get<user_added>(b.what)); }));
}

errc refusal_of_genesis(const std::function<void(organization&, genesis&)>& change) {
  organization o;
  const auto c = o.altered(o.records[0].certificate, o.alice,
                           [&](body& b) { change(o, std::get<genesis>(b.what)); });
  const auto result = state(o.state.id()).check(c);
  REQUIRE_FALSE(result);
  return result.error().code;
}

certificate device_of(organization& o, const person& by, const person& device, user_id user) {
  const device_draft draft{device.device, device.signing.public_key(), device.link.public_key(),
                           "phone"};
  const auto c = o.as(by, [&](auto a) { return make_device_added(a, draft); });
  return o.altered(c.value(), by, [&](body& b) { std::get<device_added>(b.what).user = user; });
}

}  // namespace

TEST_CASE("an organization's name and the relay's addresses are text within limits") {
  CHECK(refusal_of_genesis([](auto&, genesis& g) { g.name = ""; }) == errc::bad_organization_name);
  CHECK(refusal_of_genesis([](auto&, genesis& g) { g.name = "a/b"; }) ==
        errc::bad_organization_name);
  CHECK(refusal_of_genesis([](auto&, genesis& g) { g.name = "a\n"; }) ==
        errc::bad_organization_name);
  CHECK(refusal_of_genesis([](auto&, genesis& g) { g.name = "\xff"; }) ==
        errc::bad_organization_name);
  CHECK(refusal_of_genesis([](auto&, genesis& g) { g.addresses.clear(); }) == errc::bad_addresses);
  CHECK(refusal_of_genesis([](auto&, genesis& g) { g.addresses = {""}; }) == errc::bad_addresses);
}

TEST_CASE("a genesis of another root key, author, epoch or with a key twice is refused") {
  CHECK(refusal_of_genesis([](auto& o, genesis& g) {
          g.root_key = signing_key::generate(o.random()).public_key();
        }) == errc::wrong_root);
  CHECK(refusal_of_genesis([](auto& o, genesis& g) {
          g.device.id = o.random().template id<device_id>();
        }) == errc::wrong_author);
  CHECK(refusal_of_genesis([](auto&, genesis& g) { g.handle.epoch = {1}; }) == errc::wrong_epoch);
  CHECK(refusal_of_genesis([](auto&, genesis& g) { g.receipt_key = g.root_key; }) ==
        errc::key_reused);
}

TEST_CASE("a genesis that the root key did not sign is refused") {
  organization o;
  auto c = o.records[0].certificate;
  c.signatures[1] = o.alice.signing.sign("keyfold/v1/genesis", c.header_bytes);
  CHECK(state(o.state.id()).check(c).error().code == errc::bad_signature);
  c.signatures.pop_back();
  CHECK(state(o.state.id()).check(c).error().code == errc::wrong_signatures);
}

TEST_CASE("a second genesis, and a ledger that begins otherwise, are refused") {
  organization o;
  const auto again = std::get<genesis>(o.state.effective_body_at({0})->what);
  CHECK(refusal_of(o, o.statement(o.alice, std::nullopt, again)) == errc::genesis_misplaced);
  header h;
  h.organization = o.state.id();
  h.author = o.alice.device;
  const auto first =
      sign_certificate(h, {1, profile_changed{o.alice.user, profile::member}}, {}, o.alice.signing);
  CHECK(state(o.state.id()).check(first).error().code == errc::genesis_misplaced);
}

TEST_CASE("a kind in a scope where it does not belong is refused") {
  organization o;
  const auto bob = o.add("bob");
  const auto workspace = o.create_workspace(o.alice);
  CHECK(refusal_of(o, o.statement(o.alice, workspace,
                                  profile_changed{bob.user, profile::administrator})) ==
        errc::wrong_scope);
  CHECK(refusal_of(o, o.statement(o.alice, std::nullopt,
                                  role_changed{bob.user, role::reader, {}, {}, {}})) ==
        errc::wrong_scope);
  auto created = o.as(o.alice, [](auto a) { return make_workspace_created(a, "other"); });
  const auto moved = o.altered(created.value(), o.alice, [&](body& b) {
    std::get<workspace_created>(b.what).workspace = o.random().id<workspace_id>();
  });
  CHECK(refusal_of(o, moved) == errc::wrong_scope);
}

TEST_CASE("a certificate by a device that nobody added is refused") {
  organization o;
  const auto mallory = o.make_person("mallory");
  CHECK(refusal_of(o, o.statement(mallory, std::nullopt,
                                  profile_changed{o.alice.user, profile::member})) ==
        errc::author_unknown);
}

TEST_CASE("a certificate signed by another device than its author is refused") {
  organization o;
  const auto bob = o.add("bob");
  auto c = o.statement(o.alice, std::nullopt, profile_changed{bob.user, profile::administrator});
  c.signatures = {bob.signing.sign("keyfold/v1/certificate", c.header_bytes)};
  CHECK(refusal_of(o, c) == errc::bad_signature);
  c.signatures = {};
  CHECK(refusal_of(o, c) == errc::wrong_signatures);
}

TEST_CASE("a revoked author's certificate is refused") {
  organization o;
  const auto bob = o.add("bob", profile::administrator);
  o.revoke(bob);
  CHECK(refusal_of(o, o.statement(bob, std::nullopt, user_revoked{o.alice.user, {}})) ==
        errc::author_revoked);
}

TEST_CASE("a certificate that does not extend the head is stale") {
  organization o;
  const auto bob = o.add("bob");
  auto late = o.statement(o.alice, std::nullopt, profile_changed{bob.user, profile::administrator});
  o.add("carol");
  CHECK(refusal_of(o, late) == errc::stale_head);
}

TEST_CASE("a certificate of another organization, without body or with another's is refused") {
  organization o;
  const organization other(2);
  const auto bob = o.add("bob");
  auto c = o.statement(o.alice, std::nullopt, profile_changed{bob.user, profile::administrator});
  CHECK(other.state.check(c).error().code == errc::wrong_organization);
  c.body = encode_body({2, profile_changed{bob.user, profile::administrator}});
  CHECK(refusal_of(o, c) == errc::body_mismatch);
  c.body = std::nullopt;
  CHECK(refusal_of(o, c) == errc::body_missing);
}

TEST_CASE("only an Administrator adds users, changes profiles and revokes") {
  organization o;
  const auto bob = o.add("bob");
  const auto carol = o.add("carol");
  const auto dave = o.make_person("dave");
  const auto by_bob =
      o.as(bob, [&](auto a) { return make_user_added(a, o.draft_of(dave, profile::member)); });
  CHECK(by_bob.error().code == errc::not_administrator);
  CHECK(refusal_of(o, o.statement(bob, std::nullopt,
                                  profile_changed{carol.user, profile::administrator})) ==
        errc::not_administrator);
  CHECK(refusal_of(o, o.statement(bob, std::nullopt, user_revoked{carol.user, {}})) ==
        errc::not_administrator);
}

TEST_CASE("a user or device is added once, with keys of his own") {
  CHECK(refusal_of_user_added([](auto& o, user_added& u) { u.user = o.alice.user; }) ==
        errc::user_exists);
  CHECK(refusal_of_user_added([](auto& o, user_added& u) { u.device.id = o.alice.device; }) ==
        errc::device_exists);
  CHECK(refusal_of_user_added([](auto& o, user_added& u) {
          u.user_key = o.alice.key.public_key();
        }) == errc::key_reused);
  CHECK(refusal_of_user_added([](auto& o, user_added& u) {
          u.user_key = o.alice.link.public_key();
        }) == errc::key_reused);
  CHECK(refusal_of_user_added([](auto&, user_added& u) { u.user_key = u.device.link_key; }) ==
        errc::key_reused);
  CHECK(refusal_of_user_added([](auto& o, user_added& u) {
          u.device.signing_key = o.alice.signing.public_key();
        }) == errc::key_reused);
  CHECK(refusal_of_user_added([](auto& o, user_added& u) {
          u.device.link_key = o.alice.link.public_key();
        }) == errc::key_reused);
  CHECK(refusal_of_user_added([](auto& o, user_added& u) {
          u.device.signing_key = o.root.public_key();
        }) == errc::key_reused);
}

TEST_CASE("the directory's key is given to Administrators and Members, not to an External") {
  CHECK(refusal_of_user_added([](auto&, user_added& u) { u.directory_row.reset(); }) ==
        errc::row_missing);
  CHECK(refusal_of_user_added([](auto&, user_added& u) { u.directory_row = bytes{1}; },
                              profile::external) == errc::row_unexpected);
}

TEST_CASE("a handle or label under another directory epoch is refused") {
  CHECK(refusal_of_user_added([](auto&, user_added& u) { u.handle.epoch = {1}; }) ==
        errc::wrong_epoch);
  CHECK(refusal_of_user_added([](auto&, user_added& u) { u.device.label.epoch = {7}; }) ==
        errc::wrong_epoch);
}

TEST_CASE("after a revocation the directory is rotated before a user is added") {
  organization o;
  const auto bob = o.add("bob");
  const auto carol = o.make_person("carol");
  const auto early =
      o.as(o.alice, [&](auto a) { return make_user_added(a, o.draft_of(carol, profile::member)); });
  o.revoke(bob);
  const auto add_carol = [&] {
    return o.as(o.alice,
                [&](auto a) { return make_user_added(a, o.draft_of(carol, profile::member)); });
  };
  CHECK(add_carol().error().code == errc::rotation_due);
  const auto body = decode_body(*early->body).value();
  CHECK(refusal_of(o, o.statement(o.alice, std::nullopt, body.what)) == errc::rotation_due);
  o.push(o.as(o.alice, [](auto a) { return make_directory_rotation(a); }));
  CHECK(refusal_of(o, o.statement(o.alice, std::nullopt, body.what)) == errc::wrong_epoch);
  o.push(add_carol());
}

TEST_CASE("an External's revocation does not make a directory rotation due") {
  organization o;
  o.revoke(o.add("bob", profile::external));
  CHECK_FALSE(o.state.organization().directory_rotation_due());
}

TEST_CASE("a Member rotates the directory only when it is due, an External never") {
  organization o;
  const auto bob = o.add("bob");
  const auto carol = o.add("carol");
  const auto eve = o.add("eve", profile::external);
  const auto rotate = [&](const person& by) {
    return o.as(by, [](auto a) { return make_directory_rotation(a); });
  };
  CHECK(rotate(bob).error().code == errc::rotation_not_due);
  CHECK(rotate(eve).error().code == errc::profile_forbids);
  CHECK(rotate(o.alice));
  o.revoke(carol);
  o.push(rotate(bob));
  CHECK(rotate(bob).error().code == errc::rotation_not_due);
}

TEST_CASE("a directory rotation is to the next epoch, with its public key and a row a reader") {
  organization o;
  o.add("bob");
  o.add("eve", profile::external);
  const auto right = o.as(o.alice, [](auto a) { return make_directory_rotation(a); }).value();
  const auto wrong = [&](const std::function<void(rotation&)>& change) {
    return refusal_of(o, o.altered(right, o.alice, [&](body& b) {
      change(std::get<key_rotated>(b.what).rotation);
    }));
  };
  CHECK(wrong([](rotation& r) { r.epoch = {2}; }) == errc::wrong_epoch);
  CHECK(wrong([](rotation& r) { r.epoch = {0}; }) == errc::wrong_epoch);
  CHECK(wrong([](rotation& r) { r.rows_count = 3; }) == errc::wrong_row_count);
  CHECK(wrong([](rotation& r) { r.directory_key.reset(); }) == errc::wrong_directory_key);
  CHECK(o.push(right).certificate.header.seq.value == 3);
}

TEST_CASE("a device is added by its own user, once, with fresh keys and the label's epoch") {
  organization o;
  const auto bob = o.add("bob");
  auto phone = o.make_person("phone");
  CHECK(refusal_of(o, device_of(o, bob, phone, o.alice.user)) == errc::not_own_device);
  const auto right = device_of(o, bob, phone, bob.user);
  const auto wrong = [&](const std::function<void(new_device&)>& change) {
    return refusal_of(
        o, o.altered(right, bob, [&](body& b) { change(std::get<device_added>(b.what).device); }));
  };
  CHECK(wrong([&](new_device& d) { d.id = o.alice.device; }) == errc::device_exists);
  CHECK(wrong([&](new_device& d) { d.link_key = o.alice.key.public_key(); }) == errc::key_reused);
  CHECK(wrong([&](new_device& d) { d.signing_key = bob.signing.public_key(); }) ==
        errc::key_reused);
  CHECK(wrong([&](new_device& d) { d.signing_key.value = d.link_key.value; }) == errc::key_reused);
  CHECK(wrong([](new_device& d) { d.label.epoch = {4}; }) == errc::wrong_epoch);
  o.push(right);
  CHECK(o.state.find_device(phone.device)->user == bob.user);
  CHECK(o.state.organization().user(bob.user)->devices.size() == 2);
}

TEST_CASE("a profile changes between Administrator and Member, and not one's own") {
  organization o;
  const auto bob = o.add("bob");
  const auto eve = o.add("eve", profile::external);
  const auto change = [&](user_id user, profile to) {
    return o.state.check(o.statement(o.alice, std::nullopt, profile_changed{user, to}));
  };
  CHECK(change(o.alice.user, profile::member).error().code == errc::own_profile);
  CHECK(change(o.random().id<user_id>(), profile::member).error().code == errc::user_unknown);
  CHECK(change(bob.user, profile::external).error().code == errc::external_profile);
  CHECK(change(eve.user, profile::member).error().code == errc::external_profile);
  CHECK(change(bob.user, profile::member).error().code == errc::nothing_changed);
  o.push(o.as(o.alice,
              [&](auto a) { return make_profile_changed(a, bob.user, profile::administrator); }));
  CHECK(o.state.organization().user(bob.user)->profile() == profile::administrator);
  o.revoke(bob);
  CHECK(change(bob.user, profile::member).error().code == errc::user_is_revoked);
}

TEST_CASE("an Administrator revokes others, once, and never himself") {
  organization o;
  const auto bob = o.add("bob");
  const auto revoke = [&](user_id user) {
    return o.state.check(o.statement(o.alice, std::nullopt, user_revoked{user, {}}));
  };
  CHECK(revoke(o.alice.user).error().code == errc::revokes_himself);
  CHECK(revoke(o.random().id<user_id>()).error().code == errc::user_unknown);
  o.revoke(bob);
  CHECK(revoke(bob.user).error().code == errc::user_is_revoked);
}

TEST_CASE("handles, labels and names that are no text are not sealed") {
  organization o;
  auto who = o.make_person("bob");
  auto draft = o.draft_of(who, profile::member);
  const auto add = [&] { return o.as(o.alice, [&](auto a) { return make_user_added(a, draft); }); };
  draft.handle.email = "nowhere";
  CHECK(add().error().code == errc::bad_handle);
  draft = o.draft_of(who, profile::member);
  draft.handle.name = std::string(300, 'x');
  CHECK(add().error().code == errc::bad_handle);
  draft = o.draft_of(who, profile::member);
  draft.device.label = "";
  CHECK(add().error().code == errc::bad_label);
  for (const auto* name : {"", "a/b", "a:b", "a\tb"})
    CHECK(o.as(o.alice, [&](auto a) { return make_workspace_created(a, name); }).error().code ==
          errc::bad_workspace_name);
}
