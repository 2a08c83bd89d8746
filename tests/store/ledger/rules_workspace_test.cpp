// One test per refusal of a workspace's certificates (DESIGN 4.3, 4.5).
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

/// alice owns a workspace; bob, carol and dave have the roles given (none: not shared).
struct shared_workspace : organization {
  explicit shared_workspace(role bobs = role::contributor, role carols = role::none)
      : bob(add("bob")),
        carol(add("carol")),
        dave(add("dave")),
        eve(add("eve", profile::external)),
        papers(create_workspace(alice)) {
    if (bobs != role::none) share(alice, papers, bob, bobs);
    if (carols != role::none) share(alice, papers, carol, carols);
  }
  auto change(const person& by, const person& of, role to) {
    return as(by, [&](auto a) { return make_role_changed(a, papers, of.user, to, {}); });
  }
  auto rotation_by(const person& by) {
    return as(by, [&](auto a) { return make_key_rotated(a, papers); });
  }
  person bob, carol, dave, eve;
  workspace_id papers;
};

errc code_of(const expected<certificate>& c) {
  REQUIRE_FALSE(c);
  return c.error().code;
}

}  // namespace

TEST_CASE("an External does not create workspaces") {
  shared_workspace o;
  CHECK(code_of(o.as(o.eve, [](auto a) { return make_workspace_created(a, "mine"); })) ==
        errc::profile_forbids);
}

TEST_CASE("a workspace is created once, with a sound chunk table") {
  shared_workspace o;
  const auto twice = o.state.effective_body_at(o.state.workspace(o.papers)->created_at())->what;
  CHECK(refusal_of(o, o.statement(o.alice, o.papers, twice)) == errc::workspace_exists);
  const auto right =
      o.as(o.alice, [](auto a) { return make_workspace_created(a, "other"); }).value();
  const auto with_table = [&](std::vector<chunk_class> table) {
    return refusal_of(o, o.altered(right, o.alice, [&](body& b) {
      std::get<workspace_created>(b.what).chunk_table = std::move(table);
    }));
  };
  constexpr auto all = ~std::uint64_t{0};
  CHECK(with_table({}) == errc::bad_chunk_table);
  CHECK(with_table({{1000, 1024, 2048, 4096}}) == errc::bad_chunk_table);
  CHECK(with_table({{all, 4096, 2048, 8192}}) == errc::bad_chunk_table);
  CHECK(with_table({{all, 1, 2048, 8192}}) == errc::bad_chunk_table);
  CHECK(with_table({{all, 1024, 2048, 8 << 20}}) == errc::bad_chunk_table);
  CHECK(with_table({{all, 1024, 2048, 4096}, {all, 1024, 2048, 4096}}) == errc::bad_chunk_table);
}

TEST_CASE("a role or rotation in a workspace that does not exist is refused") {
  shared_workspace o;
  const auto nowhere = o.random().id<workspace_id>();
  CHECK(refusal_of(o, o.statement(o.alice, nowhere,
                                  role_changed{o.bob.user, role::reader, bytes{1}, {}, {}})) ==
        errc::workspace_unknown);
  CHECK(refusal_of(o, o.statement(o.alice, nowhere, key_rotated{})) == errc::workspace_unknown);
  CHECK(code_of(o.as(o.alice, [&](auto a) { return make_key_rotated(a, nowhere); })) ==
        errc::workspace_unknown);
}

TEST_CASE("who is no Manager or Owner gives no roles") {
  for (const auto role : {role::none, role::reader, role::contributor}) {
    shared_workspace o(role);
    const auto c =
        o.statement(o.bob, o.papers, role_changed{o.carol.user, role::reader, bytes{1}, {}, {}});
    CHECK(refusal_of(o, c) == errc::role_insufficient);
  }
}

TEST_CASE("a Manager gives and takes Reader and Contributor only") {
  shared_workspace o(role::manager, role::reader);
  CHECK(o.change(o.bob, o.carol, role::contributor));
  CHECK(o.change(o.bob, o.carol, role::none));
  CHECK(o.change(o.bob, o.dave, role::reader));
  CHECK(code_of(o.change(o.bob, o.carol, role::manager)) == errc::manager_limits);
  CHECK(code_of(o.change(o.bob, o.dave, role::owner)) == errc::manager_limits);
  CHECK(code_of(o.change(o.bob, o.alice, role::none)) == errc::manager_limits);
}

TEST_CASE("an External is at most Contributor") {
  shared_workspace o;
  CHECK(o.change(o.alice, o.eve, role::contributor));
  CHECK(code_of(o.change(o.alice, o.eve, role::manager)) == errc::external_role);
  CHECK(code_of(o.change(o.alice, o.eve, role::owner)) == errc::external_role);
}

