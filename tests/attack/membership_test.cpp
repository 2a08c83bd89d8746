// Who is a member and may do what: keys swapped, ghosts added, rights taken that nobody gave
// (THREATS A1, A2, A9, A14, A25, A27).
#include "tests/attack/forgery.hpp"

using namespace keyfold;
using namespace keyfold::attack;
using ledger::role;

namespace {

/// Bob's device after it lost its database: it knows its keys and the organization's id, and learns
/// everything else from the relay.
device& newcomer(rig& r, const person& who) {
  return r.devices.emplace_back(r, who, r.relay->id);
}

/// Changes what `user_added` says of a person, in every record that comes by.
middle swap_in_user_added(
    const person& of, std::function<void(ledger::user_added&)> change,
    std::function<void(ledger::record&)> seal = [](ledger::record&) {}) {
  return lying_ledger([of, change = std::move(change), seal = std::move(seal)](ledger::record& r) {
    if (!r.certificate.body) return;
    auto body = ledger::decode_body(*r.certificate.body).value();
    auto* added = std::get_if<ledger::user_added>(&body.what);
    if (added == nullptr || added->user != of.user) return;
    change(*added);
    r.certificate.body = ledger::encode_body(body);
    seal(r);
  });
}

/// Tries a role change at the relay, then makes a lying relay give a receipt for it.
errc try_role(rig& r, device& by, user_id user, role to, ledger::role_changed what = {}) {
  what.user = user;
  what.role = to;
  const auto forged = forge(by.ledger, by.who, r.papers, what);
  const auto at_relay = append_refusal(by, forged);
  auto view = r.alice.ledger;
  const auto added = view.add(receipted(r, forged));
  REQUIRE(added);
  REQUIRE(added->refused);
  CHECK(added->refused->code == at_relay);
  CHECK(view.role_at(r.papers, user, view.head()->seq) ==
        r.alice.ledger.role_at(r.papers, user, r.alice.ledger.head()->seq));
  return at_relay;
}

}  // namespace

TEST_CASE("A1: a relay that swaps a user's public key in every answer is refused", "[A1]") {
  rig r;
  const auto mallory = box_key::generate(*r.random).public_key();
  auto& fresh = newcomer(r, r.bob.who);
  const auto carols_key = [&]() -> std::optional<box_public_key> {
    const auto* found = fresh.ledger.organization().user(r.carol.who.user);
    return found != nullptr ? std::optional(found->key) : std::nullopt;
  };
  SECTION("control: untouched, the key is carol's") {
    fresh.sync(r.papers);
    CHECK(carols_key() == r.carol.who.key.public_key());
    CHECK(fresh.noticed.quiet());
  }
  SECTION("in the body") {
    r.attacker = swap_in_user_added(r.carol.who, [&](auto& added) { added.user_key = mallory; });
    fresh.sync(r.papers);
    CHECK(fresh.noticed.has(errc::body_mismatch));
    CHECK_FALSE(carols_key());
  }
  SECTION("in a certificate that he signs himself, with a receipt") {
    r.attacker = swap_in_user_added(
        r.carol.who, [&](auto& added) { added.user_key = mallory; },
        [&](ledger::record& record) {
          auto& c = record.certificate;
          c = ledger::sign_certificate(c.header, ledger::decode_body(*c.body).value(), {},
                                       r.mallory.who.signing);
          record = receipted(r, c);
        });
    fresh.sync(r.papers);
    CHECK(fresh.noticed.has(errc::bad_signature));
    CHECK(fresh.ledger.head() < r.alice.ledger.head());  // it ends there
    CHECK_FALSE(carols_key());
  }
  SECTION("in a device's link and signing key") {
    r.attacker = swap_in_user_added(r.carol.who, [&](auto& added) {
      added.device.link_key = mallory;
      added.device.signing_key = r.mallory.who.signing.public_key();
    });
    fresh.sync(r.papers);
    CHECK(fresh.noticed.has(errc::body_mismatch));
    CHECK_FALSE(fresh.ledger.find_device(r.carol.who.device));
  }
}

