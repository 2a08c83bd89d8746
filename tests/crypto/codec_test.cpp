#include "crypto/codec.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;

TEST_CASE("what a writer wrote a reader reads") {
  writer w;
  w.array(6).nil().boolean(true).uint(1'000'000).str("alice").bin(bytes{1, 2, 3}).array(2).uint(1).uint(2);
  const auto data = std::move(w).take();
  auto r = reader::parse(data);
  REQUIRE(r);
  r->array(6);
  CHECK(r->nil());
  CHECK(r->boolean());
  CHECK(r->uint() == 1'000'000);
  CHECK(r->str(10) == "alice");
  CHECK(to_bytes(r->bin(10)) == bytes{1, 2, 3});
  CHECK(r->raw().size() == 3);
  CHECK(r->finish());
}

TEST_CASE("bytes after the end of a message are refused") {
  const bytes data{0x01, 0x02};
  const auto r = reader::parse(data);
  REQUIRE_FALSE(r);
  CHECK(r.error().code == errc::trailing_bytes);
}

TEST_CASE("an array that announces more elements than there are bytes is refused before it is built") {
  const bytes data{0xdd, 0xff, 0xff, 0xff, 0xff};
  CHECK_FALSE(reader::parse(data));
}

TEST_CASE("nesting beyond the limit is refused") {
  bytes data(100, 0x91);
  data.push_back(0xc0);
  CHECK_FALSE(reader::parse(data));
  CHECK(reader::parse(data, {.max_depth = 200}));
}

TEST_CASE("maps, negative numbers, floats and extensions are refused") {
  for (const bytes& data : {bytes{0x80}, bytes{0xff}, bytes{0xca, 0, 0, 0, 0}, bytes{0xd4, 0, 0}})
    CHECK_FALSE(reader::parse(data));
}

TEST_CASE("a field of another type, a missing one and one too many are malformed") {
  writer w;
  w.array(2).uint(1).str("x");
  const auto data = std::move(w).take();
  auto wrong = reader::parse(data);
  wrong->array(2);
  wrong->bin(10);
  CHECK(wrong->finish().error().code == errc::malformed);
  auto left = reader::parse(data);
  left->array(2);
  left->uint();
  CHECK_FALSE(left->finish());
  auto missing = reader::parse(data);
  missing->array(3);
  CHECK_FALSE(missing->finish());
}
