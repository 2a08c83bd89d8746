// Entries on their way and at rest: flipped, replayed, changed, back-dated, forked, withheld
// (THREATS A5, A7, A8, A10, A13, A26, A32).
#include "tests/attack/forgery.hpp"

using namespace keyfold;
using namespace keyfold::attack;
using feed::standing;
using ledger::role;

namespace {

const middle honest = [](const under_way& u) { return std::optional(u.m); };

/// Bob's first entry, which the others do not have yet.
feed::entry bobs_entry(rig& r, const std::string& name = "his") {
  CHECK(r.bob.put(r.papers, {name}, "bob wrote this"));
  return r.bob.sign_all(r.papers).front();
}

bool has_invalid(const device& at, errc why) {
  const auto all = invalid_ones(at);
  return std::any_of(all.begin(), all.end(), [&](const auto& i) { return i.why == why; });
}

void flip_bit(bytes& data, random_source& random) {
  if (data.empty()) return;
  data[random.below(data.size())] ^= static_cast<std::uint8_t>(1U << random.below(8));
}

}  // namespace

TEST_CASE("A5: a flipped bit in any answer or event is refused, and nothing of it is shown",
          "[A5]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"file"}, std::string(5000, 'x')));
  r.bob.sync(r.papers);
  const auto flips = seeded_random(5);
  // A new device of carol's asks for everything; each time one message of a kind comes with a flip.
  for (const auto kind :
       {net::message_kind::ledger_pull, net::message_kind::feed_advanced,
        net::message_kind::object_get, net::message_kind::hello, net::message_kind::subscribe}) {
    for (int i = 0; i < 12; ++i) {
      INFO("kind " << static_cast<int>(kind) << ", flip " << i);
      auto& fresh = r.devices.emplace_back(r, r.carol.who, r.relay->id);
      bool flipped = false;
      r.attacker = [&](const under_way& u) {
        auto out = std::optional(u.m);
        if (u.up || u.about != kind || std::exchange(flipped, true)) return out;
        auto data = to_bytes(u.m.bulk.empty() ? u.m.body.view() : u.m.bulk.view());
        flip_bit(data, *flips);
        (u.m.bulk.empty() ? out->body : out->bulk) = data;
        return out;
      };
      fresh.sync(r.papers);
      const auto before = fresh.read(r.papers, {"file"});
      CHECK(flipped);
      if (before) CHECK(*before == std::string(5000, 'x'));
      const auto shown = fresh.names(r.papers);
      CHECK((shown.empty() || shown == path{"file"}));
      // Once the relay is honest it is all there: nothing was spoilt for good.
      r.attacker = honest;
      REQUIRE(fresh.connect(*r.relay));
      fresh.sync(r.papers);
      fresh.sync(r.papers);
      CHECK(fresh.read(r.papers, {"file"}) == std::string(5000, 'x'));
      fresh.disconnect();
    }
  }
}

TEST_CASE("A5: a flipped bit in a device's database never shows as another content", "[A5]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"file"}, "what bob wrote"));
  r.settle();
  const auto shown = [&](db::store& disk) -> std::optional<path> {
    const auto sealed = db::sealed_store(disk, r.carol.local_key, *r.random);
    db::transaction state(*sealed);
    bytes prefix{'W'};
    append(prefix, r.papers.view());
    db::prefixed part(state, prefix);
    workspace::engine engine(
        part, r.carol.ledger, [](epoch_number) { return std::nullopt; },
        {r.carol.ledger.id(), r.papers, r.carol.who.device, r.carol.local_key, {}}, *r.random);
    path names;
    std::set<std::uint64_t> sizes;
    if (const auto root = engine.find({}))
      for (const auto& entry : engine.list(*root)) {
        names.push_back(entry.name);
        if (!entry.version) continue;
        const auto* content = std::get_if<workspace::file_content>(&entry.version->content);
        if (content != nullptr) sizes.insert(content->size);
      }
    if (state.failure()) return std::nullopt;  // said to be damaged: nothing of it is used
    CHECK(sizes == std::set<std::uint64_t>{14});
    return names;
  };
  CHECK(shown(*r.carol.disk) == path{"file"});
  db::batch rows;
  const auto take = [&](bytes_view key, bytes_view value) {
    rows[to_bytes(key)] = to_bytes(value);
    return true;
  };
  REQUIRE(r.carol.disk->scan({}, {}, take));
  const auto flips = seeded_random(6);
  std::size_t found_out = 0;
  for (const auto& [key, value] : rows) {
    auto bad = *value;
    flip_bit(bad, *flips);
    const auto disk = copy_of(*r.carol.disk);
    REQUIRE(disk->write({{key, bad}}, true));
    const auto names = shown(*disk);
    if (!names) ++found_out;
    CHECK((!names || *names == path{"file"}));  // a row that was not read does no harm
  }
  CHECK(found_out > 0);
  // Nor do rows that changed places: each is sealed for its key.
  const auto disk = copy_of(*r.carol.disk);
  db::batch moved;
  std::optional<bytes> last = rows.rbegin()->second;
  for (const auto& [key, value] : rows) {
    moved[key] = last;
    last = value;
  }
  REQUIRE(disk->write(moved, true));
  CHECK_FALSE(shown(*disk));
}