TEST_CASE("A2: a relay that adds a ghost user, device or member gets no key and no say", "[A2]") {
  rig r;
  const auto ghost = r.make_person("ghost");
  const auto seal = [&](const person& as) {
    ledger::user_added what;
    what.user = ghost.user;
    what.user_key = ghost.key.public_key();
    what.handle = {{0}, bytes(64)};
    what.device = {ghost.device,
                   ghost.signing.public_key(),
                   ghost.link.public_key(),
                   {{0}, bytes(64), bytes(64)}};
    what.directory_row = bytes(64);
    return forge(r.alice.ledger, as, std::nullopt, what);
  };
  SECTION("a user whom nobody who may add users signed") {
    const bool by_himself = GENERATE(true, false);
    const auto forged = seal(by_himself ? ghost : r.bob.who);
    r.attacker = lying_ledger({receipted(r, forged)});
    r.alice.sync(r.papers);
    CHECK(r.alice.noticed.has(by_himself ? errc::author_unknown : errc::not_administrator));
    CHECK(r.alice.ledger.organization().user(ghost.user) == nullptr);
    CHECK_FALSE(r.alice.ledger.find_device(ghost.device));
    // Who would share with him cannot.
    const auto shared = r.alice.append([&](const ledger::author& a) {
      return ledger::make_role_changed(a, r.papers, ghost.user, role::reader);
    });
    CHECK(shared.error().code == errc::user_unknown);
  }
  SECTION("a device of bob's that bob did not sign") {
    ledger::device_added what;
    what.user = r.bob.who.user;
    what.device = {ghost.device,
                   ghost.signing.public_key(),
                   ghost.link.public_key(),
                   {{0}, bytes(64), bytes(64)}};
    r.attacker =
        lying_ledger({receipted(r, forge(r.alice.ledger, r.carol.who, std::nullopt, what))});
    r.alice.sync(r.papers);
    CHECK(r.alice.noticed.has(errc::not_own_device));
    CHECK_FALSE(r.alice.ledger.find_device(ghost.device));
  }
  SECTION("a row for him among those of a rotation") {
    r.attacker = lying_ledger([&](ledger::record& record) {
      auto& attached = record.certificate.attached;
      if (!attached.rows) return;
      auto rows = ledger::decode_rows(*attached.rows).value();
      rows.push_back({ghost.user, rows.front().row});
      attached.rows = ledger::encode_rows(rows);
    });
    r.alice.append([&](const ledger::author& a) { return ledger::make_key_rotated(a, r.papers); })
        .value();
    r.carol.sync(r.papers);
    REQUIRE_FALSE(r.carol.noticed.incidents.empty());
    CHECK(r.carol.noticed.incidents.front().kind == ledger::incident_kind::attachment_mismatch);
    // What alice sealed opens for members only; no row is the ghost's.
    const auto& c = r.alice.ledger.record_at(r.alice.ledger.head()->seq)->certificate;
    const auto rows = ledger::decode_rows(*c.attached.rows).value();
    for (const auto& row : rows) {
      CHECK_FALSE(ledger::open_row(ghost.key, row.row));
      CHECK(row.user != ghost.user);
    }
    r.attacker = [](const under_way& u) { return std::optional(u.m); };
    r.carol.sync(r.papers);  // and with an honest answer carol has the key
    CHECK(r.carol.keys.workspace_key(r.papers, {1}) != nullptr);
  }
}

