#include "crypto/bytes.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "crypto/ids.hpp"
#include "tests/support/vectors.hpp"

using namespace keyfold;

TEST_CASE("base32 agrees with its vectors both ways, in either case") {
  for (const auto& row : tests::vectors("crypto", "base32")) {
    const auto data = tests::unhex(row["bytes"]);
    auto text = row["text"].get<std::string>();
    CHECK(to_base32(data) == text);
    CHECK(from_base32(text).value() == data);
    for (auto& c : text) c = static_cast<char>(std::tolower(c));
    CHECK(from_base32(text).value() == data);
  }
}

TEST_CASE("base64url agrees with its vectors both ways") {
  for (const auto& row : tests::vectors("crypto", "base64url")) {
    const auto data = tests::unhex(row["bytes"]);
    CHECK(to_base64url(data) == row["text"].get<std::string>());
    CHECK(from_base64url(row["text"].get<std::string>()).value() == data);
  }
}

TEST_CASE("text that is no base32 or base64url, or a second spelling of bytes, is refused") {
  for (const auto& text : tests::vectors("crypto", "base32_refused")) {
    INFO(text);
    CHECK(from_base32(text.get<std::string>()).error().code == errc::bad_text);
  }
  for (const auto& text : tests::vectors("crypto", "base64url_refused")) {
    INFO(text);
    CHECK(from_base64url(text.get<std::string>()).error().code == errc::bad_text);
  }
}

TEST_CASE("any bytes come back from each text form") {
  CHECK(rc::check([](const bytes& data) {
    return from_base32(to_base32(data)).value() == data &&
           from_base64url(to_base64url(data)).value() == data &&
           from_hex(to_hex(data)).value() == data;
  }));
}

TEST_CASE("whatever text is accepted as base32 or base64url is the only spelling of its bytes") {
  CHECK(rc::check([](std::string text) {
    for (auto& c : text) c = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"[static_cast<unsigned char>(c) % 32];
    const auto short_form = from_base32(text);
    const auto long_form = from_base64url(text);
    return (!short_form || to_base32(*short_form) == text) &&
           (!long_form || to_base64url(*long_form) == text);
  }));
}

TEST_CASE("empty text is no bytes in each text form") {
  CHECK(from_base32("").value().empty());
  CHECK(from_base64url("").value().empty());
  CHECK(from_hex("").value().empty());
}

TEST_CASE("text that is no hexadecimal is refused") {
  for (const auto* text : {"a", "abc", "0g", "00 ", " 00", "0x00"})
    CHECK(from_hex(text).error().code == errc::bad_text);
}

TEST_CASE("u64 stands in big endian, so that the order of bytes is the order of numbers") {
  bytes data;
  append_u64(data, 0x0102030405060708);
  CHECK(data == bytes{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(read_u64(data) == 0x0102030405060708);
  CHECK(rc::check([](std::uint64_t a, std::uint64_t b) {
    bytes left, right;
    append_u64(left, a);
    append_u64(right, b);
    return read_u64(left) == a && (left < right) == (a < b);
  }));
}

TEST_CASE("constant-time comparison tells equal from different, and sizes apart") {
  CHECK(equal_constant_time(bytes{}, bytes{}));
  CHECK(equal_constant_time(bytes{1, 2}, bytes{1, 2}));
  CHECK_FALSE(equal_constant_time(bytes{1, 2}, bytes{1, 3}));
  CHECK_FALSE(equal_constant_time(bytes{1, 2}, bytes{1, 2, 0}));
}

TEST_CASE("ids are read from exactly their bytes and their text form") {
  const bytes data(16, 0xab);
  const auto id = user_id::from(data).value();
  CHECK(user_id::from_text(to_text(id)).value() == id);
  CHECK_FALSE(id.is_zero());
  CHECK(user_id{}.is_zero());
  CHECK(user_id::from(bytes(15)).error().code == errc::malformed);
  CHECK(user_id::from(bytes(17)).error().code == errc::malformed);
  CHECK(user_id::from_text("AAA").error().code == errc::bad_text);
  CHECK(user_id::from_text("AAAAAAAA").error().code == errc::malformed);
}

TEST_CASE("an error code is found by its name, and a later version's is unknown") {
  CHECK(to_string(errc::bad_seal) == "bad_seal");
  CHECK(errc_from_string("bad_seal") == errc::bad_seal);
  CHECK(errc_from_string("of_another_age") == errc::unknown);
  CHECK(to_string(static_cast<errc>(100'000)) == "unknown");
  CHECK(fail(errc::bad_seal).value().message == "bad_seal");
}
