#include "net/server_session.hpp"

#include "tests/net/session_support.hpp"

using namespace keyfold;
using namespace keyfold::net;

namespace {

constexpr instant start{1'000'000};

struct server {
  server_session session;
  explicit server(const server_options& options = {}) : session(start, options) {}

  server& open() {
    CHECK(only<effect::greeting>(session.received(make_message(hello{}, 1), start)).version == 1);
    CHECK(sent(session.accept(hello_answer{})) == make_reply(1, hello_answer{}));
    CHECK(session.open());
    return *this;
  }
  server_effects ask(std::uint64_t id) {
    return session.received(make_message(ledger_pull{}, id), start);
  }
};

}  // namespace

TEST_CASE("hello is handed up, and the session is open once it was accepted") {
  server relay;
  CHECK_FALSE(relay.session.open());
  relay.open();
}

TEST_CASE("a request before hello ends the session") {
  server relay;
  const auto effects = relay.ask(1);
  CHECK(sent(effects).request_id == 0);
  CHECK(refusal_in(sent(effects)).code == "hello_expected");
  CHECK(closed_for(effects) == errc::hello_expected);
  CHECK(relay.session.received(make_message(hello{}, 2), start).empty());
}

TEST_CASE("a request before the answer to hello ends the session") {
  server relay;
  static_cast<void>(relay.session.received(make_message(hello{}, 1), start));
  CHECK(closed_for(relay.ask(2)) == errc::hello_expected);
}

TEST_CASE("a second hello ends the session") {
  server relay;
  CHECK(closed_for(relay.open().session.received(make_message(hello{}, 2), start)) ==
        errc::hello_expected);
}

TEST_CASE("a hello without a common version is refused") {
  server relay;
  hello said;
  said.versions = {2, 3};
  const auto effects = relay.session.received(make_message(said, 1), start);
  CHECK(refusal_in(sent(effects)).code == "unknown_version");
  CHECK(closed_for(effects) == errc::unknown_version);
}

TEST_CASE("a malformed hello is refused") {
  server relay;
  const message said{message_kind::hello, 1, encode(empty_body{}), {}};
  const auto effects = relay.session.received(said, start);
  CHECK(sent(effects).request_id == 1);
  CHECK(closed_for(effects) == errc::malformed);
}

TEST_CASE("a rejected hello ends the session with the owner's reason") {
  server relay;
  static_cast<void>(relay.session.received(make_message(hello{}, 1), start));
  const auto effects = relay.session.reject({errc::not_found, "no such organization"});
  CHECK(refusal_in(sent(effects)).code == "not_found");
  CHECK(closed_for(effects) == errc::not_found);
  CHECK(relay.session.accept({}).empty());
}

