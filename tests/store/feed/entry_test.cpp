#include "store/feed/entry.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::feed;

namespace {

draft example_draft(random_source& random, std::size_t payload_size) {
  const feed_head other{
      random.id<device_id>(), random.id<generation_id>(), {7}, random.id<entry_hash>()};
  return {.organization = random.id<organization_id>(),
          .workspace = random.id<workspace_id>(),
          .device = random.id<device_id>(),
          .generation = random.id<generation_id>(),
          .seq = {3},
          .prev = random.id<entry_hash>(),
          .ledger = {{12}, random.id<certificate_hash>()},
          .epoch = {2},
          .lamport = {41},
          .seen = {other},
          .needed = {random.id<object_id>(), random.id<object_id>()},
          .payload = bytes(payload_size, 0x5a)};
}

}  // namespace

TEST_CASE("an entry is made, carried, verified and opened") {
  const auto random = seeded_random(1);
  const auto key = random->key();
  const auto alice = signing_key::generate(*random);
  for (const std::size_t size : {0UL, 1UL, 252UL, 253UL, 70'000UL, max_payload_size}) {
    const auto d = example_draft(*random, size);
    const auto made = make_entry(d, key, alice, *random);
    REQUIRE(made);
    CHECK(made->ciphertext.size() <= max_ciphertext_size);
    const auto carried = decode_entry(encode_entry(*made));
    REQUIRE(carried);
    CHECK(carried->hash == made->hash);
    CHECK(encode_entry(*carried) == encode_entry(*made));
    CHECK(check_signature(*carried, alice.public_key()));
    CHECK(open_payload(*carried, key).value() == d.payload);
    CHECK(decode_seen(carried->seen).value() == d.seen);
    CHECK(decode_needed(carried->needed)->size() == 2);
    CHECK(carried->header.ledger == d.ledger);
    CHECK(carried->header.lamport == d.lamport);
  }
}

TEST_CASE("sizes of like payloads look the same from outside") {
  const auto random = seeded_random(2);
  const auto key = random->key();
  const auto alice = signing_key::generate(*random);
  const auto size_of = [&](std::size_t payload) {
    return make_entry(example_draft(*random, payload), key, alice, *random)->ciphertext.size();
  };
  CHECK(size_of(0) == size_of(200));
  CHECK(size_of(100'000) == size_of(100'100));
}

TEST_CASE("an entry beyond a limit is not made") {
  const auto random = seeded_random(3);
  const auto key = random->key();
  const auto alice = signing_key::generate(*random);
  const auto refused = [&](const draft& d) {
    const auto made = make_entry(d, key, alice, *random);
    return !made && made.error().code == errc::too_large;
  };
  CHECK(refused(example_draft(*random, max_payload_size + 1)));
  auto many_seen = example_draft(*random, 1);
  many_seen.seen.resize(max_seen + 1);
  CHECK(refused(many_seen));
  auto many_needed = example_draft(*random, 1);
  many_needed.needed.resize(max_needed + 1);
  CHECK(refused(many_needed));
}

TEST_CASE("any flipped bit of an entry is refused") {
  const auto random = seeded_random(4);
  const auto key = random->key();
  const auto alice = signing_key::generate(*random);
  const auto good = encode_entry(*make_entry(example_draft(*random, 10), key, alice, *random));
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    const auto decoded = decode_entry(bad);
    const bool believed =
        decoded && check_signature(*decoded, alice.public_key()) && open_payload(*decoded, key);
    if (believed) FAIL("bit " << bit << " does not matter");
  }
}

TEST_CASE("an entry whose parts are not those of its header is refused") {
  const auto random = seeded_random(5);
  const auto key = random->key();
  const auto alice = signing_key::generate(*random);
  const auto good = *make_entry(example_draft(*random, 10), key, alice, *random);
  const auto other = *make_entry(example_draft(*random, 10), key, alice, *random);
  const auto refused = [](const entry& e) {
    const auto decoded = decode_entry(encode_entry(e));
    return !decoded && decoded.error().code == errc::entry_hash_mismatch;
  };
  for (auto part : {&entry::seen, &entry::needed, &entry::ciphertext}) {
    auto mixed = good;
    mixed.*part = other.*part;
    CHECK(refused(mixed));
  }
}

TEST_CASE("a payload does not open under another key, or in another place") {
  const auto random = seeded_random(6);
  const auto key = random->key();
  const auto alice = signing_key::generate(*random);
  auto e = *make_entry(example_draft(*random, 10), key, alice, *random);
  CHECK(open_payload(e, random->key()).error().code == errc::bad_seal);
  e.header.seq = e.header.seq.next();
  CHECK(open_payload(e, key).error().code == errc::bad_seal);
}

TEST_CASE("a header of another version, or with a field too many, is refused") {
  const auto random = seeded_random(7);
  const auto alice = signing_key::generate(*random);
  const auto e = *make_entry(example_draft(*random, 10), random->key(), alice, *random);
  auto version = e.header_bytes;
  version[1] = 2;
  CHECK(decode_header(version).error().code == errc::unknown_version);
  auto longer = e.header_bytes;
  longer.push_back(0xc0);
  CHECK_FALSE(decode_header(longer));
  CHECK(decode_header(bytes(max_header_size + 1)).error().code == errc::too_large);
}

TEST_CASE("lists in an entry that are not ascending are refused") {
  const auto random = seeded_random(8);
  const auto a = random->id<object_id>();
  const auto b = random->id<object_id>();
  writer w;
  w.array(2).bin(std::max(a, b)).bin(std::min(a, b));
  CHECK(decode_needed(std::move(w).take()).error().code == errc::malformed);
  writer twice;
  twice.array(2).bin(a).bin(a);
  CHECK(decode_needed(std::move(twice).take()).error().code == errc::malformed);
  CHECK(decode_needed(encode_needed({b, a, a}))->size() == 2);
  CHECK_FALSE(decode_seen(encode_needed({a})));
}
