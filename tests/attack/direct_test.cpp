// Links between devices: members, former members and the relay's friends at the other end, or in the middle
// (THREATS A5, A10, A11, A12, A13, A23, A28).
#include "store/incident/proof.hpp"
#include "store/ledger/relay_rules.hpp"
#include "tests/attack/direct_link.hpp"
#include "tests/attack/forgery.hpp"

using namespace keyfold;
using namespace keyfold::attack;
using feed::standing;
using ledger::role;

namespace {

/// Everybody is on his own: what goes, goes over direct links.
void cut_off(rig& r) {
  for (auto& each : r.devices) each.disconnect();
}

/// Alice takes bob's role, or revokes him, naming what she holds of his.
void remove_bob(rig& r, bool revoked) {
  const auto heads = r.alice.own_heads(r.papers, r.bob.who);
  REQUIRE(r.alice.append([&](const ledger::author& a) {
    return revoked ? ledger::make_user_revoked(a, r.bob.who.user, {{r.papers, heads}})
                   : ledger::make_role_changed(a, r.papers, r.bob.who.user, role::none, heads);
  }));
}

/// Entries that bob makes by hand at his present position of the ledger, each a folder of its own generation.
std::vector<feed::entry> generations_of_bob(rig& r, std::size_t count) {
  std::vector<feed::entry> out;
  auto d = draft_of(r.bob, r.papers, *r.random);
  d.seen.clear();
  d.lamport = {1};
  d.payload = bytes{0x93, 1, 0x90, 0x90};
  while (out.size() < count) {
    d.generation = r.random->id<generation_id>();
    out.push_back(sign(r.bob.who, r.bob.keys, d, *r.random));
  }
  return out;
}

/// Changes each record of a pull's answer to that device.
direct_link::between exchanging_records(const device& victim,
                                        std::function<void(ledger::record&)> change) {
  return [&victim, change = std::move(change)](const device& to, const net::message& m) {
    auto out = std::optional(m);
    if (&to != &victim || m.kind != net::message_kind::reply || m.bulk.empty()) return out;
    std::vector<bytes> records;
    const auto list = net::decode_list(m.bulk.view());
    if (!list) return out;
    for (const auto encoded : *list) {
      auto record = ledger::decode_record(encoded);
      if (!record) return out;  // the answer to something else
      change(*record);
      records.push_back(ledger::encode_record(*record));
    }
    out->bulk = net::encode_list(records);
    return out;
  };
}

}  // namespace

TEST_CASE("A10: what a removed user tells other devices directly is quarantined by all who know",
          "[A10]") {
  rig r;
  const bool revoked = GENERATE(false, true);
  CHECK(r.bob.put(r.papers, {"honest"}, "kept"));
  r.settle();
  cut_off(r);
  // He writes on, and tells carol, who has not heard of it.
  CHECK(r.bob.put(r.papers, {"late"}, "written after"));
  REQUIRE(r.alice.connect(*r.relay));
  remove_bob(r, revoked);
  direct_link with_carol(r, r.bob, r.carol);
  REQUIRE(with_carol.connect());
  with_carol.exchange(r.papers);
  CHECK(r.carol.names(r.papers) == path{"honest", "late"});
  const auto late = *r.carol.engine(r.papers).feeds().find_entry(
      r.bob.engine(r.papers).journal().last_signed()->hash);

  SECTION("carol hears of it from alice's device: it counts no more, and alice does not take it") {
    direct_link with_alice(r, r.alice, r.carol);
    REQUIRE(with_alice.connect());
    with_alice.exchange(r.papers);
    for (auto* each : {&r.alice, &r.carol}) {
      CHECK(standing_of(*each, late) == standing::quarantined);
      CHECK(each->names(r.papers) == path{"honest"});
    }
  }
  SECTION("carol hears of it from the relay: from then on she has nothing for him") {
    REQUIRE(r.carol.connect(*r.relay));
    r.carol.sync(r.papers);
    CHECK(r.carol.names(r.papers) == path{"honest"});
    const auto why = revoked ? errc::user_is_revoked : errc::role_insufficient;
    const auto object = r.carol.objects(r.papers).objects.begin();
    CHECK(with_carol.ask(r.bob, net::subscribe{r.papers, {}}).error().code == why);
    CHECK(with_carol.push(r.bob, r.papers, {late}).error().code == why);
    if (object != r.carol.objects(r.papers).objects.end())
      CHECK(with_carol.ask(r.bob, net::object_get{r.papers, object->first, 0, 0}).error().code ==
            why);
    // A new link: a revoked user's device is not admitted, one without a role gets nothing of that.
    direct_link again(r, r.bob, r.carol);
    CHECK(again.connect() != revoked);
    if (!revoked) {
      CHECK(r.alice.put(r.papers, {"after"}, "not for bob"));
      r.alice.sync(r.papers);
      r.carol.sync(r.papers);
      again.exchange(r.papers);
      const auto after = r.alice.engine(r.papers).journal().last_signed()->hash;
      CHECK(r.carol.engine(r.papers).feeds().holds(after));
      CHECK_FALSE(r.bob.engine(r.papers).feeds().holds(after));
    }
  }
  SECTION("back-dated ones that a friend of his brings to alice") {
    auto more = draft_after(late, draft_of(r.bob, r.papers, *r.random, "back-dated"));
    const auto next = sign(r.bob.who, r.bob.keys, more, *r.random);
    direct_link with_alice(r, r.alice, r.carol);
    REQUIRE(with_alice.connect());
    CHECK(with_alice.push(r.carol, r.papers, {late, next}) == 2U);  // kept, not shown
    for (const auto& e : {late, next}) CHECK(standing_of(r.alice, e) == standing::quarantined);
    CHECK(r.alice.names(r.papers) == path{"honest"});
  }
}