TEST_CASE("a peer that does not say hello in time is refused") {
  server relay;
  CHECK(relay.session.tick(start + instant{9'999}).empty());
  CHECK(closed_for(relay.session.tick(start + instant{10'000})) == errc::timed_out);
  CHECK(relay.session.next() == std::nullopt);
}

TEST_CASE("a request is handed up and answered once") {
  server relay;
  CHECK(only<effect::requested>(relay.open().ask(5)).m.request_id == 5);
  CHECK(sent(relay.session.reply(5, ledger_pull_answer{}, bytes{1})).bulk.size() == 1);
  CHECK(relay.session.reply(5, ledger_pull_answer{}).empty());
  CHECK(relay.session.refuse(5, {errc::internal, ""}).empty());
}

TEST_CASE("a request is refused with its detail") {
  server relay;
  static_cast<void>(relay.open().ask(5));
  const auto no = refusal_in(sent(relay.session.refuse(5, {errc::internal, "x"}, bytes{1})));
  CHECK(no == refusal{"internal", "x", bytes{1}});
}

TEST_CASE("beyond 64 requests under way the answer is busy") {
  server relay;
  relay.open();
  for (std::uint64_t id = 1; id <= 64; ++id)
    CHECK(all<effect::requested>(relay.ask(id)).size() == 1);
  const auto effects = relay.ask(65);
  CHECK(refusal_in(sent(effects)).code == "busy");
  CHECK(all<effect::requested>(effects).empty());
  static_cast<void>(relay.session.reply(1, empty_body{}));
  CHECK(all<effect::requested>(relay.ask(66)).size() == 1);
}

TEST_CASE("beyond the bulk that may be under way the answer is busy") {
  server relay({.max_bulk_under_way = 100});
  relay.open();
  const auto put = [&](std::uint64_t id, std::size_t size) {
    return relay.session.received(make_message(object_put{}, id, bytes(size)), start);
  };
  CHECK(all<effect::requested>(put(1, 100)).size() == 1);
  CHECK(refusal_in(sent(put(2, 1))).code == "busy");
  static_cast<void>(relay.session.reply(1, empty_body{}));
  CHECK(all<effect::requested>(put(3, 1)).size() == 1);
}

TEST_CASE("a request id that is under way is not used twice") {
  server relay;
  static_cast<void>(relay.open().ask(5));
  CHECK(closed_for(relay.ask(5)) == errc::unasked);
}

TEST_CASE("events from the asking side, and answers to nothing, end the session") {
  CHECK(closed_for(server().open().session.received(make_message(ledger_advanced{}), start)) ==
        errc::unknown_message);
  CHECK(closed_for(server().open().session.received(make_reply(1, empty_body{}), start)) ==
        errc::unasked);
}

TEST_CASE("a client's word that its session ended ends the relay's") {
  server relay;
  const auto effects = relay.open().session.received(make_refusal(0, {}), start);
  CHECK(closed_for(effects) == errc::session_closed);
  CHECK(all<effect::send>(effects).empty());
}

TEST_CASE("pings are answered, and sent after 15 s of silence") {
  server relay;
  relay.open();
  CHECK(sent(relay.session.received(make_message(ping{}, 9), start)) ==
        make_reply(9, empty_body{}));
  CHECK(*relay.session.next() == start + instant{15'000});
  const auto ping = sent(relay.session.tick(start + instant{15'000}));
  CHECK(ping.kind == message_kind::ping);
  CHECK(relay.session.received(make_reply(ping.request_id, empty_body{}), start + instant{15'000})
            .empty());
  CHECK(*relay.session.next() == start + instant{30'000});
}

TEST_CASE("who pings, or asks beyond the bounds, without end is thrown out") {
  server relay;
  relay.open();
  const auto ping_at = [&](instant now) {
    static std::uint64_t id = 100;
    return relay.session.received(make_message(ping{}, ++id), now);
  };
  for (int i = 0; i < 200; ++i) CHECK(sent(ping_at(start)).kind == message_kind::reply);
  SECTION("pings") {
    const auto effects = ping_at(start + instant{9'999});
    CHECK(refusal_in(sent(effects)).code == "flooding");
    CHECK(closed_for(effects) == errc::flooding);
    CHECK(ping_at(start).empty());
  }
  SECTION("requests") {
    for (std::uint64_t id = 1000; id < 1064; ++id)
      CHECK(only<effect::requested>(relay.ask(id)).m.request_id == id);
    CHECK(closed_for(relay.ask(1064)) == errc::flooding);
  }
  SECTION("time passes") {
    for (int i = 0; i < 200; ++i)
      CHECK(sent(ping_at(start + instant{10'000})).kind == message_kind::reply);
  }
}

TEST_CASE("a session silent for 60 s is closed") {
  server relay;
  relay.open();
  static_cast<void>(relay.session.tick(start + instant{59'999}));
  CHECK(relay.session.open());
  CHECK(closed_for(relay.session.tick(start + instant{60'000})) == errc::silent);
}

TEST_CASE("the owner ends a session, and the peer is told why") {
  server relay;
  const auto effects = relay.open().session.end({errc::key_refused, "revoked"});
  CHECK(sent(effects).request_id == 0);
  CHECK(refusal_in(sent(effects)).code == "key_refused");
  CHECK(closed_for(effects) == errc::key_refused);
  CHECK(relay.session.end({errc::internal, ""}).empty());
}

TEST_CASE("events go out only when the session is open") {
  server relay;
  const auto event = make_message(ledger_advanced{});
  CHECK(relay.session.notify(event).empty());
  CHECK(sent(relay.open().session.notify(event)) == event);
}

TEST_CASE("events are paced by pings that the peer answers") {
  server relay({.event_window = 8000});
  relay.open();
  const auto event = make_message(feed_advanced{}, 0, bytes(1000));
  std::vector<std::uint64_t> pings;
  while (relay.session.has_room()) {
    for (const auto& out : all<effect::send>(relay.session.notify(event)))
      if (out.m.kind == message_kind::ping) pings.push_back(out.m.request_id);
  }
  REQUIRE(pings.size() == 8);
  const auto pong = [&](std::uint64_t id) {
    return relay.session.received(make_reply(id, empty_body{}), start);
  };
  CHECK(pong(pings[0]).empty());
  CHECK(relay.session.has_room());
  CHECK(pong(pings[2]).empty());
  CHECK(all<effect::room>(pong(pings[5])).size() == 1);
  CHECK(pong(pings[7]).empty());
}
