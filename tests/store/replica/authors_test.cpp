#include "store/replica/authors.hpp"

#include <catch2/catch.hpp>

#include "tests/store/workspace/world.hpp"

using namespace keyfold;
using tests::id_of;
using namespace keyfold::replica;

namespace {

const auto anybody = [](const device_id&) { return true; };
const auto nobody = [](const device_id&) { return false; };

}  // namespace

TEST_CASE("an author who is at the relay brings his entries himself") {
  authors_at_relay authors;
  const auto author = id_of<device_id>(1, 1);
  CHECK_FALSE(authors.brings(author, anybody));
  authors.came(author);
  CHECK(authors.brings(author, anybody));
  CHECK_FALSE(authors.brings(id_of<device_id>(1, 2), anybody));
  SECTION("until he goes: perhaps he had not brought them") {
    CHECK(authors.went(author));
    CHECK_FALSE(authors.went(author));
    CHECK_FALSE(authors.brings(author, anybody));
  }
  SECTION("until he may not any more") {
    CHECK_FALSE(authors.review(anybody));
    CHECK(authors.review(nobody));
    CHECK_FALSE(authors.review(nobody));
    CHECK_FALSE(authors.brings(author, nobody));
  }
  SECTION("until the relay is gone") {
    authors.clear();
    CHECK_FALSE(authors.review(nobody));
    CHECK_FALSE(authors.brings(author, anybody));
  }
}

TEST_CASE("who goes and was left nothing is not waited for") {
  authors_at_relay authors;
  const auto author = id_of<device_id>(1, 1);
  authors.came(author);
  CHECK_FALSE(authors.went(author));
  CHECK_FALSE(authors.review(nobody));
}