TEST_CASE("A10: who hands his own removal on with another signature does not stay a member by it",
          "[A10]") {
  rig r;
  r.settle();
  cut_off(r);
  REQUIRE(r.alice.connect(*r.relay));
  const auto before = *r.alice.ledger.head();
  const bool revoked = GENERATE(false, true);
  remove_bob(r, revoked);
  // Dave, whom he has won, has heard of it; bob sits between him and carol.
  REQUIRE(r.dave.connect(*r.relay));
  REQUIRE(r.dave.pull_ledger());
  r.dave.disconnect();
  direct_link with_carol(r, r.dave, r.carol);
  const std::size_t at = GENERATE(0U, 40U);  // the algorithm, the signature
  with_carol.attacker = exchanging_records(r.carol, [&](ledger::record& record) {
    if (record.certificate.header.seq > before.seq) record.certificate.signatures[0][at] ^= 1;
  });
  REQUIRE(with_carol.connect());
  with_carol.exchange_ledgers();
  CHECK(r.carol.ledger.head() == before);  // no record
  CHECK(ledger::is_unsigned(r.carol.noticed.refused.back().code));
  REQUIRE(r.carol.noticed.reports.size() == 1U);
  CHECK(r.carol.noticed.reports[0].what == incident::kind::certificate_unsigned);
  CHECK(r.carol.noticed.reports[0].about ==
        r.dave.who.device);  // who brought it; alice is not accused
  // And nothing was spoilt: from the relay, or from whoever is honest, it comes with its own.
  REQUIRE(r.carol.connect(*r.relay));
  r.carol.sync(r.papers);
  CHECK(r.carol.ledger.head() == r.alice.ledger.head());
  CHECK(r.carol.ledger.role_at(r.papers, r.bob.who.user, r.carol.ledger.head()->seq) == role::none);
}

