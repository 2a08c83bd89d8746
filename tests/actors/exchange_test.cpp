#include "actors/exchange.hpp"

#include <caf/scheduler/test_coordinator.hpp>
#include <catch2/catch.hpp>

#include "tests/actors/fake_link.hpp"

using namespace keyfold;
using namespace keyfold::actors;
namespace in = keyfold::invitation::in;
namespace out = keyfold::invitation::out;

namespace {

/// A greeter's shell on CAF's deterministic scheduler: nothing runs but what run() runs.
struct shell {
  explicit shell(bool online = true) {
    config.set("scheduler.policy", caf::atom("testing"));
    system = std::make_unique<caf::actor_system>(config);
    link = system->spawn(tests::fake_link, [this](const net::client_session::request& request) {
      asked.push_back(request);
      return answer(request);
    });
    exchange = system->spawn([this, online](exchange_actor::stateful_pointer<exchange_state> self)
                                 -> exchange_actor::behavior_type {
      auto setup = std::make_unique<exchange_setup>();
      invitation::greeter::options side;
      side.terms.token.value[0] = 7;
      side.terms.secret.emplace();
      setup->token = side.terms.token;
      setup->side = std::make_unique<invitation::greeter>(side);
      setup->carry_out = [](exchange_pointer, const invitation::effect&) {
        return expected<void>{};
      };
      return run_exchange(self, std::move(setup), link, online);
    });
    run();
  }
  ~shell() {
    caf::anon_send_exit(exchange, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(link, caf::exit_reason::user_shutdown);
    run();
  }

  void run() { dynamic_cast<caf::scheduler::test_coordinator&>(system->scheduler()).run(); }
  template <class Message>
  void tell(Message message) {
    caf::anon_send(exchange, std::move(message));
    run();
  }
  /// The next event; monostate when there is none.
  exchange_event next() {
    exchange_event got;
    caf::scoped_actor self(*system);
    auto request = self->request(exchange, caf::infinite, next_event{std::chrono::milliseconds(0)});
    run();
    dynamic_cast<caf::scheduler::test_coordinator&>(system->scheduler()).trigger_timeouts();
    run();
    request.receive([&](exchange_event& event) { got = std::move(event); },
                    [](const caf::error&) { FAIL("the exchange is gone"); });
    return got;
  }

  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  std::vector<net::client_session::request> asked;
  std::function<net::answer_or_failure(const net::client_session::request&)> answer =
      [](const net::client_session::request&) -> net::answer_or_failure {
    return net::answer{net::encode(net::conduit_open_answer{1, false}), {}};
  };
  link_actor link;
  exchange_actor exchange;
};

}  // namespace

TEST_CASE("a greeter opens the conduit of its invitation, and waits") {
  shell s;
  REQUIRE(s.asked.size() == 1);
  CHECK(s.asked[0].kind == net::message_kind::conduit_open);
  const auto opened = net::decode<net::conduit_open>(s.asked[0].body.view());
  REQUIRE(opened);
  CHECK(opened->role == net::conduit_role::greeter);
  CHECK(opened->token.value[0] == 7);
  CHECK(std::holds_alternative<out::show_waiting>(s.next()));
}

TEST_CASE("an older greeter is told that a newer one took its place") {
  shell s;
  s.tell(exchange_answer{in::replaced{}});
  CHECK(std::holds_alternative<out::show_waiting>(s.next()));
  const auto last = s.next();
  REQUIRE(std::holds_alternative<out::failed>(last));
  CHECK(std::get<out::failed>(last).why == invitation::reason::replaced);
}

TEST_CASE("an exchange opens its conduit when the link comes, and again when it comes back") {
  shell s(false);
  CHECK(s.asked.empty());
  s.tell(relay_online{});
  CHECK(s.asked.size() == 1);
  s.tell(relay_offline{{errc::disconnected, "gone"}});
  s.tell(relay_online{});
  CHECK(s.asked.size() == 2);
}

TEST_CASE("an exchange whose relay was never there fails and says so") {
  shell s(false);
  s.tell(relay_offline{{errc::cannot_connect, "nobody listens"}});
  auto last = s.next();
  if (std::holds_alternative<out::show_waiting>(last)) last = s.next();
  REQUIRE(std::holds_alternative<out::failed>(last));
  REQUIRE(std::get<out::failed>(last).refusal);
  CHECK(std::get<out::failed>(last).refusal->code == errc::unreachable);
}

TEST_CASE("an event of another invitation is not this exchange's") {
  shell s;
  CHECK(std::holds_alternative<out::show_waiting>(s.next()));
  net::conduit_event other;
  other.what = net::conduit_news::closed;
  s.tell(relay_event{net::make_message(other)});
  CHECK(std::holds_alternative<std::monostate>(s.next()));
}
