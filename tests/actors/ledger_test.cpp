#include "actors/ledger.hpp"

#include <catch2/catch.hpp>

#include "store/incident/proof.hpp"
#include "tests/actors/fake_link.hpp"
#include "tests/store/relay/world.hpp"

using namespace keyfold;
using namespace keyfold::actors;

namespace {

constexpr auto patience = std::chrono::seconds(20);

/// Alice's ledger actor, whose link ends in the relay's own core.
struct ledger_world {
  tests::relay_world relay;
  std::shared_ptr<db::store> store = db::memory_store();
  caf::actor_system_config config;
  caf::actor_system system{config};
  std::shared_ptr<incident::book> incidents = std::make_shared<incident::book>(*store, bytes{'N'});
  std::function<void()> before_append = [] {};
  std::vector<bytes> forged;               ///< what the next pull gives instead
  std::atomic<bool> from_genesis = false;  ///< the relay always begins there
  int puts = 0;
  caf::actor owner = system.spawn([]() -> caf::behavior { return {[](const ledger_changed&) {}}; });
  link_actor link =
      system.spawn(tests::fake_link,
                   [this](const net::client_session::request& request) { return answer(request); });
  ledger_actor ledger = start();

  ~ledger_world() {
    for (const auto& each :
         {caf::actor_cast<caf::actor>(ledger), caf::actor_cast<caf::actor>(link), owner})
      caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  }

  ledger_actor start() {
    const auto id = relay.org.state.id();
    auto stored = load_ledger(*store, id);
    REQUIRE(stored);
    return spawn_ledger(system, {store, id, relay.org.alice.user, relay.org.alice.key, incidents},
                        std::move(*stored), link, caf::actor_cast<ledger_owner>(owner));
  }

  net::answer_or_failure answer(const net::client_session::request& request) {
    if (request.kind == net::message_kind::ledger_pull) {
      const auto body = net::decode<net::ledger_pull>(request.body.view());
      const auto pulled =
          relay.core->pull(relay.alice_session, from_genesis ? ledger_seq{} : body->from,
                           body->workspace, body->max);
      if (!pulled) return tl::unexpected(net::failure{pulled.error(), {}});
      if (!forged.empty()) {
        const net::ledger_pull_answer lie{pulled->head, forged.size(), {}};
        return net::answer{net::encode(lie), net::encode_list(std::exchange(forged, {}))};
      }
      const net::ledger_pull_answer said{pulled->head, pulled->records.size(),
                                         rows_of(relay.core->lacks()), pulled->readable};
      return net::answer{net::encode(said), net::encode_list(pulled->records)};
    }
    if (request.kind == net::message_kind::ledger_put) {
      std::vector<bytes> records;
      const auto list = net::decode_list(request.bulk.view()).value();
      for (const auto record : list) records.push_back(to_bytes(record));
      ++puts;
      const auto placed = relay.core->put(relay.alice_session, records).answer;
      if (!placed) return tl::unexpected(net::failure{placed.error(), {}});
      return net::answer{net::encode(net::ledger_pull_answer{placed->head, placed->taken,
                                                             rows_of(relay.core->lacks())}),
                         {}};
    }
    std::exchange(before_append, [] {})();
    auto appended = relay.core->append(relay.alice_session, request.bulk.view());
    if (!appended.answer) return tl::unexpected(net::failure{appended.answer.error(), {}});
    return net::answer{net::encode(net::empty_body{}), shared_bytes(*appended.answer)};
  }

  expected<ledger_view> ask(get_ledger) {
    expected<ledger_view> out = fail(errc::internal);
    caf::scoped_actor self(system);
    self->request(ledger, patience, get_ledger{})
        .receive([&](const ledger_view& got) { out = got; },
                 [&](const caf::error& e) { out = tl::unexpected(to_error(e)); });
    return out;
  }
  static std::vector<net::ledger_lack> rows_of(const std::vector<ledger::lack>& lacking) {
    std::vector<net::ledger_lack> out;
    for (const auto& row : lacking) out.push_back({row.scope, row.first});
    return out;
  }

  /// The relay is what it was when only genesis stood in the ledger.
  void restore_relay() {
    relay.store = db::memory_store();
    relay.state = std::make_unique<db::transaction>(*relay.store);
    relay.core = relay::organization::found(*relay.state, relay.org.records.front().certificate,
                                            relay.org.relay, relay.org.random())
                     .value();
    relay.alice_session = relay.connect(relay.org.alice);
  }