TEST_CASE("A11: a relay that serves yesterday's ledger is noticed at the first contact of devices",
          "[A11]") {
  rig r;
  r.settle();
  const auto yesterday = copy_of(*r.relay->disk);
  CHECK(r.bob.put(r.papers, {"today"}, "new"));
  r.settle();
  const auto more = r.create_workspace("today's");
  r.alice.sync(r.papers);
  r.alice.disconnect();
  // A new device of carol's remembers nothing, and the relay shows it what was yesterday.
  auto& fresh = r.devices.emplace_back(r, r.carol.who, r.relay->id);
  const bool restarted = GENERATE(true, false);
  relay_node old(*r.relay, copy_of(*yesterday));
  r.attacker = [&](const under_way& u) {
    auto out = std::optional(u.m);
    if (restarted || u.up || u.about != net::message_kind::hello) return out;
    // It did not start anew: its statements go on where today's end.
    auto answer = net::decode<net::hello_answer>(u.m.body.view()).value();
    auto said = ledger::decode_statement(answer.statement).value();
    const auto& last = r.alice.ledger.record_at(r.alice.ledger.head()->seq)->receipt.statement;
    said.incarnation = last.incarnation;
    said.counter = last.counter + 1000;
    const auto lied = ledger::sign_statement(said, r.receipt_key);
    answer.statement = lied.statement_bytes;
    answer.signature = lied.signature;
    out->body = net::encode(answer);
    return out;
  };
  REQUIRE(fresh.connect(old));
  fresh.sync(r.papers);
  REQUIRE(fresh.connect(old));
  CHECK(fresh.noticed.quiet());  // it cannot know
  CHECK(fresh.names(r.papers).empty());
  fresh.disconnect();

  direct_link with_alice(r, r.alice, fresh);
  REQUIRE(with_alice.connect());
  with_alice.exchange(r.papers);
  CHECK(fresh.ledger.head() == r.alice.ledger.head());
  CHECK(fresh.ledger.workspace(more) == nullptr);  // she has no part in that one
  CHECK(fresh.names(r.papers) == path{"today"});
  // From now on the relay does not get away with it.
  REQUIRE(fresh.connect(old));
  REQUIRE_FALSE(fresh.noticed.evidence.empty());
  const auto& found = fresh.noticed.evidence.back();
  CHECK(found.what ==
        (restarted ? ledger::contradiction::restored : ledger::contradiction::stepped_back));
  const auto file = incident::make_proof(incident::of_relay(found, 1), fresh.ledger);
  if (restarted) {
    CHECK(file.error().code == errc::no_contradiction);  // convinces nobody else, and says so
  } else {
    const auto judged = incident::verify_proof(file.value()).value();
    CHECK(judged.relay);
    CHECK(judged.root == r.root.public_key());
  }
}

TEST_CASE(
    "A12: devices that were shown two ledgers find it out when they meet, with both statements",
    "[A12]") {
  rig r;
  relay_node second(*r.relay, copy_of(*r.relay->disk));
  const auto say_something = [&](device& by, const std::string& name) {
    REQUIRE(by.append(
        [&](const ledger::author& a) { return ledger::make_workspace_created(a, name); }));
  };
  const auto more = GENERATE(0, 1, 3);  // the two ledgers are of different lengths, too
  say_something(r.alice, "shown to alice");
  REQUIRE(r.bob.connect(second));
  say_something(r.bob, "shown to bob");
  for (int i = 0; i < more; ++i) say_something(r.bob, "and more");
  for (auto* each : {&r.alice, &r.bob}) CHECK(each->noticed.evidence.empty());
  const auto alices = r.alice.ledger.head();
  const auto bobs = r.bob.ledger.head();
  cut_off(r);

  direct_link link(r, r.alice, r.bob);
  CHECK_FALSE(link.connect());  // the greetings alone tell
  CHECK(link.closed->code == errc::ledger_forked);
  CHECK(r.alice.ledger.head() == alices);  // nobody gives anything up
  CHECK(r.bob.ledger.head() == bobs);
  const auto told = [&](const device& at) {
    std::vector<incident::report> out;
    for (const auto& report : at.noticed.reports)
      if (report.what == incident::kind::relay_forked) out.push_back(report);
    return out;
  };
  CHECK_FALSE((told(r.alice).empty() && told(r.bob).empty()));
  for (auto* each : {&r.alice, &r.bob})
    for (const auto& report : told(*each)) {
      const auto judged =
          incident::verify_proof(incident::make_proof(report, each->ledger).value()).value();
      CHECK(judged.relay);
      CHECK_FALSE(judged.device);
      CHECK(judged.root == r.root.public_key());  // that is all that somebody has to know
    }
}

TEST_CASE("A12: an honest relay is accused by no meeting of devices, behind or ahead", "[A12]") {
  rig r;
  r.settle();
  r.bob.disconnect();
  (void)r.create_workspace("later");
  r.relay->start();
  REQUIRE(r.alice.connect(*r.relay));
  (void)r.create_workspace("still later");
  direct_link link(r, r.alice, r.bob);
  REQUIRE(link.connect());
  link.exchange(r.papers);
  CHECK(r.bob.ledger.head() == r.alice.ledger.head());
  for (auto* each : {&r.alice, &r.bob}) {
    REQUIRE(each->connect(*r.relay));
    CHECK(each->noticed.reports.empty());
    CHECK(each->noticed.evidence.empty());
  }
}

