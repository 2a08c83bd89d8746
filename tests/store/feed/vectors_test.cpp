// Golden bytes of entries (tests/vectors/feed.json), made from seeded_random(2): a change of any byte
// shows. With KEYFOLD_WRITE_VECTORS=FILE in the environment they are written to that file.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "store/feed/index.hpp"
#include "tests/store/feed/world.hpp"
#include "tests/support/vectors.hpp"

using namespace keyfold;
using namespace keyfold::feed;
using keyfold::tests::unhex;
using keyfold::tests::vectors;

namespace {

nlohmann::json made_vectors() {
  test::world w(2);
  test::replica_index held(w);
  const auto a0 = w.write(w.alice, nullptr);
  const auto b0 = w.write(w.bob, nullptr, {a0});
  auto d = w.draft_after(w.alice, &a0, {b0});
  d.needed = {w.random->id<object_id>(), w.random->id<object_id>()};
  d.payload = bytes(300, 0x42);
  const auto a1 = w.sign(w.alice, d);

  nlohmann::json out;
  for (const auto& [e, author] : {std::pair{a0, w.alice}, {b0, w.bob}, {a1, w.alice}}) {
    REQUIRE(held.feeds.add(e, w.ledger).fresh);
    nlohmann::json one;
    one["author"] = to_hex(author.key.public_key().encode());
    one["epoch_key"] = to_hex(w.key.view());
    one["header"] = to_hex(e.header_bytes);
    one["hash"] = to_hex(e.hash.view());
    one["entry"] = to_hex(encode_entry(e));
    one["payload"] = to_hex(*open_payload(e, w.key));
    one["lamport"] = e.header.lamport.value;
    out["entries"].push_back(one);
  }
  nlohmann::json refused;
  const auto refuse = [&](const char* name, bytes data) {
    refused.push_back({{"name", name}, {"entry", to_hex(data)}});
  };
  auto mixed = a1;
  mixed.needed = a0.needed;
  refuse("entry_hash_mismatch", encode_entry(mixed));
  auto version = a1;
  version.header_bytes[1] = 2;
  refuse("unknown_version", encode_entry(version));
  auto longer = encode_entry(a1);
  longer.push_back(0xc0);
  refuse("trailing_bytes", longer);
  refuse("malformed", bytes{0x94, 0xc0, 0xc0, 0xc0, 0xc0});
  out["refused"] = refused;

  const std::vector devices{w.alice.device, w.bob.device};
  out["frontiers"] = {{{"attachment", to_hex(held.feeds.signed_heads(devices))}}};
  return out;
}

}  // namespace

TEST_CASE("entries have the bytes of the golden vectors") {
  const auto made = made_vectors();
  if (const auto* path = std::getenv("KEYFOLD_WRITE_VECTORS"))
    std::ofstream(path) << made.dump(1) << '\n';
  for (const auto* group : {"entries", "refused", "frontiers"})
    CHECK(vectors("feed", group) == made.at(group));
}

TEST_CASE("entries of the golden vectors are read, verified and opened") {
  for (const auto& row : vectors("feed", "entries")) {
    const auto e = decode_entry(unhex(row.at("entry")));
    REQUIRE(e);
    CHECK(to_hex(e->hash.view()) == row.at("hash"));
    CHECK(e->header.lamport.value == row.at("lamport"));
    CHECK(check_signature(*e, signing_public_key::decode(unhex(row.at("author"))).value()));
    const auto key = symmetric_key::from(unhex(row.at("epoch_key"))).value();
    CHECK(to_hex(open_payload(*e, key).value()) == row.at("payload"));
  }
}

TEST_CASE("what the golden vectors say is refused") {
  for (const auto& row : vectors("feed", "refused")) {
    const auto e = decode_entry(unhex(row.at("entry")));
    REQUIRE_FALSE(e);
    CHECK(to_string(e.error().code) == row.at("name").get<std::string>());
  }
}
