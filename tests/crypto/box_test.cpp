#include "crypto/box.hpp"

#include <catch2/catch.hpp>

#include "crypto/hash.hpp"
#include "tests/support/vectors.hpp"

using namespace keyfold;

namespace {

const std::string_view context = "keyfold/v1/test";

box_key key_of(std::uint64_t seed) {
  return box_key::generate(*seeded_random(seed));
}

}  // namespace

TEST_CASE("boxes agree with their vectors and open") {
  for (const auto& row : tests::vectors("crypto", "box")) {
    const box_key bob(box_secret_key::from(tests::unhex(row["recipient_secret"])).value());
    const box_key ephemeral(box_secret_key::from(tests::unhex(row["ephemeral_secret"])).value());
    CHECK(to_hex(bob.public_key().encode()) == row["recipient_public"].get<std::string>());
    const auto name = row["context"].get<std::string>();
    const auto plaintext = tests::unhex(row["plaintext"]);
    const auto box = seal_box(name, bob.public_key(), ephemeral, plaintext).value();
    CHECK(to_hex(box) == row["box"].get<std::string>());
    CHECK(to_bytes(open_box(name, bob, box).value().view()) == plaintext);
  }
}

TEST_CASE("a derived ephemeral key gives the same box to everyone who can derive it") {
  const auto bob = key_of(1);
  const auto epoch_key = seeded_random(2)->key();
  const auto row = [&](std::uint8_t user) {
    const auto secret = derive(epoch_key, "keyfold/v1/row-ephemeral", {&user, 1});
    const box_key ephemeral(box_secret_key::from(secret.view()).value());
    return seal_box("keyfold/v1/row", bob.public_key(), ephemeral, epoch_key.view()).value();
  };
  CHECK(row(1) == row(1));
  CHECK(row(1) != row(2));
}

TEST_CASE("a box from a fresh key opens, and is another each time") {
  const auto bob = key_of(1);
  const auto random = seeded_random(3);
  const auto first = seal_box(context, bob.public_key(), as_bytes("hello"), *random).value();
  const auto second = seal_box(context, bob.public_key(), as_bytes("hello"), *random).value();
  CHECK(first != second);
  CHECK(as_text(open_box(context, bob, first).value().view()) == "hello");
}

TEST_CASE("a box with any bit flipped does not open") {
  const auto bob = key_of(1);
  const auto box = seal_box(context, bob.public_key(), key_of(2), as_bytes("hello")).value();
  for (std::size_t bit = 0; bit < box.size() * 8; ++bit) {
    auto changed = box;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    const auto opened = open_box(context, bob, changed);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == (bit < 8 ? errc::unknown_algorithm : errc::bad_seal));
  }
}

TEST_CASE("a box does not open under another context or for another recipient") {
  const auto bob = key_of(1);
  const auto box = seal_box(context, bob.public_key(), key_of(2), as_bytes("hello")).value();
  CHECK(open_box("keyfold/v1/other", bob, box).error().code == errc::bad_seal);
  CHECK(open_box(context, key_of(3), box).error().code == errc::bad_seal);
}

TEST_CASE("a box cut short is refused") {
  const auto bob = key_of(1);
  const auto box = seal_box(context, bob.public_key(), key_of(2), {}).value();
  CHECK(open_box(context, bob, box).value().empty());
  for (std::size_t size = 0; size < box.size(); ++size)
    CHECK(open_box(context, bob, bytes_view(box).first(size)).error().code == errc::malformed);
}

TEST_CASE("a public key of small order, a second encoding and other algorithms are refused") {
  for (const auto& row : tests::vectors("crypto", "box_key_refused")) {
    INFO(row["what"]);
    const auto decoded = box_public_key::decode(tests::unhex(row["key"]));
    REQUIRE_FALSE(decoded);
    CHECK(to_string(decoded.error().code) == row["error"].get<std::string>());
  }
}

TEST_CASE("honest public keys are decoded") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto key = key_of(seed).public_key();
    CHECK(box_public_key::decode(key.encode()).value() == key);
  }
  bytes highest{0x02, 0xe8};  // p - 5: below p, and of large order
  highest.resize(33, 0xff);
  highest.back() = 0x7f;
  CHECK(box_public_key::decode(highest));
}

TEST_CASE("nothing is sealed to, opened from or agreed with a point of small order") {
  const auto bob = key_of(1);
  const box_public_key zero;
  CHECK(seal_box(context, zero, key_of(2), as_bytes("x")).error().code == errc::bad_key);
  CHECK(seal_box(context, zero, as_bytes("x"), *seeded_random(1)).error().code == errc::bad_key);
  CHECK(shared_secret(bob, zero).error().code == errc::bad_key);
  bytes box(49 + 5);
  box[0] = 0x11;
  CHECK(open_box(context, bob, box).error().code == errc::bad_seal);
}

TEST_CASE("both sides of an exchange get one secret, and others another") {
  const auto alice = key_of(1);
  const auto bob = key_of(2);
  const auto secret = shared_secret(alice, bob.public_key()).value();
  CHECK(shared_secret(bob, alice.public_key()).value() == secret);
  CHECK_FALSE(shared_secret(key_of(3), bob.public_key()).value() == secret);
}