TEST_CASE("A7: an entry replayed into another workspace, feed, position or organization is refused",
          "[A7]") {
  rig r;
  const auto e = bobs_entry(r);
  SECTION("control: in its own place it counts") {
    r.carol.receive(r.papers, std::array{e});
    CHECK(r.carol.names(r.papers) == path{"his"});
  }
  SECTION("another workspace in which bob may write as well") {
    const auto other = r.create_workspace("plans");
    r.share(other, r.bob, role::contributor);
    r.share(other, r.carol, role::reader);
    for (auto* each : {&r.bob, &r.carol}) each->sync(other);
    CHECK(push(r.bob, other, {e}).error().code == errc::wrong_workspace);
    r.carol.receive(other, std::array{e});
    CHECK(has_invalid(r.carol, errc::wrong_workspace));
    CHECK(r.carol.names(other).empty());
  }
  SECTION("another organization") {
    rig other(2);
    other.carol.receive(other.papers, std::array{e});
    CHECK(has_invalid(other.carol, errc::wrong_workspace));
    CHECK(other.carol.names(other.papers).empty());
  }
  SECTION("another position, generation or device: then it is not what bob signed") {
    auto h = e.header;
    const int what = GENERATE(0, 1, 2);
    if (what == 0) {
      h.seq = {1};
      h.prev = e.hash;
    }
    if (what == 1) h.generation = r.random->id<generation_id>();
    if (what == 2) h.device = r.alice.who.device;
    auto replayed = e;
    replayed.header = h;
    replayed.header_bytes = feed::encode_header(h);
    replayed.hash = feed::hash_of_header(replayed.header_bytes);
    r.carol.receive(r.papers, std::array{e, replayed});
    CHECK(has_invalid(r.carol, errc::bad_signature));
    CHECK(r.carol.names(r.papers) == path{"his"});
  }
  SECTION("the same again") {
    r.carol.receive(r.papers, std::array{e, e});
    r.carol.receive(r.papers, std::array{e});
    CHECK(r.carol.names(r.papers) == path{"his"});
    CHECK(r.carol.engine(r.papers).feeds().arrivals() == 1U);
  }
}