TEST_CASE("A9: who may not write is refused by every device, and by the relay", "[A9]") {
  rig r;
  CHECK(r.carol.put(r.papers, {"hers"}, "no").error().code == errc::role_insufficient);
  CHECK_FALSE(r.dave.put(r.papers, {"his"}, "no"));
  const auto as = [&](const person& who) {
    auto d = draft_of(r.carol, r.papers, *r.random);
    d.device = who.device;
    return sign(who, r.carol.keys, d, *r.random);  // with the right key: carol may read it
  };
  SECTION("control: the same entry of a Contributor counts") {
    CHECK(push(r.bob, r.papers, {as(r.bob.who)}) == 1U);
    r.alice.sync(r.papers);
    CHECK(r.alice.names(r.papers) == path{"forged"});
  }
  const auto refused_by = [&](const feed::entry& e, errc why) {
    for (auto* each : {&r.alice, &r.bob}) {
      each->receive(r.papers, std::array{e});  // a relay that hands it out all the same
      REQUIRE_FALSE(invalid_ones(*each).empty());
      CHECK(invalid_ones(*each).back().why == why);
      CHECK(each->names(r.papers).empty());
    }
    // Nor does anybody's push of it help.
    CHECK(push(r.alice, r.papers, {e}).error().code == why);
  };
  SECTION("a Reader") {
    const auto e = as(r.carol.who);
    CHECK(push(r.carol, r.papers, {e}).error().code == errc::author_could_not_write);
    refused_by(e, errc::author_could_not_write);
  }
  SECTION("an External without a role") {
    const auto e = as(r.dave.who);
    CHECK(push(r.dave, r.papers, {e}).error().code == errc::role_insufficient);
    refused_by(e, errc::author_could_not_write);
  }
  SECTION("a stranger") {
    CHECK(r.mallory.connect(*r.relay).error().code == errc::stranger);
    r.mallory.relay = r.relay.get();  // he asks without having said hello
    CHECK(push(r.mallory, r.papers, {as(r.mallory.who)}).error().code == errc::stranger);
    r.mallory.relay = nullptr;
    refused_by(as(r.mallory.who), errc::author_unknown);
  }
}

TEST_CASE("A9: nobody gives more than he may, nor himself anything", "[A9]") {
  rig r;
  r.share(r.papers, r.bob, role::manager);
  for (auto* each : r.members()) each->sync(r.papers);
  REQUIRE(r.dave.pull_ledger());
  ledger::role_changed with_row;
  with_row.row = bytes(81, 1);
  SECTION("a Manager makes an Owner") {
    CHECK(try_role(r, r.bob, r.carol.who.user, role::owner) == errc::manager_limits);
  }
  SECTION("a Manager takes the Owner's role") {
    CHECK(try_role(r, r.bob, r.alice.who.user, role::reader) == errc::manager_limits);
  }
  SECTION("a Manager makes himself Owner") {
    CHECK(try_role(r, r.bob, r.bob.who.user, role::owner) == errc::own_role);
  }
  SECTION("a Reader makes himself Contributor") {
    CHECK(try_role(r, r.carol, r.carol.who.user, role::contributor) == errc::own_role);
  }
  SECTION("a Reader lets an External in") {
    CHECK(try_role(r, r.carol, r.dave.who.user, role::reader, with_row) == errc::role_insufficient);
  }
  SECTION("an External lets himself in") {
    CHECK(try_role(r, r.dave, r.dave.who.user, role::reader, with_row) == errc::own_role);
  }
  SECTION("a Member makes himself Administrator") {
    const auto forged =
        forge(r.bob.ledger, r.bob.who, std::nullopt,
              ledger::profile_changed{r.bob.who.user, ledger::profile::administrator});
    CHECK(append_refusal(r.bob, forged) == errc::not_administrator);
    r.attacker = lying_ledger({receipted(r, forged)});
    r.alice.sync(r.papers);
    CHECK(r.alice.noticed.has(errc::not_administrator));
    CHECK(r.alice.ledger.organization().user(r.bob.who.user)->profile() == ledger::profile::member);
  }
  SECTION("control: a Manager makes a Contributor") {
    CHECK(r.bob.append([&](const ledger::author& a) {
      return ledger::make_role_changed(a, r.papers, r.carol.who.user, role::contributor);
    }));
  }
}

