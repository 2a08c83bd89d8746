#include "actors/device.hpp"

#include <catch2/catch.hpp>

#include "actors/device_store.hpp"
#include "actors/link.hpp"
#include "actors/mirror_objects.hpp"
#include "tests/support/organization.hpp"
#include "tests/support/temp_dir.hpp"

using namespace keyfold;
using namespace keyfold::actors;

namespace {

constexpr auto patience = std::chrono::seconds(20);

/// Alice's device, with a workspace in its ledger, and no relay to be found.
struct device_world {
  device_world() : workspace(org.create_workspace(org.alice)) {
    services = open_object_services(folder.path().string(), org.random().key()).value();
    db::transaction transaction(*services.store);
    db::prefixed part_of_ledger(transaction, prefix_of(part::ledger));
    ledger::log log(part_of_ledger);
    for (std::uint64_t seq = 0; seq < org.records.size(); ++seq)
      log.put(org.state, ledger_seq{seq});
    REQUIRE(transaction.commit(true));
    const auto& alice = org.alice;
    device = spawn_device(system,
                          {org.state.id(),
                           alice.user,
                           alice.device,
                           "laptop",
                           alice.key,
                           alice.signing,
                           alice.link,
                           {"127.0.0.1", 9, box_key::generate(org.random()).public_key()},
                           services},
                          std::make_shared<net::transport>())
                 .value();
  }
  ~device_world() {
    caf::anon_send_exit(device, caf::exit_reason::user_shutdown);
    device = nullptr;
    system.await_all_actors_done();
  }

  template <class Answer, class Actor, class Request>
  expected<Answer> ask(const Actor& whom, Request request) {
    expected<Answer> out = fail(errc::internal);
    caf::scoped_actor self(system);
    self->request(whom, patience, std::move(request))
        .receive([&](Answer& got) { out = std::move(got); },
                 [&](const caf::error& e) { out = tl::unexpected(to_error(e)); });
    return out;
  }
  /// The relay greets, or tells of its new head; the device has looked at it by the time this returns.
  void greet(const ledger::signed_statement& said) {
    caf::anon_send(device, relay_online{{1, said.statement_bytes, said.signature, std::nullopt}});
    (void)facts();
  }
  void advance(const ledger::signed_statement& said) {
    caf::anon_send(
        device,
        relay_event{net::make_message(net::ledger_advanced{said.statement_bytes, said.signature})});
    (void)facts();
  }
  ledger::signed_statement hello(const ledger::position& at, incarnation_id in) {
    return ledger::sign_statement(
        {org.state.id(), 0, at.seq, at.hash, ++org.counter, in, org.random().id<hash32>()},
        org.relay);
  }

  device_facts facts() { return ask<device_facts>(device, get_device{}).value(); }

  /// Ends it as a crash would, and waits until it has.
  template <class Actor>
  void crash(const Actor& child) {
    caf::scoped_actor self(system);
    self->monitor(child);
    self->send_exit(child, caf::exit_reason::unhandled_exception);
    self->receive([](const caf::down_msg&) {});
  }
  /// Asks again and again; false when it was in vain.
  template <class Question>
  static bool until(Question question) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!question()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }
  /// The facts once `is_there` says so of them.
  template <class Predicate>
  std::optional<device_facts> facts_when(Predicate is_there) {
    std::optional<device_facts> now;
    const bool found = until([&] {
      now = facts();
      return is_there(*now);
    });
    return found ? now : std::nullopt;
  }

  test::temp_dir folder;
  tests::organization org;
  object_services services;
  workspace_id workspace;
  caf::actor_system_config config;
  caf::actor_system system{config};
  device_actor device;
};

}  // namespace

TEST_CASE("a device starts an actor for each of its user's workspaces") {
  device_world w;
  const auto facts = w.facts();
  REQUIRE(facts.workspaces.size() == 1);
  CHECK(facts.workspaces.begin()->first == w.workspace);
  CHECK(w.ask<expected<void>>(facts.workspaces.at(w.workspace), make_folder{{"letters"}}).value());
}