TEST_CASE("A8: no field of an entry can be changed, with or without its hashes made to fit",
          "[A8]") {
  rig r;
  CHECK(r.alice.put(r.papers, {"hers"}, "first"));
  r.settle();
  const auto e = bobs_entry(r);
  using change = std::function<void(feed::entry&)>;
  const std::vector<std::pair<errc, change>> changes{
      {errc::wrong_workspace, [&](auto& x) { x.header.organization = organization_id{{1}}; }},
      {errc::wrong_workspace, [&](auto& x) { x.header.workspace = workspace_id{{1}}; }},
      {errc::bad_signature, [&](auto& x) { x.header.device = r.alice.who.device; }},
      {errc::bad_signature, [&](auto& x) { x.header.generation = generation_id{{1}}; }},
      {errc::bad_signature,
       [&](auto& x) { x.header.ledger = r.bob.ledger.record_at({4})->certificate.position(); }},
      {errc::bad_signature, [&](auto& x) { x.header.epoch = {1}; }},
      {errc::bad_signature, [&](auto& x) { x.header.lamport = {99}; }},
      {errc::bad_signature, [&](auto& x) { x.header.salt = hash32{{1}}; }},
      {errc::bad_signature,
       [&](auto& x) {
         x.seen = feed::encode_seen({});
         x.header.seen_hash = hash_as<hash32>("keyfold/v1/seen", {x.seen});
       }},
      {errc::bad_signature,
       [&](auto& x) {
         x.needed = feed::encode_needed({});
         x.header.needed_hash = hash_as<hash32>("keyfold/v1/needed", {x.needed});
       }},
      {errc::bad_signature,
       [&](auto& x) {
         x.ciphertext.back() ^= 1;
         x.header.ciphertext_hash = hash_as<hash32>("keyfold/v1/entry-ciphertext", {x.ciphertext});
       }},
      {errc::bad_signature, [&](auto& x) { x.signature.back() ^= 1; }},
      {errc::unknown_algorithm, [&](auto& x) { x.signature.front() ^= 3; }},
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    INFO("change " << i);
    auto forged = e;
    changes[i].second(forged);
    forged.header_bytes = feed::encode_header(forged.header);
    forged.hash = feed::hash_of_header(forged.header_bytes);
    r.carol.noticed.entries.clear();
    r.carol.receive(r.papers, std::array{forged});
    CHECK(has_invalid(r.carol, changes[i].first));
    CHECK(push(r.bob, r.papers, {forged}).error().code == changes[i].first);
    CHECK(r.carol.names(r.papers) == path{"hers"});
  }
  // Lists and ciphertext that are not the header's do not even decode.
  for (const auto part : {&feed::entry::seen, &feed::entry::needed, &feed::entry::ciphertext}) {
    auto forged = e;
    forged.*part = part == &feed::entry::ciphertext ? bytes(400, 1) : bytes{0x90};
    CHECK(feed::decode_entry(feed::encode_entry(forged)).error().code == errc::entry_hash_mismatch);
  }
  r.carol.receive(r.papers, std::array{e});
  CHECK(r.carol.names(r.papers) == path{"hers", "his"});
}

TEST_CASE("A10: what a removed user writes on or back-dates is quarantined, whatever comes first",
          "[A10]") {
  rig r;
  const bool revoked = GENERATE(false, true);
  const bool entries_first = GENERATE(false, true);
  CHECK(r.bob.put(r.papers, {"honest"}, "kept"));
  r.settle();
  const auto last = *r.bob.engine(r.papers).feeds().find_entry(
      r.bob.engine(r.papers).journal().last_signed()->hash);
  const auto before = *r.bob.ledger.head();
  const auto heads = r.alice.asked_heads(r.papers, r.bob.who);
  // Back-dated to when he could write: in his feed, in a fork of it, and in a new generation.
  auto on = draft_after(last, draft_of(r.bob, r.papers, *r.random, "on"));
  auto fork = draft_of(r.bob, r.papers, *r.random, "fork");
  fork.generation = last.header.generation;
  fork.seen.clear();
  fork.lamport = {1};
  auto anew = draft_of(r.bob, r.papers, *r.random, "anew");
  const std::vector late{sign(r.bob.who, r.bob.keys, on, *r.random),
                         sign(r.bob.who, r.bob.keys, fork, *r.random),
                         sign(r.bob.who, r.bob.keys, anew, *r.random)};
  REQUIRE(late.front().header.ledger == before);

  if (entries_first) r.carol.receive(r.papers, late);  // the relay, his friend, hands them to carol
  if (entries_first) CHECK(r.carol.names(r.papers).size() == 4);
  REQUIRE(r.alice.append([&](const ledger::author& a) {
    return revoked ? ledger::make_user_revoked(a, r.bob.who.user, {{r.papers, heads}})
                   : ledger::make_role_changed(a, r.papers, r.bob.who.user, role::none, heads);
  }));
  // The relay itself takes nothing more from him.
  CHECK(push(r.bob, r.papers, late).error().code ==
        (revoked ? errc::stranger : errc::role_insufficient));  // his session has ended
  r.carol.sync(r.papers);
  if (!entries_first) r.carol.receive(r.papers, late);
  r.alice.receive(r.papers, late);
  auto& fresh = r.devices.emplace_back(r, r.carol.who, r.relay->id);
  fresh.sync(r.papers);
  fresh.receive(r.papers, late);
  for (auto* each : {&r.alice, &r.carol, &fresh}) {
    for (const auto& e : late) CHECK(standing_of(*each, e) == standing::quarantined);
    CHECK(standing_of(*each, last) == standing::counts);
    CHECK(each->names(r.papers) == path{"honest"});
    REQUIRE(each->connect(*r.relay));  // a device has one session
    CHECK(each->read(r.papers, {"honest"}) == "kept");
  }
  CHECK(r.carol.ledger.head() == r.alice.ledger.head());
  // At a position after the removal it does not count either.
  auto after = on;
  after.ledger = *r.alice.ledger.head();
  after.epoch = {0};
  r.alice.receive(r.papers, std::array{sign(r.bob.who, r.bob.keys, after, *r.random)});
  CHECK(has_invalid(r.alice, errc::author_could_not_write));
}

