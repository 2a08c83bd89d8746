// File contents on their way and at the relay: swapped, permuted, guessed at
// (THREATS A6, A18, A19, A28).
#include "crypto/stream.hpp"
#include "tests/attack/forgery.hpp"

using namespace keyfold;
using namespace keyfold::attack;
using ledger::role;

namespace {

/// Answers to object_get, changed.
middle lying_objects(std::function<void(bytes&)> change) {
  return [change = std::move(change)](const under_way& u) {
    auto out = std::optional(u.m);
    if (u.up || u.about != net::message_kind::object_get || u.m.kind != net::message_kind::reply)
      return out;
    auto data = to_bytes(u.m.bulk.view());
    change(data);
    net::object_get_answer said{data.size(), {}};
    out->body = net::encode(said);
    out->bulk = data;
    return out;
  };
}

std::string long_text(std::uint64_t seed, std::size_t size = 300'000) {
  return to_string(object::test::random_bytes(seed, size));
}

const workspace::file_content& content_of(device& at, workspace_id workspace, const path& where,
                                          std::optional<workspace::shown_entry>& keeps) {
  keeps = at.engine(workspace).find(where).value();
  return std::get<workspace::file_content>(keeps->version->content);
}

/// The sizes of all objects that went up.
std::multiset<std::size_t> sizes_at(const relay_node& relay) {
  std::multiset<std::size_t> out;
  for (const auto& [id, data] : relay.objects) out.insert(data.size());
  return out;
}

}  // namespace

TEST_CASE("A6: cells permuted, dropped, doubled or cut, and objects swapped, are refused", "[A6]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"one"}, long_text(1)));
  r.bob.sync(r.papers);
  const auto one = r.relay->objects.begin()->second;
  CHECK(r.bob.put(r.papers, {"two"}, long_text(2)));
  r.settle();
  REQUIRE(r.relay->objects.size() == 2);
  const auto& [lowest, highest] =
      std::pair(r.relay->objects.begin()->second, r.relay->objects.rbegin()->second);
  const auto two = lowest == one ? highest : lowest;
  constexpr auto cell = static_cast<std::ptrdiff_t>(sealed_cell_size);
  using change = std::function<void(bytes&)>;
  const std::vector<std::pair<std::string, change>> changes{
      {"swapped cells",
       [](bytes& d) { std::swap_ranges(d.begin(), d.begin() + cell, d.begin() + cell); }},
      {"a cell dropped", [](bytes& d) { d.erase(d.begin(), d.begin() + cell); }},
      {"a cell doubled",
       [](bytes& d) {
         const bytes c(d.begin(), d.begin() + cell);
         d.insert(d.begin(), c.begin(), c.end());
       }},
      {"the end cut", [](bytes& d) { d.resize(d.size() - static_cast<std::size_t>(cell)); }},
      {"a byte cut", [](bytes& d) { d.pop_back(); }},
      {"nothing", [](bytes& d) { d = {0}; }},
      {"another object", [&](bytes& d) { d = d == one ? two : one; }},
  };
  for (const auto& [what, how] : changes) {
    INFO(what);
    auto& fresh = r.devices.emplace_back(r, r.carol.who, r.relay->id);
    fresh.sync(r.papers);
    r.attacker = lying_objects(how);
    for (const auto* name : {"one", "two"})
      CHECK(fresh.read(r.papers, {name}).error().code == errc::objects_missing);
    CHECK(fresh.noticed.unavailable.size() >= 2);
    r.attacker = [](const under_way& u) { return std::optional(u.m); };
    REQUIRE(fresh.connect(*r.relay));
    CHECK(fresh.read(r.papers, {"one"}) == long_text(1));  // control: the truth is taken
    fresh.disconnect();
  }
  SECTION("nor does a device open what lies permuted in its own store") {
    auto& fresh = r.devices.emplace_back(r, r.carol.who, r.relay->id);
    fresh.sync(r.papers);
    REQUIRE(fresh.read(r.papers, {"one"}));
    auto& held = fresh.objects(r.papers).objects;
    REQUIRE(held.size() == 1);
    const auto& [id, data] = *std::find_if(r.relay->objects.begin(), r.relay->objects.end(),
                                           [&](const auto& o) { return !held.contains(o.first); });
    const auto other = object::sealed_object::check(id, data);
    REQUIRE(other);
    held.begin()->second = *other;  // under the right name
    CHECK(fresh.read(r.papers, {"one"}).error().code == errc::bad_seal);
  }
}

