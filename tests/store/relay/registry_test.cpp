#include "store/relay/registry.hpp"

#include <catch2/catch.hpp>

#include "tests/support/organization.hpp"

using namespace keyfold;
using namespace keyfold::relay;

namespace {

constexpr timestamp now{1'000'000'000};

errc code(const auto& result) {
  return result.error().code;
}

struct desk {
  explicit desk(bool open = false) : store(db::memory_store()), state(*store), book(state, open) {}
  expected<registry::created> create(std::string name,
                                     std::optional<invitation::creation_token> token,
                                     timestamp at = now) {
    return book.create({std::move(name), token, genesis}, "1.2.3.4", org.relay, at, org.random());
  }
  tests::organization org;  // "wonderland"
  bytes genesis = ledger::encode_certificate(org.records.front().certificate);
  std::unique_ptr<db::store> store;
  db::transaction state;
  registry book;
};

}  // namespace

TEST_CASE("a relay keeps its keys over restarts") {
  const auto store = db::memory_store();
  const auto random = seeded_random(1);
  db::transaction first(*store);
  const auto made = load_identity(first, *random).value();
  REQUIRE(first.commit(true));
  db::transaction second(*store);
  const auto loaded = load_identity(second, *random).value();
  CHECK(loaded.link.public_key() == made.link.public_key());
  CHECK(loaded.receipt_key.public_key() == made.receipt_key.public_key());
  second.put(bytes{'k'}, bytes{1, 2, 3});
  CHECK(code(load_identity(second, *random)) == errc::damaged);
}

TEST_CASE("a creation token works once") {
  desk d;
  const auto token = d.book.create_token("wonderland", now, d.org.random()).value();
  const auto created = d.create("wonderland", token).value();
  CHECK(created.id == d.org.state.id());
  const ledger::record made{d.org.records.front().certificate,
                            ledger::decode_receipt(created.receipt).value()};
  CHECK(ledger::check_receipt(made, d.org.relay.public_key()));
  CHECK(d.book.find("wonderland")->id == created.id);
  CHECK(d.book.list().size() == 1);
  CHECK(code(d.create("wonderland", token)) == errc::creation_refused);
  db::prefixed part(d.state, registry::part_of(created.id));
  CHECK(organization::load(part, created.id, d.org.relay, d.org.random()).value()->ledger().head());
}

TEST_CASE("without a token, with a wrong, expired or other name's one, nothing is created") {
  desk d;
  CHECK(code(d.create("wonderland", {})) == errc::creation_refused);
  CHECK(code(d.create("wonderland", invitation::creation_token{{1}})) == errc::creation_refused);
  const auto other = d.book.create_token("looking glass", now, d.org.random()).value();
  CHECK(code(d.create("wonderland", other)) == errc::creation_refused);
  CHECK(code(d.create("looking glass", other)) ==
        errc::creation_refused);  // the genesis says otherwise
  const auto token = d.book.create_token("wonderland", now, d.org.random()).value();
  CHECK(code(d.create("wonderland", token, now + creation_token_life)) == errc::creation_refused);
  CHECK(d.book.list().empty());
}

TEST_CASE("an open relay lets anyone create, but an id and a name once, and not without end") {
  desk d(true);
  CHECK(d.create("wonderland", {}));
  CHECK(code(d.create("wonderland", {})) == errc::organization_exists);
  tests::organization other(2);
  d.genesis = ledger::encode_certificate(other.records.front().certificate);
  CHECK(code(d.create("wonderland", {})) == errc::organization_exists);
  errc last = errc::unknown;
  for (int i = 0; i < 20; ++i) last = code(d.create("wonderland", {}));
  CHECK(last == errc::rate_limited);
}

TEST_CASE("what is no genesis creates nothing") {
  desk d(true);
  d.genesis = {0xc0};
  CHECK(code(d.create("wonderland", {})) == errc::malformed);
  d.org.add("bob");
  d.genesis = ledger::encode_certificate(d.org.records.back().certificate);
  CHECK(code(d.create("wonderland", {})) == errc::genesis_misplaced);
  CHECK(d.state.empty());
}

TEST_CASE("a token for a name that is taken, or is none, is not given") {
  desk d(true);
  REQUIRE(d.create("wonderland", {}));
  CHECK(code(d.book.create_token("wonderland", now, d.org.random())) == errc::organization_exists);
  CHECK(code(d.book.create_token("", now, d.org.random())) == errc::bad_organization_name);
}

TEST_CASE("an organization is frozen and thawed, lastingly") {
  desk d(true);
  const auto id = d.create("wonderland", {}).value().id;
  REQUIRE(d.book.set_frozen(id, true));
  CHECK(d.book.find(id)->frozen);
  REQUIRE(d.book.set_frozen(id, false));
  CHECK_FALSE(d.book.find(id)->frozen);
  CHECK(code(d.book.set_frozen({{9}}, true)) == errc::organization_unknown);
}

TEST_CASE("a creator is greeted with the receipt key before there is a ledger") {
  desk d;
  const auto nonce = d.org.random().id<hash32>();
  const auto said = d.book.greet_creator({{1}}, nonce, d.org.relay, d.org.random()).value();
  CHECK(ledger::verify_statement(said.statement_bytes, said.signature, d.org.relay.public_key()));
  CHECK(said.statement.hash.is_zero());
  CHECK(said.statement.nonce == nonce);
}

TEST_CASE("nobody is greeted as the creator of an organization that is there") {
  desk d(true);
  const auto id = d.create("wonderland", {}).value().id;
  CHECK(code(d.book.greet_creator(id, {}, d.org.relay, d.org.random())) ==
        errc::organization_exists);
}
