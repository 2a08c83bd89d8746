#include "crypto/sas.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "tests/support/vectors.hpp"

using namespace keyfold;

TEST_CASE("codes agree with their vectors") {
  for (const auto& row : tests::vectors("crypto", "sas")) {
    const auto key = symmetric_key::from(tests::unhex(row["key"])).value();
    CHECK(to_text(sas_from(key)) == row["code"].get<std::string>());
  }
}

TEST_CASE("every code comes back from its text") {
  for (std::uint32_t value = 0; value < 1U << 20; value += 97) {
    const sas_code code{value};
    const auto text = to_text(code);
    REQUIRE(text.size() == 4);
    REQUIRE(sas_from_text(text).value() == code);
  }
  CHECK(sas_from_text(to_text({(1U << 20) - 1})).value().value == (1U << 20) - 1);
}

TEST_CASE("a code may be typed in small letters") {
  CHECK(sas_from_text("ab3d").value() == sas_from_text("AB3D").value());
}

TEST_CASE("text that is no code is refused") {
  for (const auto* text : {"", "AB3", "AB3DE", "AB3I", "AB3O", "AB30", "AB31", "AB 3", "ÄB3"})
    CHECK(sas_from_text(text).error().code == errc::bad_text);
}

TEST_CASE("the candidates are four different codes, and the right one is at every place in turn") {
  const auto random = seeded_random(20261122);
  const sas_code right{12345};
  std::set<std::size_t> places;
  for (int i = 0; i < 200; ++i) {
    const auto all = sas_candidates(right, *random);
    REQUIRE(std::set<sas_code>(all.begin(), all.end()).size() == sas_choices);
    const auto found = std::find(all.begin(), all.end(), right);
    REQUIRE(found != all.end());
    places.insert(static_cast<std::size_t>(found - all.begin()));
    for (const auto code : all) REQUIRE(code.value < 1U << 20);
  }
  CHECK(places.size() == sas_choices);
}
