#include "crypto/padding.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "tests/support/vectors.hpp"

using namespace keyfold;

TEST_CASE("padded sizes agree with their vectors") {
  for (const auto& row : tests::vectors("crypto", "padme"))
    CHECK(padme(row[0].get<std::uint64_t>()) == row[1].get<std::uint64_t>());
}

TEST_CASE("a padded size is at least the minimum") {
  CHECK(padme(0, 4096) == 4096);
  CHECK(padme(5000, 4096) == padme(5000));
}

TEST_CASE("padding never shrinks, is padded already, keeps order and adds at most 12 percent") {
  CHECK(rc::check([](std::uint64_t any) {
    const auto size = any >> 1;
    const auto padded = padme(size);
    return padded >= size && padme(padded) == padded && padded <= padme(size + 1) &&
           padded - size <= size / 8 + 1;
  }));
}