namespace {

/// A rotation by `by` whose rows and earlier keys were changed before they were committed to.
ledger::certificate botched(device& by, workspace_id workspace, rig& r,
                            const std::function<void(std::vector<ledger::key_row>&,
                                                     std::vector<ledger::earlier_key>&)>& change) {
  auto& alice = r.alice;  // who may rotate at any time: so it is made, and then signed by another
  const auto right =
      ledger::make_key_rotated(
          {alice.ledger, alice.keys, alice.who.device, alice.who.signing, 1, *r.random}, workspace)
          .value();
  auto rows = ledger::decode_rows(*right.attached.rows).value();
  auto earlier = ledger::decode_earlier(*right.attached.earlier).value();
  change(rows, earlier);
  auto body = ledger::decode_body(*right.body).value();
  auto& rotation = std::get<ledger::key_rotated>(body.what).rotation;
  const ledger::attachments attached{
      ledger::encode_rows(rows), ledger::encode_earlier(earlier), {}};
  rotation.rows_root = ledger::rows_root(ledger::decode_rows(*attached.rows).value());
  rotation.earlier_hash = ledger::hash_of_earlier(*attached.earlier);
  auto header = right.header;
  header.author = by.who.device;
  return ledger::sign_certificate(header, body, attached, by.who.signing);
}

bool told_about(const device& d, ledger::incident_kind kind, std::optional<user_id> about) {
  return std::any_of(d.noticed.incidents.begin(), d.noticed.incidents.end(),
                     [&](const auto& i) { return i.kind == kind && i.about == about; });
}

}  // namespace

TEST_CASE("A14: a wrong key handed to one member is noticed, named, and mended", "[A14]") {
  rig r;
  const bool garbage = GENERATE(true, false);
  const auto forged = botched(r.alice, r.papers, r, [&](auto& rows, auto&) {
    for (auto& row : rows) {
      if (row.user != r.bob.who.user) continue;
      const auto other = r.random->key();
      row.row = garbage ? bytes(row.row.size(), 7)
                        : ledger::make_row(other, row.user, r.bob.who.key.public_key()).value();
    }
  });
  CHECK(append_refusal(r.alice, forged) == errc::unknown);  // the relay cannot know
  for (auto* each : {&r.bob, &r.carol}) each->sync(r.papers);
  const auto kind =
      garbage ? ledger::incident_kind::row_does_not_open : ledger::incident_kind::key_mismatch;
  CHECK(told_about(r.bob, kind, r.bob.who.user));
  REQUIRE_FALSE(r.carol.noticed.incidents.empty());  // and by who holds the key
  CHECK(r.carol.noticed.incidents.front().about == r.bob.who.user);
  CHECK(r.carol.noticed.incidents.front().seq == forged.header.seq);
  CHECK(r.bob.keys.workspace_key(r.papers, {1}) == nullptr);
  // Bob writes nothing under a key that he does not have.
  CHECK(r.bob.put(r.papers, {"his"}, "waits"));
  CHECK(r.bob.engine(r.papers).sign_next(r.bob.who.signing).error().code == errc::key_not_held);
  // A wrong key handed on is not taken, the right one is; then his changes go.
  CHECK(r.bob.keys.offer(r.bob.ledger, r.papers, {1}, r.random->key()).error().code ==
        errc::key_mismatch);
  CHECK(r.bob.keys.offer(r.bob.ledger, r.papers, {1}, *r.carol.keys.workspace_key(r.papers, {1})));
  r.bob.sync(r.papers);
  r.carol.sync(r.papers);
  CHECK(r.carol.read(r.papers, {"his"}) == "waits");
}

TEST_CASE("A14: keys that were left out of a rotation once are had from whoever gives them later",
          "[A14]") {
  rig r;
  r.attacker = lying_ledger([](ledger::record& each) { each.certificate.attached = {}; });
  REQUIRE(r.alice.append(
      [&](const ledger::author& a) { return ledger::make_key_rotated(a, r.papers); }));
  REQUIRE(
      r.alice.append([&](const ledger::author& a) { return ledger::make_directory_rotation(a); }));
  r.bob.sync(r.papers);
  CHECK(r.bob.ledger.head() == r.alice.ledger.head());
  CHECK(r.bob.keys.workspace_key(r.papers, {1}) == nullptr);
  CHECK(r.bob.keys.directory_key({1}) == nullptr);
  r.attacker = [](const under_way& u) { return std::optional(u.m); };
  REQUIRE(r.bob.pull_ledger());
  CHECK(r.bob.keys.workspace_key(r.papers, {1}) != nullptr);
  CHECK(r.bob.keys.directory_key({1}) != nullptr);
}