TEST_CASE(
    "A18: the relay cannot tell that two workspaces have the same file, nor that one has it twice",
    "[A18]") {
  rig r;
  const auto other = r.create_workspace("plans");
  r.share(other, r.bob, role::contributor);
  for (const auto workspace : {r.papers, other}) r.bob.sync(workspace);
  const auto text = long_text(7);
  CHECK(r.bob.put(r.papers, {"file"}, text));
  r.bob.sync(r.papers);
  const auto before = r.relay->objects;
  SECTION("in another workspace: other objects with other bytes") {
    CHECK(r.bob.put(other, {"file"}, text));
    r.bob.sync(other);
    std::set<hash32> cells;
    for (const auto& [id, data] : before) {
      const auto sealed = object::sealed_object::check(id, data).value();
      cells.insert(sealed.hashes().begin(), sealed.hashes().end());
    }
    std::size_t fresh = 0;
    for (const auto& [id, data] : r.relay->objects) {
      if (before.contains(id)) continue;
      ++fresh;
      const auto sealed = object::sealed_object::check(id, data).value();
      for (const auto& hash : sealed.hashes()) CHECK_FALSE(cells.contains(hash));
    }
    CHECK(fresh >= 1);
  }
  SECTION("twice in one workspace: nothing goes up, and nothing is asked about another object") {
    r.wire.clear();
    CHECK(r.bob.put(r.papers, {"again"}, text));
    r.bob.sync(r.papers);
    CHECK(r.relay->objects == before);
    CHECK(r.wire.size() < 20'000);
    r.carol.sync(r.papers);
    CHECK(r.carol.read(r.papers, {"again"}) == text);
  }
}

TEST_CASE("A19: sizes do not tell a known file from another of like size", "[A19]") {
  // The relay knows the file and guesses from the sizes that it sees: for a public chunker their
  // borders would be the file's fingerprint.
  const auto sizes_of = [](std::uint64_t organization, std::uint64_t file, std::size_t size) {
    rig r(organization);
    CHECK(r.bob.put(r.papers, {"file"}, long_text(file, size)));
    r.bob.sync(r.papers);
    return sizes_at(*r.relay);
  };
  const auto known = sizes_of(1, 100, 5'000'000);
  CHECK(known.size() >= 2);
  // Another workspace cuts the same file elsewhere, so there is no table of a file's sizes to be had.
  std::set<std::multiset<std::size_t>> seen{known};
  for (std::uint64_t organization = 2; organization < 5; ++organization)
    seen.insert(sizes_of(organization, 100, 5'000'000));
  CHECK(seen.size() > 1);
  // Small files of like sizes look all the same.
  const auto small = sizes_of(1, 200, 60'000);
  for (const std::size_t size : {59'500U, 59'900U, 60'100U, 61'000U})
    CHECK(sizes_of(1, size, size) == small);
}

TEST_CASE("A28: a Reader who answers with other bytes under the right key is refused", "[A28]") {
  rig r;
  CHECK(r.bob.put(r.papers, {"file"}, "what bob wrote, in full"));
  r.settle();
  REQUIRE(r.carol.read(r.papers, {"file"}));
  // Carol has read it, so she knows the object's key; she seals what she likes under it.
  std::optional<workspace::shown_entry> keeps;
  const auto chunk = content_of(r.carol, r.papers, {"file"}, keeps).chunks.front();
  const auto lie = object::seal_object(chunk.key, to_bytes(as_bytes("what carol would like, 23")));
  SECTION("control: it would open") {
    auto other = chunk;
    other.length = 25;
    other.plaintext_hash = object::hash_chunk(as_bytes("what carol would like, 23"));
    CHECK(object::open_chunk(other, lie));
  }
  SECTION("as an answer to a request: its id is another") {
    r.attacker = lying_objects([&](bytes& data) { data = to_bytes(lie.data()); });
    CHECK(r.alice.read(r.papers, {"file"}).error().code == errc::objects_missing);
    CHECK(r.alice.noticed.has(errc::object_mismatch));
    r.attacker = [](const under_way& u) { return std::optional(u.m); };
    REQUIRE(r.alice.connect(*r.relay));
    CHECK(r.alice.read(r.papers, {"file"}) == "what bob wrote, in full");
  }
  SECTION("as a range with hashes of her own") {
    object::cell_range range{lie.size(), 0, to_bytes(lie.data()), lie.hashes()};
    CHECK(object::check_range(chunk.object, range).error().code == errc::object_mismatch);
    const auto real =
        object::sealed_object::check(chunk.object, r.relay->objects.at(chunk.object)).value();
    range.hashes = real.hashes();
    CHECK(object::check_range(chunk.object, range).error().code == errc::object_mismatch);
  }
  SECTION("put at the relay under the object's name") {
    CHECK_FALSE(r.bob.ask(net::make_message(net::object_put{r.papers, r.random->id<object_id>()},
                                            80, to_bytes(lie.data()))));
    CHECK(r.carol
              .ask(net::make_message(net::object_put{r.papers, chunk.object}, 81,
                                     to_bytes(lie.data())))
              .error()
              .code == errc::role_insufficient);
  }
  SECTION("smuggled into a store: the plaintext has another hash") {
    auto& held = r.alice.objects(r.papers).objects;
    held.insert_or_assign(chunk.object, lie);
    CHECK(r.alice.read(r.papers, {"file"}).error().code == errc::chunk_mismatch);
  }
}