  template <class Request>
  expected<ledger_view> ask(Request request) {
    expected<ledger_view> out = fail(errc::internal);
    caf::scoped_actor self(system);
    self->request(ledger, patience, std::move(request))
        .receive([&](expected<ledger_view>& got) { out = std::move(got); },
                 [&](const caf::error& e) { out = tl::unexpected(to_error(e)); });
    return out;
  }

  statement create_workspace(const std::string& name) {
    return [this, name](const ledger_snapshot& now) {
      const auto& alice = relay.org.alice;
      return ledger::make_workspace_created(
          {now.state, now.keys, alice.device, alice.signing, 1, system_random()}, name);
    };
  }
};

}  // namespace

TEST_CASE("a ledger is pulled from its genesis to the relay's head") {
  ledger_world w;
  const auto ledger = w.ask(refresh_ledger{});
  REQUIRE(ledger);
  CHECK((*ledger)->state.head() == w.relay.core->ledger().head());
}

TEST_CASE("what was pulled is there after a restart, without the relay") {
  ledger_world w;
  const auto before = w.ask(refresh_ledger{});
  REQUIRE(before);
  const auto stored = load_ledger(*w.store, w.relay.org.state.id());
  REQUIRE(stored);
  CHECK(stored->head() == (*before)->state.head());
}

TEST_CASE("a certificate is appended, and stands in the ledger that comes back") {
  ledger_world w;
  REQUIRE(w.ask(refresh_ledger{}));
  const auto ledger = w.ask(append_statement{w.create_workspace("papers")});
  REQUIRE(ledger);
  CHECK((*ledger)->state.workspaces().size() == w.relay.core->ledger().workspaces().size());
  CHECK((*ledger)->state.head() == w.relay.core->ledger().head());
}

TEST_CASE("a relay that sends old records again and again does not keep a pull going") {
  ledger_world w;
  const auto first = w.ask(refresh_ledger{});
  REQUIRE(first);
  w.from_genesis = true;
  const auto again = w.ask(refresh_ledger{});
  REQUIRE(again);
  CHECK((*again)->state.head() == (*first)->state.head());
}

TEST_CASE("the loser of a race pulls, makes his certificate anew, and wins the next") {
  ledger_world w;
  REQUIRE(w.ask(refresh_ledger{}));
  const auto before = w.relay.core->ledger().workspaces().size();
  w.before_append = [&w] {
    // Another of Alice's devices is first, with a ledger of its own.
    ledger::keyring keys(w.relay.org.alice.user, w.relay.org.alice.key);
    (void)keys.update(w.relay.core->ledger());
    const auto& alice = w.relay.org.alice;
    const auto first = ledger::make_workspace_created(
        {w.relay.core->ledger(), keys, alice.device, alice.signing, 1, system_random()}, "first");
    REQUIRE(first);
    REQUIRE(w.relay.append(*first));
  };
  const auto ledger = w.ask(append_statement{w.create_workspace("second")});
  REQUIRE(ledger);
  CHECK(w.relay.core->ledger().workspaces().size() == before + 2);
  CHECK((*ledger)->state.head() == w.relay.core->ledger().head());
}

TEST_CASE("a record of another ledger is refused, and kept as proof against the relay") {
  ledger_world w;
  REQUIRE(w.ask(refresh_ledger{}));
  auto& org = w.relay.org;
  const auto other = [&](const std::string& name) {
    return org.as(org.alice, [&](auto a) { return ledger::make_workspace_created(a, name); });
  };
  // What extends another head, with a receipt.
  auto header = other("x")->header;
  header.prev.value[0] ^= 1;
  const auto foreign = ledger::sign_certificate(header, *ledger::decode_body(*other("x")->body), {},
                                                org.alice.signing);
  w.forged = {ledger::encode_record(org.receipted(foreign))};
  CHECK(w.ask(refresh_ledger{}).error().code == errc::ledger_forked);
  const auto kept = w.incidents->list().value();
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].what == incident::kind::relay_forked);
  CHECK_FALSE(kept[0].about);
  CHECK(incident::make_proof(kept[0], org.state));
  // It goes on with the ledger that it has.
  CHECK(w.ask(refresh_ledger{}));
}