TEST_CASE("a workspace that crashes is started again, with what it had acknowledged") {
  device_world w;
  const auto before = w.facts().workspaces.at(w.workspace);
  REQUIRE(w.ask<expected<void>>(before, make_folder{{"letters"}}).value());
  w.crash(before);
  const auto now = w.facts_when([&](const auto& facts) {
    return facts.workspaces.contains(w.workspace) && facts.workspaces.at(w.workspace) != before;
  });
  REQUIRE(now);
  const auto found =
      w.ask<expected<listed_entry>>(now->workspaces.at(w.workspace), find_entry{{"letters"}});
  REQUIRE(found);
  CHECK(*found);
}

TEST_CASE(
    "the mirror of a workspace that crashed starts again with it, once the old one has ended") {
  device_world w;
  test::temp_dir mirror;
  const auto before = w.facts().workspaces.at(w.workspace);
  REQUIRE(w.ask<expected<void>>(before, set_mirror{mirror.path().string()}).value());
  w.crash(before);
  const auto now = w.facts_when([&](const auto& facts) {
    return facts.workspaces.contains(w.workspace) && facts.workspaces.at(w.workspace) != before;
  });
  REQUIRE(now);
  const auto workspace = now->workspaces.at(w.workspace);
  std::ofstream(mirror / "letter.txt") << "Dear Bob,";
  const auto found = w.until([&] {
    const auto entry = w.ask<expected<listed_entry>>(workspace, find_entry{{"letter.txt"}});
    return entry && *entry;
  });
  CHECK(found);
}

TEST_CASE("a mirror that was ended has written its last, and another can begin at once") {
  device_world w;
  test::temp_dir first;
  test::temp_dir second;
  const auto workspace = w.facts().workspaces.at(w.workspace);
  for (const auto* folder : {&first, &second, &first}) {
    REQUIRE(w.ask<expected<void>>(workspace, set_mirror{folder->path().string()}).value());
    CHECK(std::filesystem::exists(*folder / ".keyfold"));
    CHECK(
        w.ask<expected<void>>(workspace, set_mirror{second.path().string()}).value().error().code ==
        errc::exists);
    REQUIRE(w.ask<expected<void>>(workspace, set_mirror{std::nullopt}).value());
    CHECK_FALSE(std::filesystem::exists(*folder / ".keyfold"));
  }
  CHECK(w.ask<expected<void>>(workspace, set_mirror{std::nullopt}).value().error().code ==
        errc::not_found);
}

TEST_CASE("an object is made again of a mirror's files, by another actor than the mirror's") {
  device_world w;
  test::temp_dir mirror;
  const auto facts = w.facts();
  const auto workspace = facts.workspaces.at(w.workspace);
  REQUIRE(w.ask<expected<void>>(workspace, set_mirror{mirror.path().string()}).value());
  std::ofstream(mirror / "letter.txt") << "Dear Bob,";
  std::optional<object_id> object;
  REQUIRE(w.until([&] {
    const auto entry = w.ask<expected<listed_entry>>(workspace, find_entry{{"letter.txt"}});
    const auto* file = entry && *entry && (*entry)->shown.version
                           ? std::get_if<workspace::file_content>(&(*entry)->shown.version->content)
                           : nullptr;
    if (file != nullptr && !file->chunks.empty()) object = file->chunks.front().object;
    return object.has_value();
  }));
  const auto maker =
      std::make_shared<const object_maker>(w.services, w.workspace, mirror.path().string());
  REQUIRE(w.until([&] { return maker->may_make(*object); }));
  const auto kept = w.services.objects->get(*object).value();
  const auto made = w.ask<expected<made_object>>(facts.disk, make_object{maker, *object}).value();
  REQUIRE(made);
  CHECK((*made)->id() == *object);
  REQUIRE(kept);
  CHECK(std::ranges::equal((*made)->data(), kept->data()));
  CHECK_FALSE(maker->may_make(w.org.random().id<object_id>()));

  std::ofstream(mirror / "letter.txt") << "Dear Carol,";
  const auto edited = w.ask<expected<made_object>>(facts.disk, make_object{maker, *object}).value();
  REQUIRE_FALSE(edited);
  CHECK(edited.error().code == errc::not_found);
  CHECK(w.until([&] { return !maker->may_make(*object); }));

  REQUIRE(w.ask<expected<void>>(workspace, set_mirror{std::nullopt}).value());
  CHECK_FALSE(maker->may_make(*object));
  CHECK_FALSE(maker->make(*object));
}