TEST_CASE("A12: two feeds of one device, each shown to another, come together with an incident",
          "[A12]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"base"}, "x"));
  r.settle();
  cut_off(r);
  const auto last = *r.bob.engine(r.papers).feeds().find_entry(
      r.bob.engine(r.papers).journal().last_signed()->hash);
  const auto on = [&](const std::string& name) {
    return sign(r.bob.who, r.bob.keys,
                draft_after(last, draft_of(r.bob, r.papers, *r.random, name)), *r.random);
  };
  direct_link with_alice(r, r.bob, r.alice);
  direct_link with_carol(r, r.bob, r.carol);
  REQUIRE(with_alice.connect());
  REQUIRE(with_carol.connect());
  CHECK(with_alice.push(r.bob, r.papers, {on("for alice")}) == 1U);
  CHECK(with_carol.push(r.bob, r.papers, {on("for carol")}) == 1U);
  direct_link between(r, r.alice, r.carol);
  REQUIRE(between.connect());
  between.exchange(r.papers);
  for (auto* each : {&r.alice, &r.carol}) {
    CHECK(each->names(r.papers) == path{"base", "for alice", "for carol"});
    REQUIRE(each->noticed.entries.size() == 1U);
    const auto& told = each->noticed.entries.front();
    CHECK(told.what == workspace::entry_incident::kind::feed_forked);
    const auto& feeds = each->engine(r.papers).feeds();
    const auto report = incident::of_fork(*feeds.find_entry(told.entry.hash),
                                          *feeds.find_entry(told.other->hash), 1);
    const auto judged =
        incident::verify_proof(incident::make_proof(report, each->ledger).value()).value();
    CHECK(judged.device == r.bob.who.device);
    CHECK_FALSE(judged.relay);
  }
}

TEST_CASE(
    "A13: what the relay withholds comes from whoever has it, and what a device withholds shows",
    "[A13]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"hidden"}, "from bob"));
  r.bob.sync(r.papers);
  const auto hidden = r.bob.engine(r.papers).journal().last_signed()->hash;
  r.alice.sync(r.papers);
  CHECK(r.alice.read(r.papers, {"hidden"}) == "from bob");
  // To carol the relay does not say a word of it, not even that it has it.
  r.attacker =
      hiding_even_in_frontiers(lying_feeds([&](const std::string& to, bytes& e) {
                                 return to != "carol" || feed::decode_entry(e)->hash != hidden;
                               }),
                               "carol", hidden);
  r.carol.sync(r.papers);
  CHECK(r.carol.behind(r.papers).empty());
  CHECK(r.carol.names(r.papers).empty());
  cut_off(r);

  direct_link link(r, r.alice, r.carol);
  SECTION("a device that holds it gives it, contents included") {
    REQUIRE(link.connect());
    link.exchange(r.papers);
    CHECK(link.behind(r.carol, r.papers).empty());
    CHECK(link.read(r.carol, r.papers, {"hidden"}) == "from bob");
  }
  SECTION("the relay's friend in the middle swallows it: the frontier says that it lacks") {
    link.attacker = [&](const device& to, const net::message& m) {
      return &to == &r.carol && m.kind == net::message_kind::feed_push ? std::nullopt
                                                                       : std::optional(m);
    };
    REQUIRE(link.connect());
    link.exchange(r.papers);
    CHECK(r.carol.names(r.papers).empty());
    REQUIRE(link.behind(r.carol, r.papers).size() == 1U);
    CHECK(link.behind(r.carol, r.papers).front().hash == hidden);
  }
  SECTION("a device that gives what builds on it alone is told what lacks, and shows nothing") {
    r.alice.disconnect();
    CHECK(r.alice.put(r.papers, {"hers"}, "knows bob's"));
    const auto hers = r.alice.sign_all(r.papers).front();
    REQUIRE(link.connect());
    CHECK(link.push(r.alice, r.papers, {hers}).error().code == errc::lacks_entries);
    CHECK(r.carol.names(r.papers).empty());
    link.exchange(r.papers);
    CHECK(r.carol.names(r.papers) == path{"hers", "hidden"});
  }
}