TEST_CASE("a receipted certificate that breaks a rule convicts its author and the relay, once") {
  ledger_world w;
  auto& org = w.relay.org;
  const auto bob = org.add("bob");
  for (const auto& record : org.records) w.forged.push_back(ledger::encode_record(record));
  REQUIRE(w.ask(refresh_ledger{}));
  const auto broken = org.force(
      org.statement(bob, {}, ledger::profile_changed{org.alice.user, ledger::profile::member}));
  w.forged = {ledger::encode_record(broken)};
  REQUIRE(w.ask(refresh_ledger{}));
  const auto kept = w.incidents->list().value();
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].what == incident::kind::certificate_refused);
  CHECK(kept[0].about == bob.device);
  CHECK(incident::make_proof(kept[0], org.state));
  caf::anon_send_exit(w.ledger, caf::exit_reason::user_shutdown);
  w.ledger = w.start();  // it finds the certificate again
  REQUIRE(w.ask(get_ledger{}));
  CHECK(w.incidents->counts()->at(incident::kind::certificate_refused) == 1);
}

TEST_CASE("races, lost and won, leave no incident") {
  ledger_world w;
  REQUIRE(w.ask(refresh_ledger{}));
  for (int i = 0; i < 20; ++i) {
    w.before_append = [&w, i] {
      ledger::keyring keys(w.relay.org.alice.user, w.relay.org.alice.key);
      (void)keys.update(w.relay.core->ledger());
      const auto& alice = w.relay.org.alice;
      const auto first = ledger::make_workspace_created(
          {w.relay.core->ledger(), keys, alice.device, alice.signing, 1, system_random()},
          "theirs " + std::to_string(i));
      REQUIRE(w.relay.append(*first));
    };
    REQUIRE(w.ask(append_statement{w.create_workspace("mine " + std::to_string(i))}));
  }
  CHECK(w.incidents->list()->empty());
}

TEST_CASE("a relay that was restored from a backup is brought forward, and changes go on") {
  ledger_world w;
  for (int i = 0; i < 5; ++i) w.relay.org.create_workspace(w.relay.org.alice);
  w.relay.sync();
  const auto before = w.ask(refresh_ledger{});
  REQUIRE(before);
  w.restore_relay();
  REQUIRE(w.relay.core->ledger().head() != (*before)->state.head());
  REQUIRE(w.ask(refresh_ledger{{}, true}));
  CHECK(w.relay.core->ledger().head() == (*before)->state.head());
  w.restore_relay();  // and when nobody has noticed before a change is made
  const auto after = w.ask(append_statement{w.create_workspace("papers")});
  REQUIRE(after);
  CHECK((*after)->state.size() == (*before)->state.size() + 1);
  CHECK(w.relay.core->ledger().head() == (*after)->state.head());
  CHECK_FALSE((*after)->trouble);
}

TEST_CASE(
    "a relay that gave another line receipts since is not brought forward, and that is said") {
  ledger_world w;
  for (int i = 0; i < 3; ++i) w.relay.org.create_workspace(w.relay.org.alice);
  w.relay.sync();
  const auto before = w.ask(refresh_ledger{});
  REQUIRE(before);
  for (const int more : {0, 3, 9}) {  // shorter than ours, as long, longer
    w.restore_relay();
    ledger::keyring keys(w.relay.org.alice.user, w.relay.org.alice.key);
    for (int i = 0; i <= more; ++i) {
      (void)keys.update(w.relay.core->ledger());
      const auto& alice = w.relay.org.alice;
      REQUIRE(w.relay.append(*ledger::make_workspace_created(
          {w.relay.core->ledger(), keys, alice.device, alice.signing, 1, system_random()}, "x")));
    }
    const auto refreshed = w.ask(refresh_ledger{{}, true});
    REQUIRE_FALSE(refreshed);
    CHECK(refreshed.error().code == errc::ledger_forked);
    const auto changed = w.ask(append_statement{w.create_workspace("papers")});
    REQUIRE_FALSE(changed);
    CHECK(changed.error().code == errc::ledger_forked);
  }
  caf::scoped_actor self(w.system);
  self->request(w.ledger, patience, get_ledger{})
      .receive(
          [&](const ledger_view& now) {
            CHECK(now->state.head() == (*before)->state.head());  // nothing of ours is given up
            REQUIRE(now->trouble);
            CHECK(now->trouble->code == errc::ledger_forked);
          },
          [](const caf::error&) { FAIL("no answer"); });
  CHECK(load_ledger(*w.store, w.relay.org.state.id())->head() == (*before)->state.head());
}
