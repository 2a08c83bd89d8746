#include "crypto/sign.hpp"

#include <catch2/catch.hpp>

#include "tests/support/vectors.hpp"

using namespace keyfold;

namespace {

const std::string_view context = "keyfold/v1/test";

struct signed_message {
  signing_key key = signing_key::generate(*seeded_random(1));
  bytes message = to_bytes(as_bytes("alice says hello"));
  bytes signature = key.sign(context, message);
};

}  // namespace

TEST_CASE("signatures agree with their vectors and verify") {
  for (const auto& row : tests::vectors("crypto", "sign")) {
    const signing_key key(signing_seed::from(tests::unhex(row["seed"])).value());
    CHECK(to_hex(key.public_key().encode()) == row["public"].get<std::string>());
    const auto message = tests::unhex(row["message"]);
    const auto signature = key.sign(row["context"].get<std::string>(), message);
    CHECK(to_hex(signature) == row["signature"].get<std::string>());
    CHECK(verify(key.public_key(), row["context"].get<std::string>(), message, signature));
  }
}

TEST_CASE("a signature with any bit flipped is refused") {
  const signed_message s;
  for (std::size_t bit = 0; bit < s.signature.size() * 8; ++bit) {
    auto changed = s.signature;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    const auto verdict = verify(s.key.public_key(), context, s.message, changed);
    REQUIRE_FALSE(verdict);
    CHECK(verdict.error().code == (bit < 8 ? errc::unknown_algorithm : errc::bad_signature));
  }
}

TEST_CASE("a signature of another message, context or key is refused") {
  const signed_message s;
  const auto bob = signing_key::generate(*seeded_random(2));
  auto other = s.message;
  other.back() ^= 1;
  CHECK(verify(s.key.public_key(), context, other, s.signature).error().code ==
        errc::bad_signature);
  CHECK(verify(s.key.public_key(), "keyfold/v1/other", s.message, s.signature).error().code ==
        errc::bad_signature);
  CHECK(verify(bob.public_key(), context, s.message, s.signature).error().code ==
        errc::bad_signature);
}

TEST_CASE("the border between context and message cannot be moved") {
  const auto key = signing_key::generate(*seeded_random(1));
  const auto signature = key.sign("ab", as_bytes("c"));
  CHECK_FALSE(verify(key.public_key(), "a", as_bytes("bc"), signature));
}

TEST_CASE("a signature of the wrong length is malformed") {
  const signed_message s;
  auto longer = s.signature;
  longer.push_back(0);
  for (const auto& wrong : {bytes{}, bytes(s.signature.begin(), s.signature.end() - 1), longer})
    CHECK(verify(s.key.public_key(), context, s.message, wrong).error().code == errc::malformed);
}

TEST_CASE("under a public key of small order nothing verifies") {
  signing_public_key small;
  small.value[0] = 1;  // the neutral element: R = S·B would verify for every message
  bytes signature(signature_size);
  signature[0] = 0x01;
  signature[1] = 0x01;
  CHECK(verify(small, context, as_bytes("anything"), signature).error().code ==
        errc::bad_signature);
}

TEST_CASE("a signing key on the wire names its algorithm") {
  const auto key = signing_key::generate(*seeded_random(1)).public_key();
  auto encoded = key.encode();
  CHECK(signing_public_key::decode(encoded).value() == key);
  CHECK(signing_public_key::decode(bytes_view(encoded).first(32)).error().code == errc::malformed);
  CHECK(signing_public_key::decode({}).error().code == errc::malformed);
  encoded[0] = 0x02;
  CHECK(signing_public_key::decode(encoded).error().code == errc::unknown_algorithm);
}

TEST_CASE("a signing key made again from its seed is the same") {
  const auto key = signing_key::generate(*seeded_random(1));
  const signing_key again(key.seed());
  CHECK(again.public_key() == key.public_key());
  CHECK(again.sign(context, {}) == key.sign(context, {}));
}