TEST_CASE("nobody changes his own role but to none, and the last Owner not even so") {
  shared_workspace o(role::manager);
  CHECK(code_of(o.change(o.bob, o.bob, role::owner)) == errc::own_role);
  CHECK(code_of(o.change(o.bob, o.bob, role::reader)) == errc::own_role);
  CHECK(code_of(o.change(o.alice, o.alice, role::contributor)) == errc::own_role);
  CHECK(code_of(o.change(o.alice, o.alice, role::none)) == errc::last_owner);
  CHECK(code_of(o.change(o.dave, o.dave, role::none)) == errc::role_insufficient);
  CHECK(o.change(o.bob, o.bob, role::none));
  o.share(o.alice, o.papers, o.carol, role::owner);
  CHECK(o.change(o.alice, o.alice, role::none));
}

TEST_CASE("the role that somebody has already is not given again") {
  shared_workspace o;
  CHECK(code_of(o.change(o.alice, o.bob, role::contributor)) == errc::nothing_changed);
  CHECK(code_of(o.change(o.alice, o.dave, role::none)) == errc::nothing_changed);
}

TEST_CASE("no role is given to or taken from somebody unknown or revoked") {
  shared_workspace o;
  auto stranger = o.make_person("stranger");
  CHECK(code_of(o.change(o.alice, stranger, role::reader)) == errc::user_unknown);
  o.revoke(o.bob);
  CHECK(code_of(o.change(o.alice, o.bob, role::reader)) == errc::user_is_revoked);
}

TEST_CASE("a grant carries the key exactly if the user could not read before") {
  shared_workspace o(role::reader);
  const auto grant = o.change(o.alice, o.carol, role::reader).value();
  CHECK(refusal_of(o, o.altered(grant, o.alice, [](body& b) {
          std::get<role_changed>(b.what).row.reset();
        })) == errc::row_missing);
  const auto raise = o.change(o.alice, o.bob, role::manager).value();
  CHECK(refusal_of(o, o.altered(raise, o.alice, [](body& b) {
          std::get<role_changed>(b.what).row = bytes{1};
        })) == errc::row_unexpected);
}

TEST_CASE("taking the right to read carries the next epoch, and nothing else does") {
  shared_workspace o(role::contributor, role::reader);
  const auto taken = o.change(o.alice, o.bob, role::none).value();
  const auto wrong = [&](const std::function<void(role_changed&)>& change) {
    return refusal_of(
        o, o.altered(taken, o.alice, [&](body& b) { change(std::get<role_changed>(b.what)); }));
  };
  CHECK(wrong([](role_changed& r) { r.rotation.reset(); }) == errc::rotation_missing);
  CHECK(wrong([](role_changed& r) { r.rotation->epoch = {2}; }) == errc::wrong_epoch);
  CHECK(wrong([](role_changed& r) { r.rotation->rows_count = 3; }) == errc::wrong_row_count);
  CHECK(wrong([&](role_changed& r) { r.rotation->directory_key = o.bob.key.public_key(); }) ==
        errc::wrong_directory_key);
  CHECK(wrong([](role_changed& r) { r.role = role::reader; }) == errc::rotation_unexpected);
}

TEST_CASE("taking the right to write names a frontier, and nothing else does") {
  shared_workspace o(role::contributor, role::reader);
  const auto lowered = o.change(o.alice, o.bob, role::reader).value();
  CHECK(refusal_of(o, o.altered(lowered, o.alice, [](body& b) {
          std::get<role_changed>(b.what).frontier_hash.reset();
        })) == errc::frontier_missing);
  const auto raised = o.change(o.alice, o.carol, role::contributor).value();
  CHECK(refusal_of(o, o.altered(raised, o.alice, [](body& b) {
          std::get<role_changed>(b.what).frontier_hash.emplace();
        })) == errc::frontier_unexpected);
}

TEST_CASE("who leaves makes no key: a rotation becomes due instead") {
  shared_workspace o(role::contributor, role::reader);
  const auto taken = o.change(o.alice, o.bob, role::none).value();
  const auto rotation = std::get<role_changed>(decode_body(*taken.body)->what).rotation;
  const auto leave = o.change(o.bob, o.bob, role::none).value();
  CHECK(refusal_of(o, o.altered(leave, o.bob, [&](body& b) {
          std::get<role_changed>(b.what).rotation = rotation;
        })) == errc::rotation_unexpected);
  o.push(leave);
  CHECK(o.state.rotation_due_at(o.papers, o.state.head()->seq));
  o.rotate(o.alice, o.papers);
  CHECK_FALSE(o.state.rotation_due_at(o.papers, o.state.head()->seq));
}

