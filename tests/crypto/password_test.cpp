#include "crypto/password.hpp"

#include <catch2/catch.hpp>

#include "tests/support/vectors.hpp"

using namespace keyfold;

TEST_CASE("keys from passwords agree with their vectors") {
  for (const auto& row : tests::vectors("crypto", "argon2id")) {
    password_parameters parameters{.memory_kib = row["memory_kib"], .passes = row["passes"]};
    const auto salt = tests::unhex(row["salt"]);
    std::copy(salt.begin(), salt.end(), parameters.salt.begin());
    const auto made =
        derive_from_password(secret_buffer(tests::unhex(row["password"])), parameters);
    CHECK(to_hex(made.value().view()) == row["key"].get<std::string>());
  }
}

TEST_CASE("parameters below the minimum or above the maximum are refused before any work") {
  const secret_buffer password("correct horse");
  const auto verdict = [&](std::uint64_t memory, std::uint64_t passes) {
    const auto made = derive_from_password(password, {.memory_kib = memory, .passes = passes});
    REQUIRE_FALSE(made);
    return made.error().code;
  };
  CHECK(verdict(password_min_memory_kib - 1, password_min_passes) == errc::weak_parameters);
  CHECK(verdict(password_min_memory_kib, password_min_passes - 1) == errc::weak_parameters);
  CHECK(verdict(0, 0) == errc::weak_parameters);
  CHECK(verdict(password_max_memory_kib + 1, password_min_passes) == errc::weak_parameters);
  CHECK(verdict(password_min_memory_kib, password_max_passes + 1) == errc::weak_parameters);
  CHECK(verdict(UINT64_MAX, UINT64_MAX) == errc::weak_parameters);
}

TEST_CASE("fresh parameters have the default cost and a salt of their own") {
  const auto random = seeded_random(1);
  const auto first = password_parameters::fresh(*random);
  const auto second = password_parameters::fresh(*random);
  CHECK(first.salt != second.salt);
  CHECK(first.memory_kib >= password_min_memory_kib);
  CHECK(first.passes >= password_min_passes);
}
