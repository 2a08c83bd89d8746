#include "store/db/format.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::db;

TEST_CASE("a database keeps the version of its form, and is refused under another") {
  const auto database = memory_store();
  REQUIRE(check_format(*database, 1));
  REQUIRE(check_format(*database, 1));
  CHECK(check_format(*database, 2).error().code == errc::unknown_version);
  REQUIRE(check_format(*database, 1));  // the refusal changed nothing
}