TEST_CASE("Managers and Owners rotate any time, Readers never") {
  shared_workspace o(role::manager, role::reader);
  CHECK(o.rotation_by(o.alice));
  CHECK(o.rotation_by(o.bob));
  CHECK(code_of(o.rotation_by(o.carol)) == errc::role_insufficient);
  CHECK(code_of(o.rotation_by(o.dave)) == errc::role_insufficient);
}

TEST_CASE("a Contributor rotates when it is due, and once more per removal if another did it") {
  shared_workspace o(role::contributor, role::contributor);
  CHECK(code_of(o.rotation_by(o.bob)) == errc::rotation_not_due);
  o.share(o.alice, o.papers, o.dave, role::reader);
  o.revoke(o.dave);
  o.push(o.rotation_by(o.bob));
  CHECK(code_of(o.rotation_by(o.bob)) == errc::rotation_not_due);
  o.push(o.rotation_by(o.carol));
  CHECK(code_of(o.rotation_by(o.carol)) == errc::rotation_not_due);
  CHECK(code_of(o.rotation_by(o.bob)) == errc::rotation_not_due);
}

TEST_CASE("a rotation is to the next epoch, with a row for each reader and no directory key") {
  shared_workspace o;
  const auto right = o.rotation_by(o.alice).value();
  const auto wrong = [&](const std::function<void(rotation&)>& change) {
    return refusal_of(o, o.altered(right, o.alice, [&](body& b) {
      change(std::get<key_rotated>(b.what).rotation);
    }));
  };
  CHECK(wrong([](rotation& r) { r.epoch = {0}; }) == errc::wrong_epoch);
  CHECK(wrong([](rotation& r) { r.epoch = {2}; }) == errc::wrong_epoch);
  CHECK(wrong([](rotation& r) { r.rows_count = 1; }) == errc::wrong_row_count);
  CHECK(wrong([&](rotation& r) { r.directory_key = o.bob.key.public_key(); }) ==
        errc::wrong_directory_key);
}

TEST_CASE("when every Owner is revoked, the highest-ranking remaining member promotes himself") {
  organization o;
  const auto bob = o.add("bob");
  const auto carol = o.add("carol");
  const auto dave = o.add("dave");
  const auto eve = o.add("eve", profile::external);
  const auto papers = o.create_workspace(bob);
  o.share(bob, papers, carol, role::contributor);
  o.share(bob, papers, dave, role::reader);
  o.share(bob, papers, eve, role::contributor);
  const auto promote = [&](const person& who) {
    return o.as(who, [&](auto a) { return make_role_changed(a, papers, who.user, role::owner); });
  };
  CHECK(code_of(promote(carol)) == errc::own_role);
  o.revoke(bob);
  CHECK(code_of(promote(dave)) == errc::own_role);
  CHECK(code_of(promote(eve)) == errc::own_role);
  CHECK(refusal_of(o, o.statement(o.alice, papers,
                                  role_changed{o.alice.user, role::owner, bytes{1}, {}, {}})) ==
        errc::own_role);
  o.push(promote(carol));
  CHECK(o.role_of(papers, carol) == role::owner);
  CHECK(code_of(promote(dave)) == errc::own_role);
}

TEST_CASE("an unknown kind is not appended, and after a critical one nothing is") {
  shared_workspace o;
  writer w;
  w.array(4).uint(12).boolean(true).uint(1).array(0);
  const auto later = [&](std::optional<workspace_id> scope) {
    auto c = o.statement(o.alice, scope, key_rotated{});
    c.body = bytes{0x94, 12, 0xc3, 1, 0x90};
    c.header.body_hash = hash_of_body(*c.body);
    c.header_bytes = encode_header(c.header);
    c.hash = ledger::hash_of_header(c.header_bytes);
    c.signatures = {o.alice.signing.sign("keyfold/v1/certificate", c.header_bytes)};
    return c;
  };
  CHECK(refusal_of(o, later(o.papers)) == errc::unknown_kind);
  o.force(later(o.papers));
  CHECK(o.state.read_only(o.papers));
  CHECK_FALSE(o.state.read_only());
  CHECK(code_of(o.change(o.alice, o.carol, role::reader)) == errc::update_needed);
  CHECK(o.state.check_writable(o.papers, o.alice.user).error().code == errc::update_needed);
  CHECK(o.as(o.alice, [](auto a) { return make_workspace_created(a, "other"); }));
  o.force(later(std::nullopt));
  CHECK(o.state.read_only());
  CHECK(code_of(o.as(o.alice, [](auto a) { return make_workspace_created(a, "other"); })) ==
        errc::update_needed);
}