TEST_CASE("A10: with the relay's whole disk a removed user does not read what is written later",
          "[A10]") {
  rig r;
  r.settle();
  REQUIRE(r.alice.append([&](const ledger::author& a) {
    return ledger::make_role_changed(a, r.papers, r.bob.who.user, role::none, {});
  }));
  CHECK(r.alice.put(r.papers, {"later"}, "not for bob"));
  r.alice.sync(r.papers);
  // Everything that the relay has, as it has it.
  r.bob.disconnect();
  for (std::uint64_t seq = r.bob.ledger.size(); seq < r.relay->core->ledger().size(); ++seq)
    r.bob.take(*r.relay->core->ledger().record_at({seq})).value();
  CHECK(r.bob.keys.workspace_key(r.papers, {1}) == nullptr);
  const auto hash = r.alice.engine(r.papers).journal().last_signed()->hash;
  const auto e = *r.alice.engine(r.papers).feeds().find_entry(hash);
  CHECK(e.header.epoch == epoch_number{1});
  CHECK(r.bob.receive(r.papers, std::array{e}).lacks_keys == std::set{epoch_number{1}});
  for (const auto epoch : r.bob.keys.epochs(r.papers))
    CHECK(feed::open_payload(e, *r.bob.keys.workspace_key(r.papers, epoch)).error().code ==
          errc::bad_seal);
  CHECK(r.bob.names(r.papers).empty());
  r.carol.sync(r.papers);
  CHECK(r.carol.read(r.papers, {"later"}) == "not for bob");
}

TEST_CASE("A13: an entry that the relay withholds is missed where others name it", "[A13]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"hidden"}, "from bob"));
  r.bob.sync(r.papers);
  const auto hidden = r.bob.engine(r.papers).journal().last_signed()->hash;
  r.attacker = lying_feeds([&](const std::string& to, bytes& e) {
    return to != "carol" || feed::decode_entry(e)->hash != hidden;
  });
  r.carol.sync(r.papers);
  CHECK(r.carol.names(r.papers).empty());
  // The relay's own frontier says that there is more than it gave.
  REQUIRE(r.carol.behind(r.papers).size() == 1U);
  CHECK(r.carol.behind(r.papers).front().hash == hidden);
  SECTION("also in its frontier: then alice's next entry tells") {
    r.attacker = hiding_even_in_frontiers(r.attacker, "carol", hidden);
    r.carol.sync(r.papers);
    CHECK(r.carol.behind(r.papers).empty());
    r.alice.sync(r.papers);
    CHECK(r.alice.put(r.papers, {"hers"}, "knows bob's"));
    r.alice.sync(r.papers);
    r.carol.sync(r.papers);
    CHECK(r.carol.noticed.withheld == std::vector{hidden});
    CHECK(r.carol.names(r.papers).empty());  // nothing is shown without its past
  }
  r.attacker = honest;
  r.carol.sync(r.papers);
  CHECK(r.carol.behind(r.papers).empty());
  CHECK(r.carol.read(r.papers, {"hidden"}) == "from bob");
}

