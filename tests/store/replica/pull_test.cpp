// What a pull asks for when entries lack something, and when it believes that they are withheld.
#include "store/replica/pull.hpp"

#include <catch2/catch.hpp>

#include "tests/store/feed/world.hpp"

using namespace keyfold;
using namespace keyfold::replica;

namespace {

constexpr arrived lacks_records{.lacks_records = true};
constexpr arrived lacks_entries{.lacks_entries = true};

struct pulling {
  test::world world{1};
  test::replica_index here{world};
  replica::pull pull{here.feeds};

  pulling() {
    CHECK(one<subscribe>(pull.connected()));
    pull.subscribed({});
  }
  template <class Effect>
  static bool one(const pull::effects& effects) {
    return effects.size() == 1 && std::holds_alternative<Effect>(effects.front());
  }
};

}  // namespace

TEST_CASE(
    "what lacks records is asked for once more when the ledger was pulled, then it is withheld") {
  pulling p;
  CHECK(p.one<pull_ledger>(p.pull.received(lacks_records)));
  CHECK(p.one<subscribe>(p.pull.ledger_pulled()));
  p.pull.subscribed({});
  CHECK(p.one<withheld>(p.pull.received(lacks_records)));
  CHECK_FALSE(p.pull.streaming());
}

TEST_CASE("a ledger that comes in parts gives no reason to think that entries are withheld") {
  pulling p;
  CHECK(p.one<pull_ledger>(p.pull.received(lacks_records)));
  CHECK(p.one<subscribe>(p.pull.ledger_advanced()));  // headers alone
  p.pull.subscribed({});
  CHECK(p.one<pull_ledger>(p.pull.received(lacks_records)));
  CHECK(p.one<subscribe>(p.pull.ledger_advanced()));  // and their bodies
  CHECK(p.pull.ledger_pulled().empty());
  p.pull.subscribed({});
  CHECK(p.pull.received({.fresh = true}).empty());
  CHECK(p.pull.streaming());
}

TEST_CASE("a gap is asked for once, and then withheld until the ledger advances") {
  pulling p;
  CHECK(p.one<subscribe>(p.pull.received(lacks_entries)));
  p.pull.subscribed({});
  CHECK(p.one<withheld>(p.pull.received(lacks_entries)));
  CHECK(p.one<subscribe>(p.pull.ledger_advanced()));
}
