// Another relay for the organization: who may say so, and whose receipts count from when on.
#include "tests/support/organization.hpp"

using namespace keyfold;
using namespace keyfold::ledger;
using keyfold::tests::organization;
using keyfold::tests::person;

namespace {

const std::vector<std::string> address{"keyfold://127.0.0.1:7001/?k=y"};

errc refusal_of(const organization& o, const person& by, const relay_set& what) {
  const auto result = o.state.check(o.statement(by, std::nullopt, what));
  REQUIRE_FALSE(result);
  return result.error().code;
}

/// The receipt of another relay than the present one.
record receipted_by(organization& o, const certificate& c, const signing_key& relay,
                    std::uint64_t term) {
  const statement said{c.header.organization,           term, c.header.seq, c.hash, 1,
                       o.random().id<incarnation_id>(), {}};
  return {c, sign_statement(said, relay)};
}

certificate moves_to(organization& o, const signing_key& relay) {
  return o.as(o.alice, [&](auto a) { return make_relay_set(a, relay.public_key(), address); })
      .value();
}

errc code(const auto& result) {
  REQUIRE_FALSE(result);
  return result.error().code;
}

}  // namespace

TEST_CASE("only an Administrator sets another relay") {
  organization o;
  const auto bob = o.add("bob");
  const auto key = signing_key::generate(o.random()).public_key();
  CHECK(refusal_of(o, bob, {1, key, address}) == errc::not_administrator);
  CHECK(o.state.check(o.statement(o.alice, std::nullopt, relay_set{1, key, address})));
}

TEST_CASE("a relay set is to the next term, with a key of its own and addresses") {
  organization o;
  const auto key = signing_key::generate(o.random()).public_key();
  for (const std::uint64_t term : {0, 2})
    CHECK(refusal_of(o, o.alice, {term, key, address}) == errc::wrong_term);
  CHECK(refusal_of(o, o.alice, {1, o.relay.public_key(), address}) == errc::key_reused);
  CHECK(refusal_of(o, o.alice, {1, o.alice.signing.public_key(), address}) == errc::key_reused);
  CHECK(refusal_of(o, o.alice, {1, key, {}}) == errc::bad_addresses);
  CHECK(refusal_of(o, o.alice, {1, key, {"a\nb"}}) == errc::bad_addresses);
  const auto elsewhere =
      o.statement(o.alice, o.create_workspace(o.alice), relay_set{1, key, address});
  CHECK(code(o.state.check(elsewhere)) == errc::wrong_scope);
}

TEST_CASE("nobody uses a receipt key as another key, nor goes back to a relay") {
  organization o;
  const auto first = o.relay.public_key();
  o.move(o.alice);
  CHECK(o.state.organization().terms().size() == 2);
  CHECK(o.state.organization().receipt_key() == o.relay.public_key());
  CHECK(o.state.organization().addresses() == address);
  CHECK(refusal_of(o, o.alice, {2, first, address}) == errc::key_reused);
  auto eve = o.make_person("eve");
  eve.signing = o.relay;
  CHECK(code(o.as(o.alice, [&](auto a) {
          return make_user_added(a, o.draft_of(eve, profile::member));
        })) == errc::key_reused);
}

TEST_CASE("after a relay set only receipts of its term count") {
  organization o;
  const auto old = o.relay;
  o.move(o.alice);
  const auto next = o.as(o.alice, [](auto a) { return make_workspace_created(a, "x"); }).value();
  CHECK(code(o.state.add(receipted_by(o, next, old, 0))) == errc::ledger_forked);
  CHECK(code(o.state.add(receipted_by(o, next, old, 1))) == errc::bad_receipt);
  CHECK(code(o.state.add(receipted_by(o, next, o.relay, 0))) == errc::bad_receipt);
  CHECK(code(o.state.add(receipted_by(o, next, o.relay, 2))) == errc::bad_receipt);
  o.push(next);
  o.move(o.alice);
  o.create_workspace(o.alice);
  CHECK(o.state.organization().term() == 2);
  state replayed(o.state.id());
  for (const auto& r : o.records) REQUIRE(replayed.add(r));
  CHECK(replayed.head() == o.state.head());
}

TEST_CASE("where the old relay is gone, the new one gives the certificate its receipt") {
  organization o;
  const auto next = signing_key::generate(o.random());
  const auto moved = moves_to(o, next);
  CHECK(code(o.state.add(receipted_by(o, moved, next, 0))) == errc::bad_receipt);
  CHECK(code(o.state.add(receipted_by(o, moved, next, 2))) == errc::bad_receipt);
  CHECK(code(o.state.add(receipted_by(o, moved, o.alice.signing, 1))) == errc::bad_receipt);
  REQUIRE(o.state.add(receipted_by(o, moved, next, 1)));
  CHECK(o.state.organization().term() == 1);
  // The same certificate with the old relay's word, which came late: no news, and no fork.
  const auto again = o.state.add(receipted_by(o, moved, o.relay, 0));
  REQUIRE(again);
  CHECK_FALSE(again->advanced);
}

TEST_CASE("a relay cannot make itself the organization's by a certificate that has no effect") {
  organization o;
  const auto bob = o.add("bob");
  const auto eve = signing_key::generate(o.random());
  const auto by_bob = o.statement(bob, std::nullopt, relay_set{1, eve.public_key(), address});
  CHECK(code(o.state.add(receipted_by(o, by_bob, eve, 1))) == errc::bad_receipt);
  auto forged = moves_to(o, eve);
  forged.signatures[0].back() ^= 1;
  CHECK(code(o.state.add(receipted_by(o, forged, eve, 1))) == errc::bad_receipt);
  o.force(by_bob);  // with the present relay's receipt it keeps its place, and nothing changes
  CHECK(o.state.organization().term() == 0);
  o.create_workspace(o.alice);
}

TEST_CASE("two lines, one of each relay, are told apart, and neither is taken for the other") {
  organization o;
  const auto next = signing_key::generate(o.random());
  const auto moved = moves_to(o, next);
  o.create_workspace(o.alice);  // of which the one who moved had not heard
  CHECK(code(o.state.add(receipted_by(o, moved, next, 1))) == errc::ledger_forked);
  CHECK(o.state.organization().term() == 0);
}

TEST_CASE("statements of different relays do not convict either") {
  organization o;
  const auto old = o.records.back().receipt;
  o.move(o.alice);
  const auto made = o.receipted(o.records.back().certificate);
  CHECK(compare(old.statement, made.receipt.statement) == contradiction::none);
  CHECK_FALSE(o.state.evidence_against(made.receipt));
}
