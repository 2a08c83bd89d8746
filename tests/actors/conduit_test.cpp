#include "actors/conduit.hpp"

#include <caf/scheduler/test_coordinator.hpp>
#include <catch2/catch.hpp>

#include "net/bodies.hpp"

using namespace keyfold;
using namespace keyfold::actors;
using relay::party;

namespace {

const invitation_token token{{7}};

/// A conduit on CAF's deterministic scheduler, between an organization and sessions that write down what they hear.
struct room {
  room() {
    config.set("scheduler.policy", caf::atom("testing"));
    system = std::make_unique<caf::actor_system>(config);
    organization = system->spawn([this](organization_actor::pointer) {
      return organization_actor::behavior_type{
          [](const open_session&) { return expected<net::hello_answer>(fail(errc::internal)); },
          [](const session_request&) {
            return net::answer_or_failure(tl::unexpected(net::failure{{errc::internal, {}}, {}}));
          },
          [](const take_entries_for&) { return expected<shared_bytes>(fail(errc::internal)); },
          [](const close_session&) {},
          [this](const guest_seat& seat) { seats.push_back(seat.taken); },
          [](const set_frozen&) {},
          [](expire_invitations) {},
          [](tick) {},
      };
    });
    conduit = spawn_conduit(*system, token, organization);
    for (const auto number : {1, 2, 3}) sessions[number] = spawn_session(number);
    run();
  }
  ~room() {
    for (auto& [number, session] : sessions)
      caf::anon_send_exit(session, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(conduit, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(organization, caf::exit_reason::user_shutdown);
    run();
  }

  session_actor spawn_session(int number) {
    return system->spawn([this, number](session_actor::pointer) {
      return session_actor::behavior_type{
          [](const transport_message&) {},
          [](const transport_down&) {},
          [](tick) {},
          [this, number](const notify_peer& said) {
            heard[number].push_back(
                net::decode<net::conduit_event>(said.event.body.view()).value());
          },
          [](const feed_grew&) {},
          [](const end_session&) {},
      };
    });
  }
  void run() { dynamic_cast<caf::scheduler::test_coordinator&>(system->scheduler()).run(); }
  void leave(int number) {
    caf::anon_send(conduit, close_session{static_cast<relay::session_number>(number)});
    run();
  }

  template <class Request>
  net::answer_or_failure ask(Request request) {
    net::answer_or_failure got = tl::unexpected(net::failure{{errc::timed_out, {}}, {}});
    caf::scoped_actor self(*system);
    auto asked = self->request(conduit, caf::infinite, std::move(request));
    run();
    asked.receive([&](net::answer_or_failure& answer) { got = std::move(answer); },
                  [](const caf::error&) {});
    return got;
  }
  net::conduit_open_answer open(party role, int number) {
    const auto answer =
        ask(take_seat{role, static_cast<relay::session_number>(number), sessions[number]});
    return net::decode<net::conduit_open_answer>(answer.value().body.view()).value();
  }
  net::answer_or_failure send(int number, std::uint64_t attempt, bytes payload) {
    return ask(conduit_request{
        static_cast<relay::session_number>(number),
        net::make_message(net::conduit_send{token, attempt, std::move(payload)}, 1)});
  }
  std::vector<net::conduit_news> news(int number) {
    std::vector<net::conduit_news> out;
    for (const auto& event : heard[number]) out.push_back(event.what);
    return out;
  }

  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  organization_actor organization;
  conduit_actor conduit;
  std::map<int, session_actor> sessions;
  std::map<int, std::vector<net::conduit_event>> heard;
  std::vector<bool> seats;
};

using news_list = std::vector<net::conduit_news>;
using enum net::conduit_news;

}  // namespace

TEST_CASE("greeter and guest meet in a conduit, and what one sends the other hears") {
  room r;
  CHECK_FALSE(r.open(party::greeter, 1).peer_present);
  const auto opened = r.open(party::guest, 2);
  CHECK(opened.peer_present);
  CHECK(opened.attempt == 2);
  CHECK(r.news(1) == news_list{restarted});
  CHECK(r.send(1, 2, {1, 2, 3}));
  REQUIRE(r.news(2) == news_list{message});
  CHECK(r.heard[2][0].payload == bytes{1, 2, 3});
  CHECK(r.send(1, 1, {1}).error().why.code == errc::stale_attempt);
  CHECK(r.send(3, 2, {1}).error().why.code == errc::conduit_not_open);
}

TEST_CASE("a conduit tells its organization when a guest comes, goes, or is replaced") {
  room r;
  (void)r.open(party::greeter, 1);
  CHECK(r.seats.empty());
  (void)r.open(party::guest, 2);
  (void)r.open(party::guest, 3);
  CHECK(r.news(2) == news_list{replaced});
  CHECK(r.seats == std::vector{true});
  r.leave(3);
  CHECK(r.seats == std::vector{true, false});
}

TEST_CASE("a session that ends leaves its conduit, and the other side is told") {
  room r;
  (void)r.open(party::greeter, 1);
  (void)r.open(party::guest, 2);
  r.leave(2);
  CHECK(r.news(1) == news_list{restarted, peer_left});
  CHECK(r.send(1, 2, {1}).error().why.code == errc::peer_absent);
}

TEST_CASE("when the invitation is over both sides hear why, and the conduit is gone") {
  room r;
  (void)r.open(party::greeter, 1);
  (void)r.open(party::guest, 2);
  caf::anon_send(r.conduit, end_conduit{"expired"});
  r.run();
  REQUIRE(r.news(2) == news_list{closed});
  CHECK(to_string(r.heard[2][0].payload) == "expired");
  CHECK(r.news(1).back() == closed);
  CHECK(r.send(1, 2, {1}).error().why.code == errc::timed_out);  // nobody answers any more
}

TEST_CASE("a request that is no conduit's, or not whole, is refused") {
  room r;
  (void)r.open(party::greeter, 1);
  auto broken = net::make_message(net::conduit_close{token, 1, ""}, 1);
  broken.body = shared_bytes(bytes{0xc1});
  CHECK(r.ask(conduit_request{1, broken}).error().why.code == errc::malformed);
}