TEST_CASE("A25: invented frontiers cut off nothing honest", "[A25]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"old"}, "old"));
  r.bob.sync(r.papers);
  const auto old_heads = r.bob.own_heads(r.papers, r.bob.who);
  CHECK(r.bob.put(r.papers, {"new"}, "new"));
  r.settle();
  REQUIRE(r.alice.names(r.papers) == path{"new", "old"});
  const auto remove_with = [&](const std::vector<ledger::signed_head>& heads) {
    return r.alice.append([&](const ledger::author& a) {
      return ledger::make_role_changed(a, r.papers, r.bob.who.user, role::reader, heads);
    });
  };
  SECTION("control: with the heads that the relay gives everything of bob's stays") {
    CHECK(remove_with(r.alice.asked_heads(r.papers, r.bob.who)));
  }
  SECTION("too low: the relay wants all that it accepted covered") {
    CHECK(remove_with(old_heads).error().code == errc::frontier_behind);
    CHECK(remove_with({}).error().code == errc::frontier_behind);
  }
  SECTION("heads that bob never signed") {
    auto invented = r.alice.own_heads(r.papers, r.bob.who);
    auto h = feed::decode_header(invented.front().header_bytes).value();
    h.seq = {9};
    const auto bytes_of = feed::encode_header(h);
    invented.push_back({bytes_of, r.alice.who.signing.sign("keyfold/v1/entry", bytes_of)});
    CHECK(remove_with(invented).error().code == errc::bad_frontier);
    // With a relay that takes it, everybody leaves the forged head out, with an incident.
    const auto forged = ledger::make_role_changed({r.alice.ledger, r.alice.keys, r.alice.who.device,
                                                   r.alice.who.signing, 1, *r.random},
                                                  r.papers, r.bob.who.user, role::reader, invented)
                            .value();
    r.attacker = lying_ledger({receipted(r, forged)});
    for (auto* each : {&r.alice, &r.carol}) {
      each->sync(r.papers);
      CHECK(told_about(*each, ledger::incident_kind::bad_frontier, r.bob.who.user));
    }
  }
  SECTION("a relay that shows old heads to who takes the right: he names what he holds himself") {
    r.attacker = [&](const under_way& u) {
      auto out = std::optional(u.m);
      if (!u.up && u.about == net::message_kind::feed_heads)
        out->bulk = ledger::encode_frontier(old_heads).value();
      return out;
    };
    auto heads = r.alice.asked_heads(r.papers, r.bob.who);
    REQUIRE(heads == old_heads);
    for (auto& own : r.alice.own_heads(r.papers, r.bob.who)) heads.push_back(std::move(own));
    CHECK(remove_with(heads));
  }
  for (auto* each : {&r.alice, &r.carol}) {
    each->sync(r.papers);
    CHECK(each->names(r.papers) == path{"new", "old"});
  }
}

TEST_CASE("A25: a head that a removed user signed in advance does not let him go on", "[A25]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"honest"}, "kept"));
  r.settle();
  // While he may write, bob signs the header of an entry that he has not made, far ahead in his feed.
  const auto last = *r.bob.engine(r.papers).feeds().find_entry(
      r.bob.engine(r.papers).journal().last_signed()->hash);
  auto far = draft_after(last, draft_of(r.bob, r.papers, *r.random));
  far.seq = {1000};
  far.prev = r.random->id<entry_hash>();
  const auto ahead = sign(r.bob.who, r.bob.keys, far, *r.random);
  // The relay, his friend, puts it among his heads when alice asks for them.
  auto heads = r.alice.asked_heads(r.papers, r.bob.who);
  heads.push_back({ahead.header_bytes, ahead.signature});
  const auto bobs_view = r.bob.ledger.head();
  REQUIRE(r.alice.append([&](const ledger::author& a) {
    return ledger::make_role_changed(a, r.papers, r.bob.who.user, role::none, heads);
  }));
  r.carol.sync(r.papers);
  // Then he writes on, back-dated, and the relay hands it out.
  auto next = draft_after(last, far);
  next.ledger = *bobs_view;
  next.payload = draft_of(r.bob, r.papers, *r.random, "late").payload;
  const auto late = sign(r.bob.who, r.bob.keys, next, *r.random);
  for (auto* each : {&r.alice, &r.carol}) {
    each->receive(r.papers, std::array{late});
    CHECK(standing_of(*each, late) == feed::standing::quarantined);
    each->receive(r.papers, std::array{ahead});  // its chain is not there: it is not taken
    CHECK_FALSE(each->engine(r.papers).feeds().holds(ahead.hash));
    CHECK(each->names(r.papers) == path{"honest"});
  }
}