TEST_CASE("A26: two entries signed at one position are both kept, and an incident names the author",
          "[A26]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"base"}, "older work"));
  r.settle();
  const auto last = *r.bob.engine(r.papers).feeds().find_entry(
      r.bob.engine(r.papers).journal().last_signed()->hash);
  const auto one = sign(r.bob.who, r.bob.keys,
                        draft_after(last, draft_of(r.bob, r.papers, *r.random, "one")), *r.random);
  const auto two = sign(r.bob.who, r.bob.keys,
                        draft_after(last, draft_of(r.bob, r.papers, *r.random, "two")), *r.random);
  REQUIRE(one.hash != two.hash);
  r.alice.receive(r.papers, std::array{one});
  r.carol.receive(r.papers, std::array{two});
  // Years later, work was built on one of them.
  CHECK(r.alice.put(r.papers, {"on one"}, "hers"));
  r.alice.sync(r.papers);
  r.carol.sync(r.papers);
  r.alice.receive(r.papers, std::array{two});
  for (auto* each : {&r.alice, &r.carol}) {
    CHECK(each->names(r.papers) == path{"base", "on one", "one", "two"});
    CHECK(each->read(r.papers, {"base"}) == "older work");
    for (const auto& e : {one, two}) CHECK(standing_of(*each, e) == standing::counts);
    const auto& told = each->noticed.entries;
    REQUIRE(told.size() == 1U);
    CHECK(told.front().what == workspace::entry_incident::kind::feed_forked);
    REQUIRE(told.front().other);
    const std::set named{told.front().entry, *told.front().other};
    CHECK(named == std::set{one.head(), two.head()});
    for (const auto& head : named) {
      CHECK(head.device == r.bob.who.device);
      CHECK(each->engine(r.papers).feeds().find_entry(head.hash));  // with both signatures
    }
  }
}

TEST_CASE("A32: what a later version says is never passed over in silence", "[A32]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"file"}, "before"));
  r.settle();
  SECTION("a critical certificate: read-only there, and only there") {
    const auto other = r.create_workspace("plans");
    r.alice.sync(r.papers);
    const auto forged = forge_kind(r.alice.ledger, r.alice.who, r.papers, 99, true);
    CHECK(append_refusal(r.alice, forged) == errc::unknown_kind);  // this relay does not know it
    r.attacker = lying_ledger({receipted(r, forged)});
    for (auto* each : {&r.alice, &r.bob}) {
      each->sync(r.papers);
      CHECK(each->ledger.read_only(r.papers));
      CHECK_FALSE(each->ledger.read_only(other));
      CHECK(each->ledger.check_writable(r.papers, each->who.user).error().code ==
            errc::update_needed);
      CHECK(each->read(r.papers, {"file"}) == "before");
    }
  }
  SECTION("one that is not critical is passed over") {
    r.attacker =
        lying_ledger({receipted(r, forge_kind(r.alice.ledger, r.alice.who, r.papers, 99, false))});
    r.bob.sync(r.papers);
    CHECK_FALSE(r.bob.ledger.read_only(r.papers));
  }
  SECTION(
      "a critical operation: read-only there, with an incident; nothing of the entry is applied") {
    auto d = draft_of(r.bob, r.papers, *r.random);
    writer payload;
    payload.array(3).uint(std::uint64_t{1}).array(0).array(1);
    payload.array(2).uint(std::uint64_t{99}).boolean(true);
    d.payload = std::move(payload).take();
    const auto e = sign(r.bob.who, r.bob.keys, d, *r.random);
    for (auto* each : {&r.alice, &r.carol}) {
      each->receive(r.papers, std::array{e});
      REQUIRE(each->noticed.entries.size() == 1U);
      CHECK(each->noticed.entries.front().what == workspace::entry_incident::kind::later_version);
      CHECK(each->engine(r.papers).read_only());
      CHECK(each->names(r.papers) == path{"file"});
    }
    CHECK(r.alice.put(r.papers, {"more"}, "x").error().code == errc::unknown_critical_operation);
  }
}
