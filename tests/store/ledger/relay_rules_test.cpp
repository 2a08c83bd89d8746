#include "store/ledger/relay_rules.hpp"

#include "tests/support/organization.hpp"

using namespace keyfold;
using namespace keyfold::ledger;
using keyfold::tests::organization;
using keyfold::tests::person;

namespace {

const accepted_heads nothing_accepted = [](workspace_id, user_id) {
  return std::vector<feed_head>{};
};

accepted_heads accepted(std::vector<feed_head> heads) {
  return [heads = std::move(heads)](workspace_id, user_id) { return heads; };
}

struct shared : organization {
  shared() : bob(add("bob")), carol(add("carol")), papers(create_workspace(alice)) {
    share(alice, papers, bob, role::contributor);
  }
  certificate taken(std::vector<signed_head> heads, role to = role::none) {
    return as(alice, [&](auto a) { return make_role_changed(a, papers, bob.user, to, heads); })
        .value();
  }
  certificate revoked(const std::map<workspace_id, std::vector<signed_head>>& heads) {
    return as(alice, [&](auto a) { return make_user_revoked(a, bob.user, heads); }).value();
  }
  errc refusal_of(const certificate& c, const accepted_heads& had = nothing_accepted) const {
    const auto result = check_append(state, c, had);
    return result ? errc::unknown : result.error().code;
  }
  person bob, carol;
  workspace_id papers;
};

}  // namespace

TEST_CASE("the relay takes a genesis, and what the rules allow") {
  shared o;
  CHECK(check_append(state(o.state.id()), o.records[0].certificate, nothing_accepted));
  const auto late = o.taken({});
  CHECK(check_append(o.state, late, nothing_accepted));
  o.add("dave");
  CHECK(o.refusal_of(late) == errc::stale_head);
  CHECK(o.refusal_of(o.statement(o.bob, std::nullopt, user_revoked{o.carol.user, {}})) ==
        errc::not_administrator);
}

TEST_CASE("the relay takes no certificate without its attachments, or with others") {
  shared o;
  const auto right = o.taken({o.head_of(o.bob, o.papers)});
  auto c = right;
  c.attached.rows.reset();
  CHECK(o.refusal_of(c) == errc::attachment_missing);
  c = right;
  c.attached.frontier.reset();
  CHECK(o.refusal_of(c) == errc::attachment_missing);
  c = right;
  c.attached.frontier = empty_frontier();
  CHECK(o.refusal_of(c) == errc::attachment_mismatch);
  c = o.revoked({});
  c.attached.frontier.reset();
  CHECK(o.refusal_of(c) == errc::attachment_missing);
}

TEST_CASE("a frontier must cover every entry that the relay has accepted of the user") {
  shared o;
  const auto old_head = o.head_of(o.bob, o.papers, 3);
  const auto new_head = o.head_of(o.bob, o.papers, 4);
  const auto branch = o.head_of(o.bob, o.papers, 4);
  generation_id other;
  other.value.fill(1);
  const auto elsewhere = o.head_of(o.bob, o.papers, 0, other);
  const auto place = [](const signed_head& h) { return organization::place_of(h); };
  const auto with = [&](std::vector<signed_head> heads, std::vector<feed_head> had) {
    return o.refusal_of(o.taken(std::move(heads), role::reader), accepted(std::move(had)));
  };
  CHECK(with({new_head}, {place(new_head)}) == errc::unknown);
  CHECK(with({new_head}, {place(old_head)}) == errc::unknown);
  CHECK(with({}, {place(old_head)}) == errc::frontier_behind);
  CHECK(with({old_head}, {place(new_head)}) == errc::frontier_behind);
  CHECK(with({new_head}, {place(new_head), place(branch)}) == errc::frontier_behind);
  CHECK(with({new_head, branch}, {place(new_head), place(branch)}) == errc::unknown);
  CHECK(with({new_head}, {place(new_head), place(elsewhere)}) == errc::frontier_behind);
}

TEST_CASE("a frontier with heads that the user did not sign is refused") {
  shared o;
  auto forged = o.head_of(o.bob, o.papers, 9);
  forged.signature = o.alice.signing.sign("keyfold/v1/entry", forged.header_bytes);
  CHECK(o.refusal_of(o.taken({forged})) == errc::bad_frontier);
  CHECK(o.refusal_of(o.taken({o.head_of(o.carol, o.papers)})) == errc::bad_frontier);
  CHECK(o.refusal_of(o.revoked({{o.papers, {forged}}})) == errc::bad_frontier);
  const auto other = o.create_workspace(o.bob, "other");
  CHECK(o.refusal_of(o.revoked({{o.papers, {o.head_of(o.bob, other)}}})) == errc::bad_frontier);
}