TEST_CASE("A23: members who begin feeds without end keep nobody out", "[A23]") {
  rig r;
  r.share(r.papers, r.dave, role::contributor);
  for (auto* each : {&r.bob, &r.dave}) each->sync(r.papers);
  // As many generations as the relay takes of two users are more than one message can name.
  const auto flood = [&](device& by, std::size_t count) {
    std::size_t taken = 0;
    while (taken < count) {
      std::vector<feed::entry> batch;
      auto d = draft_of(by, r.papers, *r.random);
      d.seen.clear();
      d.lamport = {1};
      d.payload = bytes{0x93, 1, 0x90, 0x90};
      for (int i = 0; i < 100; ++i) {
        d.generation = r.random->id<generation_id>();
        batch.push_back(sign(by.who, by.keys, d, *r.random));
      }
      if (!push(by, r.papers, batch)) break;
      taken += batch.size();
    }
    return taken;
  };
  CHECK(flood(r.bob, 5000) == ledger::max_heads_of_user);
  CHECK(flood(r.dave, 1200) == 1200);
  for (auto* each : {&r.alice, &r.carol}) each->sync(r.papers);
  CHECK(r.alice.engine(r.papers).feeds().frontier().size() > net::max_frontier);
  CHECK(r.alice.put(r.papers, {"hers"}, "goes on"));
  r.alice.sync(r.papers);
  r.carol.sync(r.papers);
  CHECK(r.carol.read(r.papers, {"hers"}) == "goes on");
  CHECK(r.carol.behind(r.papers).empty());
}

TEST_CASE("A27: a Contributor's rotations are refused when not due, noticed row by row, and mended",
          "[A27]") {
  rig r;
  SECTION("not due") {
    const auto forged = botched(r.bob, r.papers, r, [](auto&, auto&) {});
    CHECK(append_refusal(r.bob, forged) == errc::rotation_not_due);
    r.attacker = lying_ledger({receipted(r, forged)});
    r.alice.sync(r.papers);
    CHECK(r.alice.noticed.has(errc::rotation_not_due));
    CHECK(r.alice.ledger.workspace(r.papers)->epochs().size() == 1U);
  }
  SECTION("due: to a key that only he knows, with the old key as garbage; then without end") {
    r.share(r.papers, r.dave, role::reader);
    r.dave.sync(r.papers);
    REQUIRE(r.dave.append([&](const ledger::author& a) {
      return ledger::make_role_changed(a, r.papers, r.dave.who.user, role::none);
    }));
    for (auto* each : r.members()) each->sync(r.papers);
    REQUIRE(r.bob.ledger.workspace(r.papers)->rotation_due());
    const auto forged = botched(r.bob, r.papers, r, [&](auto& rows, auto& earlier) {
      for (auto& row : rows)
        if (row.user != r.bob.who.user) row.row = bytes(row.row.size(), 9);
      earlier.front().sealed = bytes(earlier.front().sealed.size(), 9);
    });
    CHECK(append_refusal(r.bob, forged) == errc::unknown);
    for (auto* each : r.members()) each->sync(r.papers);
    for (auto* each : {&r.alice, &r.carol})
      CHECK(told_about(*each, ledger::incident_kind::row_does_not_open, each->who.user));
    // He does not rotate again, and whoever may write mends it for all.
    CHECK(append_refusal(r.bob, botched(r.bob, r.papers, r, [](auto&, auto&) {})) ==
          errc::rotation_not_due);
    REQUIRE(r.alice.append(
        [&](const ledger::author& a) { return ledger::make_key_rotated(a, r.papers); }));
    CHECK(r.alice.put(r.papers, {"after"}, "for all"));
    r.settle();
    for (auto* each : {&r.bob, &r.carol}) CHECK(each->read(r.papers, {"after"}) == "for all");
  }
}
