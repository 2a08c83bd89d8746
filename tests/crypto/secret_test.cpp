#include "crypto/secret.hpp"

#include <catch2/catch.hpp>
#include <new>
#include <sstream>

#include "crypto/random.hpp"

using namespace keyfold;

TEST_CASE("secrets print as ****") {
  std::ostringstream out;
  out << seeded_random(1)->key() << ' ' << secret_buffer("password");
  CHECK(out.str() == "**** ****");
}

TEST_CASE("a secret wipes its bytes when it goes") {
  alignas(symmetric_key) std::array<std::uint8_t, sizeof(symmetric_key)> place{};
  auto* key = new (place.data()) symmetric_key(seeded_random(1)->key());
  REQUIRE(std::any_of(place.begin(), place.end(), [](auto b) { return b != 0; }));
  key->~secret_bytes();
  // Through volatile: a compiler may take bytes of a gone object for unknown.
  const volatile auto* bytes_now = place.data();
  for (std::size_t i = 0; i < place.size(); ++i) CHECK(bytes_now[i] == 0);
}

TEST_CASE("secrets compare by their bytes, and have exactly their size") {
  const auto key = seeded_random(1)->key();
  CHECK(symmetric_key::from(key.view()).value() == key);
  CHECK_FALSE(symmetric_key{} == key);
  CHECK(symmetric_key::from(bytes(31)).error().code == errc::malformed);
  CHECK(symmetric_key::from(bytes(33)).error().code == errc::malformed);
}

TEST_CASE("a secret buffer survives copies, moves and assignment to itself") {
  secret_buffer a("alice");
  secret_buffer b = a;
  CHECK(as_text(b.view()) == "alice");
  auto& same = a;
  a = same;
  a = std::move(same);
  CHECK(as_text(a.view()) == "alice");
  secret_buffer c = std::move(a);
  b = std::move(c);
  CHECK(as_text(b.view()) == "alice");
  CHECK(secret_buffer{}.empty());
}