TEST_CASE("when ledger, link or disk crashes all of the device is started again") {
  device_world w;
  const auto old = w.facts();
  REQUIRE(w.ask<expected<void>>(old.workspaces.at(w.workspace), make_folder{{"letters"}}).value());
  SECTION("ledger") {
    w.crash(old.ledger_of);
  }
  SECTION("link") {
    w.crash(old.link);
  }
  SECTION("disk") {
    w.crash(old.disk);
  }
  const auto now = w.facts_when([&](const auto& facts) {
    return facts.ledger_of != old.ledger_of && facts.link != old.link && facts.disk != old.disk &&
           facts.workspaces.contains(w.workspace);
  });
  REQUIRE(now);
  CHECK(now->ledger->state.head() == old.ledger->state.head());
  const auto found =
      w.ask<expected<listed_entry>>(now->workspaces.at(w.workspace), find_entry{{"letters"}});
  REQUIRE(found);
  CHECK(*found);
}

TEST_CASE("greetings that contradict the ledger are kept; honest ones are not") {
  device_world w;
  const auto head = *w.org.state.head();
  w.greet(w.hello(head, w.org.incarnation));
  w.greet(w.hello(head, w.org.random().id<incarnation_id>()));  // started anew
  CHECK(w.services.incidents->list()->empty());
  const ledger::position lower = w.org.records.front().certificate.position();
  w.greet(w.hello(lower, w.org.random().id<incarnation_id>()));
  auto kept = w.services.incidents->list().value();
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].what == incident::kind::relay_restored);
  w.greet(w.hello({head.seq, w.org.random().id<certificate_hash>()},
                  w.org.random().id<incarnation_id>()));
  CHECK(w.services.incidents->counts()->at(incident::kind::relay_forked) == 1);
}

TEST_CASE("the receipt in an event is held against the ledger as a greeting is") {
  device_world w;
  const auto next =
      w.org.as(w.org.alice, [](auto a) { return ledger::make_workspace_created(a, "next"); });
  w.advance(w.org.receipted(*next).receipt);
  CHECK(w.services.incidents->list()->empty());
  const auto other =
      w.org.as(w.org.alice, [](auto a) { return ledger::make_workspace_created(a, "other"); });
  w.advance(w.org.receipted(*other).receipt);
  const auto kept = w.services.incidents->list().value();
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].what == incident::kind::relay_forked);
}

TEST_CASE("an event's receipt must be the relay's, and about this ledger") {
  tests::organization org;
  const auto receipt = org.records.front().receipt;
  const auto checked = [&](const ledger::signed_statement& said) {
    const auto m = net::make_message(net::ledger_advanced{said.statement_bytes, said.signature});
    const auto result = check_advance(m, org.state.id(), org.relay.public_key());
    return result ? errc::unknown : result.error().code;
  };
  CHECK(checked(receipt) == errc::unknown);
  CHECK(checked(ledger::sign_statement(receipt.statement, org.root)) == errc::bad_receipt);
  auto other = receipt.statement;
  other.organization.value[0] ^= 1;
  CHECK(checked(ledger::sign_statement(other, org.relay)) == errc::bad_receipt);
  auto hello = receipt.statement;
  hello.nonce = hash32{};
  CHECK(checked(ledger::sign_statement(hello, org.relay)) == errc::bad_receipt);
}