TEST_CASE("a revocation covers the user's entries in every workspace where he can write") {
  shared o;
  const auto head = o.head_of(o.bob, o.papers);
  const auto had = accepted({organization::place_of(head)});
  CHECK(o.refusal_of(o.revoked({{o.papers, {head}}}), had) == errc::unknown);
  CHECK(o.refusal_of(o.revoked({}), had) == errc::frontier_behind);
  CHECK(o.refusal_of(o.revoked({})) == errc::unknown);
}

TEST_CASE("nobody can write in more workspaces than a revocation can name") {
  static_assert(max_writable_workspaces <= max_revoked_workspaces);
  static_assert(max_heads_of_user * 512 <= max_attachment_size);
  shared o;
  const auto create = [&] {
    const keyring none(o.bob.user, o.bob.key);
    const author bob{o.state, none, o.bob.device, o.bob.signing, 1, o.random()};
    return make_workspace_created(bob, "one of many").value();
  };
  while (o.state.workspaces_of(o.bob.user).size() < max_writable_workspaces) o.force(create());
  CHECK(o.refusal_of(create()) == errc::too_many_workspaces);
  o.force(o.as(o.alice, [](auto a) { return make_workspace_created(a, "more"); }).value());
  const auto more = *o.records.back().certificate.header.scope;
  const auto grant = [&](role to) {
    return o.as(o.alice, [&](auto a) { return make_role_changed(a, more, o.bob.user, to); })
        .value();
  };
  CHECK(o.refusal_of(grant(role::contributor)) == errc::too_many_workspaces);
  CHECK(o.refusal_of(grant(role::reader)) == errc::unknown);
  // All of them fit into one revocation.
  std::vector<revoked_workspace> all;
  for (const auto& [workspace, role] : o.state.workspaces_of(o.bob.user))
    all.push_back({workspace, {}});
  CHECK(decode_body(encode_body({1, user_revoked{o.bob.user, all}})));
}

TEST_CASE("bodies of a workspace go to its members and to Administrators") {
  shared o;
  const auto seq = o.state.head()->seq;
  CHECK(strip_for(o.state, seq, o.alice.user).certificate.body);
  CHECK(strip_for(o.state, seq, o.bob.user).certificate.body);
  CHECK_FALSE(strip_for(o.state, seq, o.carol.user).certificate.body);
  CHECK(strip_for(o.state, {0}, o.carol.user).certificate.body);
  const auto admin = o.add("dora", profile::administrator);
  CHECK(strip_for(o.state, seq, admin.user).certificate.body);
  o.revoke(o.bob);
  CHECK_FALSE(strip_for(o.state, seq, o.bob.user).certificate.body);
}

TEST_CASE("who is removed gets the body that says so and his frontier, and nothing after it") {
  shared o;
  const auto granted = o.state.head()->seq;
  const auto removed = o.share(o.alice, o.papers, o.bob, role::none, {o.head_of(o.bob, o.papers)})
                           .certificate.header.seq;
  const auto rotated = o.rotate(o.alice, o.papers).certificate.header.seq;
  const auto told = strip_for(o.state, removed, o.bob.user).certificate;
  CHECK(told.body);
  CHECK(told.attached.frontier);
  CHECK_FALSE(told.attached.rows);
  CHECK_FALSE(strip_for(o.state, rotated, o.bob.user).certificate.body);
  CHECK_FALSE(strip_for(o.state, granted, o.bob.user).certificate.body);
  CHECK_FALSE(strip_for(o.state, removed, o.carol.user).certificate.body);
  state bobs(o.state.id());
  for (std::uint64_t seq = 0; seq < removed.value; ++seq) REQUIRE(bobs.add(o.records[seq]));
  for (auto seq = removed; seq <= rotated; seq = seq.next())
    REQUIRE(bobs.add(strip_for(o.state, seq, o.bob.user)));
  CHECK(bobs.check_writable(o.papers, o.bob.user).error().code == errc::role_insufficient);
  CHECK(bobs.removals(o.papers, o.bob.user).at(0).frontier.value().size() == 1);
  CHECK(bobs.lacking_bodies(o.bob.user).empty());
}

TEST_CASE("who was removed while he was away gets what changed until then, without keys") {
  shared o;
  const auto known = o.state.head()->seq;
  o.share(o.alice, o.papers, o.carol, role::reader);
  const auto rotated = o.rotate(o.alice, o.papers).certificate.header.seq;
  const auto removed = o.share(o.alice, o.papers, o.bob, role::none, {o.head_of(o.bob, o.papers)})
                           .certificate.header.seq;
  o.share(o.alice, o.papers, o.carol, role::contributor);
  CHECK_FALSE(strip_for(o.state, rotated, o.bob.user).certificate.attached.rows);
  state bobs(o.state.id());
  for (std::uint64_t seq = 0; seq <= known.value; ++seq) REQUIRE(bobs.add(o.records[seq]));
  for (auto seq = known.next(); seq <= o.state.head()->seq; seq = seq.next())
    REQUIRE(bobs.add(strip_for(o.state, seq, o.bob.user)));
  CHECK(bobs.missing_body(o.papers) == removed.next());
  CHECK(bobs.check_writable(o.papers, o.bob.user).error().code == errc::role_insufficient);
  CHECK(bobs.removals(o.papers, o.bob.user).size() == 1);
  CHECK(bobs.lacking_bodies(o.bob.user).empty());
}

