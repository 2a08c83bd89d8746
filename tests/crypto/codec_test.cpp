#include "crypto/codec.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "tests/support/vectors.hpp"

using namespace keyfold;

TEST_CASE("what a writer wrote a reader reads") {
  writer w;
  w.array(6).nil().boolean(true).uint(1'000'000).str("alice").bin(bytes{1, 2, 3});
  w.array(2).uint(1).uint(2);
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

TEST_CASE("bytes that are not the strict subset are refused, with the reason of their vector") {
  for (const auto& row : tests::vectors("crypto", "codec_refused")) {
    INFO(row["what"]);
    const auto data = tests::unhex(row["bytes"]);
    const auto r = reader::parse(data);
    REQUIRE_FALSE(r);
    CHECK(to_string(r.error().code) == row["error"].get<std::string>());
  }
}

TEST_CASE("nesting beyond the limit is refused") {
  bytes data(100, 0x91);
  data.push_back(0xc0);
  CHECK(reader::parse(data).error().code == errc::malformed);
  CHECK(reader::parse(data, {.max_depth = 100}));
  CHECK_FALSE(reader::parse(data, {.max_depth = 99}));
}

TEST_CASE("a bomb of a million nested arrays is refused") {
  CHECK_FALSE(reader::parse(bytes(1'000'000, 0x91)));
  CHECK_FALSE(reader::parse(bytes(1'000'000, 0x9f)));
}

TEST_CASE("a message beyond its number of bytes is refused before it is looked at") {
  const bytes data(11, 0xc1);
  CHECK(reader::parse(data, {.max_bytes = 10}).error().code == errc::too_large);
  CHECK(reader::parse(data, {.max_bytes = 11}).error().code == errc::malformed);
}

TEST_CASE("a message of more values than its limit is refused") {
  writer w;
  w.array(10);
  for (unsigned i = 0; i < 10; ++i) w.uint(i);
  const auto data = std::move(w).take();
  CHECK(reader::parse(data, {.max_values = 11}));
  CHECK(reader::parse(data, {.max_values = 10}).error().code == errc::too_large);
}

TEST_CASE("a field of another type, a missing one and one too many are malformed") {
  writer w;
  w.array(2).uint(1).str("x");
  const auto data = std::move(w).take();
  auto wrong = reader::parse(data);
  wrong->array(2);
  CHECK(wrong->bin(10).empty());
  CHECK(wrong->finish().error().code == errc::malformed);
  auto left = reader::parse(data);
  left->array(2);
  left->uint();
  CHECK(left->finish().error().code == errc::malformed);
  auto count = reader::parse(data);
  count->array(3);
  CHECK_FALSE(count->good());
}

TEST_CASE("after the first failure every pull gives an empty value") {
  writer w;
  w.array(3).uint(7).str("x").bin(bytes{1});
  const auto data = std::move(w).take();
  auto r = reader::parse(data);
  r->array(3);
  r->boolean();
  CHECK(r->uint() == 0);
  CHECK(r->str(10).empty());
  CHECK(r->bin(10).empty());
  CHECK(r->array_up_to(10) == 0);
  CHECK_FALSE(r->nil());
  CHECK(r->raw().empty());
  CHECK_FALSE(r->finish());
}

TEST_CASE("a pull beyond the end fails") {
  const bytes data{0x01};
  auto r = reader::parse(data);
  CHECK(r->uint() == 1);
  CHECK_FALSE(r->nil());
  CHECK(r->good());
  CHECK(r->uint() == 0);
  CHECK_FALSE(r->good());
}

TEST_CASE("limits of single fields are kept") {
  writer w;
  w.array(4).str("alice").bin(bytes(5)).uint(9).array(2).nil().nil();
  const auto data = std::move(w).take();
  const auto enter = [&] {
    auto r = *reader::parse(data);
    r.array(4);
    return r;
  };
  auto text = enter();
  CHECK(text.str(4).empty());
  CHECK_FALSE(text.good());
  auto binary = enter();
  binary.str(5);
  CHECK(binary.bin(4).empty());
  CHECK_FALSE(binary.good());
  auto number = enter();
  number.str(5);
  number.bin(5);
  CHECK(number.uint_up_to(8) == 0);
  CHECK_FALSE(number.good());
  auto list = enter();
  list.str(5);
  list.bin(5);
  CHECK(list.uint_up_to(9) == 9);
  CHECK(list.array_up_to(1) == 0);
  CHECK_FALSE(list.good());
}

TEST_CASE("an id of another length is refused") {
  writer w;
  w.bin(bytes(15));
  const auto data = std::move(w).take();
  auto r = reader::parse(data);
  CHECK(r->id<user_id>().is_zero());
  CHECK_FALSE(r->good());
}

TEST_CASE("an optional field is nil or present") {
  writer w;
  w.array(3).optional_bin(std::nullopt).optional_bin(bytes{1}).optional_bin(bytes{});
  const auto data = std::move(w).take();
  auto r = reader::parse(data);
  r->array(3);
  CHECK_FALSE(r->optional_bin(10));
  CHECK(r->optional_bin(10)->size() == 1);
  CHECK(r->optional_bin(10)->empty());
  CHECK(r->finish());
}

TEST_CASE("raw gives the whole encoding of arrays, also of empty and nested ones at the end") {
  writer inner;
  inner.array(2).array(0).array(1).array(2).str("deep").array(0);
  const auto nested = std::move(inner).take();
  writer w;
  w.array(4).raw(nested).array(0).uint(5).raw(nested);
  const auto data = std::move(w).take();
  auto r = reader::parse(data);
  REQUIRE(r);
  r->array(4);
  CHECK(to_bytes(r->raw()) == nested);
  CHECK(to_bytes(r->raw()) == bytes{0x90});
  CHECK(to_bytes(r->raw()) == bytes{0x05});
  CHECK(to_bytes(r->raw()) == nested);
  CHECK(r->finish());
  auto whole = reader::parse(data);
  CHECK(to_bytes(whole->raw()) == data);
  CHECK(whole->finish());
}

TEST_CASE("empty arrays are entered and left") {
  writer w;
  w.array(2).array(0).array(0);
  const auto data = std::move(w).take();
  auto r = reader::parse(data);
  r->array(2);
  r->array(0);
  CHECK(r->array_up_to(5) == 0);
  CHECK(r->finish());
}

TEST_CASE("sizes at the borders of the encodings are read back") {
  for (const std::size_t n : {0U, 1U, 15U, 16U, 31U, 32U, 255U, 256U, 65535U, 65536U}) {
    writer w;
    w.array(3).str(std::string(n, 'x')).bin(bytes(n, 7)).array(n);
    for (std::size_t i = 0; i < n; ++i) w.nil();
    const auto data = std::move(w).take();
    auto r = reader::parse(data);
    REQUIRE(r);
    r->array(3);
    CHECK(r->str(n).size() == n);
    CHECK(r->bin(n).size() == n);
    CHECK(r->array_up_to(n) == n);
    for (std::size_t i = 0; i < n; ++i) r->nil();
    CHECK(r->finish());
  }
}

namespace {

/// Writes again what a reader gives, value by value.
void copy_value(reader& from, writer& to) {
  if (from.nil()) {
    to.nil();
    return;
  }
  const auto kept = from;
  const auto attempt = [&](auto pull) {
    from = kept;
    const auto value = pull();
    return std::pair(from.good(), value);
  };
  if (const auto [ok, v] = attempt([&] { return from.uint(); }); ok)
    to.uint(v);
  else if (const auto [ok2, v2] = attempt([&] { return from.boolean(); }); ok2)
    to.boolean(v2);
  else if (const auto [ok3, v3] = attempt([&] { return from.str(SIZE_MAX); }); ok3)
    to.str(v3);
  else if (const auto [ok4, v4] = attempt([&] { return from.bin(SIZE_MAX); }); ok4)
    to.bin(v4);
  else if (const auto [ok5, n] = attempt([&] { return from.array_up_to(SIZE_MAX); }); ok5) {
    to.array(n);
    for (std::size_t i = 0; i < n; ++i) copy_value(from, to);
  }
}

}  // namespace

TEST_CASE("whatever bytes are accepted are the only encoding of their value") {
  CHECK(rc::check([](const std::vector<std::uint8_t>& noise, std::uint8_t lead) {
    bytes data{lead};
    append(data, noise);
    const auto parsed = reader::parse(data);
    if (!parsed) return true;
    auto r = *parsed;
    writer w;
    copy_value(r, w);
    return r.finish().has_value() && std::move(w).take() == data;
  }));
}
