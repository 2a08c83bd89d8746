// An organization that moves from one relay to another: both cores.
#include <catch2/catch.hpp>

#include "store/relay/registry.hpp"
#include "tests/store/relay/world.hpp"

using namespace keyfold;
using namespace keyfold::relay;
using tests::relay_world;

namespace {

constexpr timestamp now{1'000'000'000};
const std::vector<std::string> address{"keyfold://127.0.0.1:7001/?k=y"};

errc code(const auto& result) {
  REQUIRE_FALSE(result);
  return result.error().code;
}

std::vector<bytes> encoded(std::span<const ledger::record> records) {
  std::vector<bytes> out;
  for (const auto& r : records) out.push_back(ledger::encode_record(r));
  return out;
}

/// Another relay, and what is asked of it by who moves.
struct new_relay {
  explicit new_relay(tests::organization& of, bool open = true)
      : org(of), book(state, open), key(signing_key::generate(of.random())) {}

  expected<registry::moved> adopt(std::span<const ledger::record> records,
                                  std::optional<bytes> relay_set = {},
                                  std::optional<invitation::creation_token> token = {}) {
    const auto list = encoded(records);
    const std::vector<bytes_view> views(list.begin(), list.end());
    return book.adopt({org.state.id(), token, views, std::move(relay_set)}, "1.2.3.4", key, now,
                      org.random());
  }
  ledger::certificate naming_it() {
    return org
        .as(org.alice, [&](auto a) { return ledger::make_relay_set(a, key.public_key(), address); })
        .value();
  }

  tests::organization& org;
  std::unique_ptr<db::store> store = db::memory_store();
  db::transaction state{*store};
  registry book;
  signing_key key;
};

}  // namespace

TEST_CASE("an organization moves with the old relay's last word, and goes on at the new one") {
  relay_world w;
  w.org.add("bob");
  w.sync();
  new_relay there(w.org);
  const auto first = there.adopt(std::span(w.org.records).first(1));
  REQUIRE(first);
  CHECK((first->taken == 1 && !first->whole));
  CHECK_FALSE(there.book.find(w.org.state.id()));  // not served yet
  REQUIRE(there.adopt(std::span(w.org.records).subspan(1)));

  const auto moved = there.naming_it();
  REQUIRE(w.append(moved));
  const ledger::record last{moved, w.core->ledger().record_at(moved.header.seq)->receipt};
  const auto done = there.adopt(std::span(&last, 1));
  REQUIRE(done);
  CHECK(done->whole);
  CHECK(there.book.find("wonderland")->id == w.org.state.id());
  CHECK(code(there.adopt(std::span(&last, 1))) == errc::organization_exists);

  REQUIRE(there.state.commit(true));
  db::prefixed part(there.state, registry::part_of(w.org.state.id()));
  const auto core = organization::load(part, w.org.state.id(), there.key, w.org.random()).value();
  CHECK(core->ledger().head() == moved.position());
  CHECK(core->greet({}).statement.term == 1);
  REQUIRE(core->connect(1, w.org.alice.link.public_key()).answer);
  ledger::keyring keys(w.org.alice.user, w.org.alice.key);
  (void)keys.update(core->ledger());
  const auto next = ledger::make_workspace_created(
      {core->ledger(), keys, w.org.alice.device, w.org.alice.signing, 1, w.org.random()}, "next");
  const auto receipt = core->append(1, ledger::encode_certificate(*next)).answer;
  REQUIRE(receipt);
  CHECK(ledger::decode_receipt(*receipt)->statement.term == 1);
}

TEST_CASE("the old relay takes nothing more, and lets everybody read what it has") {
  relay_world w;
  const auto workspace = w.org.create_workspace(w.org.alice);
  w.sync();
  const auto entry = w.write(w.org.alice, workspace);
  new_relay there(w.org);
  REQUIRE(w.append(there.naming_it()));
  const auto more =
      w.org.as(w.org.alice, [](auto a) { return ledger::make_workspace_created(a, "more"); });
  const auto later = [&](bool again) {
    if (again) w.restart();
    CHECK(code(w.append(*more)) == errc::relay_moved);
    CHECK(code(w.push(w.alice_session, workspace, {entry}).answer) == errc::relay_moved);
    CHECK(code(w.core->check_put(w.alice_session, workspace, {}, 1)) == errc::relay_moved);
    CHECK(code(w.core->create_invitation(w.alice_session, {}, now).answer) == errc::relay_moved);
    CHECK(code(w.core->admit_greeter(w.alice_session, {}, now)) == errc::relay_moved);
    CHECK(code(w.core->admit_guest(70, "1.2.3.4", {}, now)) == errc::relay_moved);
    CHECK(code(w.core->fence(w.alice_session, {}, {}, now)) == errc::relay_moved);
    CHECK(w.core->pull(w.alice_session, {0}, {}, 100)->head == w.core->ledger().head()->seq);
    CHECK(w.core->subscribe(w.alice_session, workspace, {}).answer);
    CHECK(w.core->greet({}).statement.term == 0);
  };
  later(false);
  later(true);
}

TEST_CASE("where the old relay is gone, the new one gives the receipt itself") {
  relay_world w;
  w.org.add("bob");
  new_relay there(w.org);
  REQUIRE(there.adopt(w.org.records));
  const auto moved = there.naming_it();
  const auto done = there.adopt({}, ledger::encode_certificate(moved));
  REQUIRE(done);
  CHECK(done->whole);
  REQUIRE(done->receipt);
  const ledger::record made{moved, ledger::decode_receipt(*done->receipt).value()};
  CHECK(made.receipt.statement.term == 1);
  CHECK(w.org.state.add(made));
  // Should the old relay come back, it learns of it from whoever tells it, and gives way.
  w.sync();
  REQUIRE(w.core->put(w.alice_session, encoded(std::span(&made, 1))).answer);
  const auto more =
      w.org.as(w.org.alice, [](auto a) { return ledger::make_workspace_created(a, "more"); });
  CHECK(code(w.append(*more)) == errc::relay_moved);
}

TEST_CASE("a new relay takes only what it may") {
  relay_world w;
  w.org.add("bob");
  new_relay there(w.org, false);
  CHECK(code(there.adopt(w.org.records)) == errc::creation_refused);
  const auto wrong = there.book.create_token("other", now, w.org.random()).value();
  CHECK(code(there.adopt(w.org.records, {}, wrong)) == errc::creation_refused);
  const auto token = there.book.create_token("wonderland", now, w.org.random()).value();
  CHECK(code(there.adopt(std::span(w.org.records).subspan(1), {}, token)) ==
        errc::genesis_misplaced);
  CHECK(code(there.adopt({}, {}, token)) == errc::ledger_gap);
  REQUIRE(there.adopt(std::span(w.org.records).first(1), {}, token));
  REQUIRE(there.adopt(std::span(w.org.records).subspan(1)));  // the token is used up at the end

  const auto other =
      w.org.as(w.org.alice, [](auto a) { return ledger::make_workspace_created(a, "x"); });
  CHECK(code(there.adopt({}, ledger::encode_certificate(*other))) == errc::creation_refused);
  const auto elsewhere = w.org.as(w.org.alice, [&](auto a) {
    return ledger::make_relay_set(a, signing_key::generate(w.org.random()).public_key(), address);
  });
  CHECK(code(there.adopt({}, ledger::encode_certificate(*elsewhere))) == errc::creation_refused);
  auto forged = there.naming_it();
  forged.signatures[0].back() ^= 1;
  CHECK(code(there.adopt({}, ledger::encode_certificate(forged))) == errc::bad_signature);
  REQUIRE(there.adopt({}, ledger::encode_certificate(there.naming_it()), token)->whole);
  CHECK(code(there.book.create({"other", token, {}}, "1.2.3.4", there.key, now, w.org.random())) ==
        errc::creation_refused);
}

TEST_CASE("a ledger that is not what it says is not adopted, and a name is given once") {
  relay_world w;
  w.org.add("bob");
  w.org.add("carol");
  new_relay there(w.org);
  auto forged = w.org.records;
  forged[1].receipt = ledger::sign_statement(forged[1].receipt.statement, w.org.alice.signing);
  REQUIRE(there.adopt(forged)->taken == 1);
  CHECK(code(there.adopt(std::span(forged).subspan(1))) == errc::bad_receipt);
  CHECK(code(there.adopt(std::span(w.org.records).subspan(2))) == errc::ledger_gap);

  tests::organization same(9);  // of the same name
  new_relay second(same);
  REQUIRE(second.adopt(same.records));
  REQUIRE(second.adopt({}, ledger::encode_certificate(second.naming_it()))->whole);
  const auto list = encoded(w.org.records);
  const std::vector<bytes_view> views(list.begin(), list.end());
  CHECK(code(second.book.adopt({w.org.state.id(), {}, views, {}}, "1.2.3.4", second.key, now,
                               w.org.random())) == errc::organization_exists);
}

TEST_CASE("a move that was broken off goes on where it stopped, over a restart too") {
  relay_world w;
  for (int i = 0; i < 5; ++i) w.org.create_workspace(w.org.alice);
  new_relay there(w.org);
  REQUIRE(there.adopt(std::span(w.org.records).first(3)));
  REQUIRE(there.state.commit(true));
  there.book.forget_moves();
  const auto again = there.adopt(std::span(w.org.records).first(1));
  REQUIRE(again);
  CHECK(again->head == ledger_seq{2});
  REQUIRE(there.adopt(std::span(w.org.records).subspan(3)));
  CHECK(there.adopt({}, ledger::encode_certificate(there.naming_it()))->whole);
}