TEST_CASE("A5: a flipped bit on a direct link is refused, and spoils nothing for later", "[A5]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"file"}, std::string(3000, 'x')));
  r.settle();
  REQUIRE(r.alice.read(r.papers, {"file"}));
  cut_off(r);
  const auto flips = seeded_random(8);
  for (const auto kind : {net::message_kind::reply, net::message_kind::feed_push}) {
    for (int i = 0; i < 20; ++i) {
      INFO("kind " << static_cast<int>(kind) << ", flip " << i);
      auto& fresh = r.devices.emplace_back(r, r.carol.who, r.relay->id);
      REQUIRE(fresh.take(*r.alice.ledger.record_at({0})));  // an invitation told it so much
      for (std::uint64_t seq = 1; seq < 4; ++seq)
        REQUIRE(fresh.take(ledger::strip_for(r.alice.ledger, {seq}, r.carol.who.user)));
      const auto which = flips->below(4);
      std::size_t seen = 0;
      direct_link link(r, r.alice, fresh);
      link.attacker = [&](const device& to, const net::message& m) {
        auto out = std::optional(m);
        if (&to != &fresh || m.kind != kind || m.bulk.empty() || seen++ != which % 2) return out;
        auto data = to_bytes(m.bulk.view());
        data[flips->below(data.size())] ^= static_cast<std::uint8_t>(1U << flips->below(8));
        out->bulk = data;
        return out;
      };
      REQUIRE(link.connect());
      link.exchange(r.papers);
      const auto before = link.read(fresh, r.papers, {"file"});
      if (before) CHECK(*before == std::string(3000, 'x'));
      direct_link again(r, r.alice, fresh);
      REQUIRE(again.connect());
      again.exchange(r.papers);
      CHECK(fresh.ledger.head() == r.alice.ledger.head());
      CHECK(fresh.ledger.refused().empty());
      CHECK(again.read(fresh, r.papers, {"file"}) == std::string(3000, 'x'));
    }
  }
}

TEST_CASE("A23: who sends feeds without end over a direct link is stopped where a relay stops him",
          "[A23]") {
  rig r;
  r.settle();
  cut_off(r);
  CHECK(r.carol.names(r.papers).empty());
  direct_link with_alice(r, r.bob, r.alice);
  REQUIRE(with_alice.connect());
  std::size_t taken = 0;
  std::optional<errc> refused;
  while (!refused) {
    const auto got = with_alice.push(r.bob, r.papers, generations_of_bob(r, 150));
    if (got)
      taken += *got;
    else
      refused = got.error().code;
    REQUIRE(taken <= ledger::max_heads_of_user);
  }
  CHECK(refused == errc::too_many_heads);
  CHECK(taken == ledger::max_heads_of_user);
  // What she holds she can bring to the relay, and her own work behind it.
  CHECK(r.alice.put(r.papers, {"hers"}, "goes on"));
  REQUIRE(r.alice.connect(*r.relay));
  r.alice.sync(r.papers);
  CHECK_FALSE(r.alice.noticed.has(errc::too_many_heads));
  REQUIRE(r.carol.connect(*r.relay));
  r.carol.sync(r.papers);
  CHECK(r.carol.read(r.papers, {"hers"}) == "goes on");
  // In another workspace the limit is the same one.
  const auto other = r.create_workspace("plans");
  r.share(other, r.bob, role::contributor);
  r.alice.sync(other);
  r.alice.disconnect();
  with_alice.exchange_ledgers();
  auto d = draft_of(r.bob, other, *r.random);
  CHECK(with_alice.push(r.bob, other, {sign(r.bob.who, r.bob.keys, d, *r.random)}).error().code ==
        errc::too_many_heads);
  // Others' entries come all the same.
  CHECK(r.carol.ledger.find_device(r.bob.who.device));
}

TEST_CASE(
    "A28: a Reader who answers another device with other bytes is refused, and not asked again",
    "[A28]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"file"}, "what bob wrote, in full"));
  r.settle();
  REQUIRE(r.carol.read(r.papers, {"file"}));
  r.carol.disconnect();
  r.alice.disconnect();
  // She has read it, so she knows the object's key, and seals what she likes under it.
  const auto shown = r.carol.engine(r.papers).find(path{"file"}).value();
  const auto chunk = std::get<workspace::file_content>(shown.version->content).chunks.front();
  auto& hers = r.carol.objects(r.papers).objects;
  const auto lie = object::seal_object(chunk.key, to_bytes(as_bytes("what carol would like, 23")));
  hers.insert_or_assign(chunk.object, lie);
  direct_link link(r, r.alice, r.carol);
  REQUIRE(link.connect());
  link.exchange(r.papers);
  CHECK_FALSE(link.read(r.alice, r.papers, {"file"}));
  CHECK(r.alice.noticed.has(errc::object_mismatch));
  CHECK(r.alice.noticed.unavailable == std::vector{chunk.object});
  CHECK(r.alice.objects(r.papers).objects.empty());
  // The relay, or bob, has the right one.
  direct_link with_bob(r, r.alice, r.bob);
  REQUIRE(with_bob.connect());
  CHECK(with_bob.read(r.alice, r.papers, {"file"}) == "what bob wrote, in full");
}