TEST_CASE("who had headers alone when he was removed may still pull the bodies that were his") {
  shared o;
  const auto known = o.state.head()->seq;
  const auto removed = o.share(o.alice, o.papers, o.bob, role::none, {o.head_of(o.bob, o.papers)})
                           .certificate.header.seq;
  CHECK(pull_for(o.state, o.carol.user, known, o.papers, 10).error().code ==
        errc::role_insufficient);
  const auto pulled = pull_for(o.state, o.bob.user, removed, o.papers, 10).value();
  REQUIRE(pulled.records.size() == 1);
  CHECK(decode_record(pulled.records[0])->certificate.body);
  o.revoke(o.bob);
  CHECK(pull_for(o.state, o.bob.user, removed, o.papers, 10).error().code ==
        errc::role_insufficient);
}

TEST_CASE("who got the grant of a role without its body learns from the replica where to ask") {
  shared o;
  const auto removed = o.share(o.alice, o.papers, o.bob, role::none, {o.head_of(o.bob, o.papers)})
                           .certificate.header.seq;
  o.rotate(o.alice, o.papers);
  state bobs(o.state.id());
  const auto pull_from = [&](ledger_seq from, const std::optional<workspace_id>& workspace) {
    return pull_for(o.state, o.bob.user, from, workspace, 100).value();
  };
  const auto take = [&](const pulled& got) {
    for (const auto& each : got.records) REQUIRE(bobs.add(decode_record(each).value()));
  };
  for (std::uint64_t seq = 0; seq < removed.value; ++seq) REQUIRE(bobs.add(o.records[seq]));
  take(pull_from(removed, {}));
  // From a replica that had lost the bodies of the workspace.
  auto bare = o.share(o.alice, o.papers, o.bob, role::reader);
  bare.certificate.body.reset();
  bare.certificate.attached = {};
  REQUIRE(bobs.add(bare));
  CHECK(bobs.lacking_bodies(o.bob.user).empty());
  const auto nothing_new = pull_from(bobs.head()->seq.next(), {});
  CHECK(nothing_new.records.empty());
  CHECK(nothing_new.readable == std::vector{o.papers});
  CHECK(bobs.lacking_bodies(o.bob.user, {o.papers, workspace_id{}}) == std::vector{o.papers});
  take(pull_from(*bobs.first_lacking(o.papers), o.papers));
  CHECK(bobs.role_at(o.papers, o.bob.user, bobs.head()->seq) == role::reader);
  CHECK(bobs.lacking_bodies(o.bob.user, {o.papers}).empty());
  // A part of the ledger does not say it, nor is it said to who may read nothing.
  CHECK(pull_for(o.state, o.bob.user, ledger_seq{0}, {}, 1)->readable.empty());
  CHECK(pull_for(o.state, o.carol.user, ledger_seq{0}, {}, 100)->readable.empty());
}

TEST_CASE("the parts of a revocation go to the members of each workspace") {
  shared o;
  const auto music = o.create_workspace(o.bob, "music");
  o.share(o.bob, music, o.carol, role::reader);
  const auto seq = o.revoke(o.bob, {{o.papers, {o.head_of(o.bob, o.papers)}},
                                    {music, {o.head_of(o.bob, music)}}})
                       .certificate.header.seq;
  const auto parts = [&](const person& who) {
    return decode_parts(*strip_for(o.state, seq, who.user).certificate.attached.frontier).value();
  };
  CHECK(parts(o.alice).size() == 2);
  CHECK(parts(o.carol).size() == 1);
  CHECK(parts(o.carol).contains(music));
  CHECK(positions_about(o.state, music).back() == seq);
}

TEST_CASE("an External gets no rows of the directory") {
  shared o;
  const auto eve = o.add("eve", profile::external);
  const auto seq = o.push(o.as(o.alice, [](auto a) {
                      return make_directory_rotation(a);
                    })).certificate.header.seq;
  CHECK(strip_for(o.state, seq, o.carol.user).certificate.attached.rows);
  const auto eves = strip_for(o.state, seq, eve.user).certificate;
  CHECK(eves.body);
  CHECK(eves.attached.empty());
}
