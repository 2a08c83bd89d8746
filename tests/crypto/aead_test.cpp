#include "crypto/aead.hpp"

#include <catch2/catch.hpp>

#include "tests/support/vectors.hpp"

using namespace keyfold;

namespace {

const std::string_view context = "keyfold/v1/test";

/// Hands out the bytes of a vector as if they were random.
class given_bytes final : public random_source {
 public:
  explicit given_bytes(bytes given) : given_(std::move(given)) {}
  void fill(std::span<std::uint8_t> out) override {
    REQUIRE(out.size() == given_.size());
    std::copy(given_.begin(), given_.end(), out.begin());
  }

 private:
  bytes given_;
};

struct sealed_message {
  symmetric_key key = seeded_random(1)->key();
  bytes sealed = seal(key, context, as_bytes("about"), as_bytes("hello"), *seeded_random(2));
};

}  // namespace

TEST_CASE("sealed messages agree with their vectors and open") {
  for (const auto& row : tests::vectors("crypto", "aead")) {
    const auto key = symmetric_key::from(tests::unhex(row["key"])).value();
    const auto name = row["context"].get<std::string>();
    const auto associated = tests::unhex(row["associated"]);
    const auto plaintext = tests::unhex(row["plaintext"]);
    given_bytes nonce(tests::unhex(row["nonce"]));
    const auto sealed = seal(key, name, associated, plaintext, nonce);
    CHECK(to_hex(sealed) == row["sealed"].get<std::string>());
    CHECK(sealed.size() == plaintext.size() + aead_overhead);
    CHECK(to_bytes(open(key, name, associated, sealed).value().view()) == plaintext);
  }
}

TEST_CASE("a sealed message with any bit flipped does not open") {
  const sealed_message m;
  for (std::size_t bit = 0; bit < m.sealed.size() * 8; ++bit) {
    auto changed = m.sealed;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    const auto opened = open(m.key, context, as_bytes("about"), changed);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == (bit < 8 ? errc::unknown_algorithm : errc::bad_seal));
  }
}

TEST_CASE("a sealed message does not open with another key, context or associated bytes") {
  const sealed_message m;
  const auto other = seeded_random(3)->key();
  CHECK(open(other, context, as_bytes("about"), m.sealed).error().code == errc::bad_seal);
  CHECK(open(m.key, "keyfold/v1/other", as_bytes("about"), m.sealed).error().code ==
        errc::bad_seal);
  CHECK(open(m.key, context, as_bytes("else"), m.sealed).error().code == errc::bad_seal);
  CHECK(open(m.key, context, {}, m.sealed).error().code == errc::bad_seal);
}

TEST_CASE("the border between context and associated bytes cannot be moved") {
  const auto key = seeded_random(1)->key();
  const auto sealed = seal(key, "ab", as_bytes("c"), {}, *seeded_random(2));
  CHECK(open(key, "ab", as_bytes("c"), sealed).value().empty());
  CHECK_FALSE(open(key, "a", as_bytes("bc"), sealed));
}

TEST_CASE("a sealed message cut short is refused") {
  const sealed_message m;
  for (std::size_t size = 0; size < m.sealed.size(); ++size) {
    const auto opened = open(m.key, context, as_bytes("about"), bytes_view(m.sealed).first(size));
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == (size < aead_overhead ? errc::malformed : errc::bad_seal));
  }
}
