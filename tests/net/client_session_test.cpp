#include "net/client_session.hpp"

#include <rapidcheck.h>

#include <random>
#include <set>

#include "tests/net/session_support.hpp"

using namespace keyfold;
using namespace keyfold::net;

namespace {

constexpr instant start{1'000'000};

hello_verifier trusting() {
  return [](const hello&, const hello_answer&) -> expected<void> { return {}; };
}

struct client {
  client_session session{trusting()};
  instant now = start;

  explicit client(const client_options& options = {}) : session(trusting(), options) {}

  std::uint64_t greet() {
    const auto greeting = sent(session.up({}, now));
    CHECK(greeting.kind == message_kind::hello);
    return greeting.request_id;
  }
  client& open() {
    const auto effects = session.received(make_reply(greet(), hello_answer{}), now);
    CHECK(all<effect::greeted>(effects).size() == 1);
    CHECK(session.open());
    return *this;
  }
  client_effects ask(request_token token, instant timeout = instant{30'000}) {
    auto effects = session.ask(token, ledger_pull{}, now, {}, timeout);
    REQUIRE(effects);
    return *effects;
  }
  client_effects put(request_token token, std::size_t size) {
    auto effects = session.ask(token, object_put{}, now, bytes(size));
    REQUIRE(effects);
    return *effects;
  }
  client_effects answer(std::uint64_t id) {
    return session.received(make_reply(id, empty_body{}), now);
  }
};

}  // namespace

TEST_CASE("a client says hello when the link is up, and is open when the answer is verified") {
  client alice;
  CHECK_FALSE(alice.session.open());
  alice.open();
}

TEST_CASE("an answer to hello that the verifier refuses ends the session") {
  client_session session([](const hello&, const hello_answer&) -> expected<void> {
    return fail(errc::bad_signature);
  });
  const auto greeting = sent(session.up({}, start));
  const auto effects = session.received(make_reply(greeting.request_id, hello_answer{}), start);
  CHECK(closed_for(effects) == errc::bad_signature);
  CHECK(all<effect::greeted>(effects).empty());
  CHECK_FALSE(session.open());
}

TEST_CASE("the verifier sees the hello that was sent") {
  hash32 seen;
  client_session session([&](const hello& said, const hello_answer&) -> expected<void> {
    seen = said.nonce;
    return {};
  });
  hello greeting;
  greeting.nonce.value.fill(5);
  const auto id = sent(session.up(greeting, start)).request_id;
  static_cast<void>(session.received(make_reply(id, hello_answer{}), start));
  CHECK(seen == greeting.nonce);
}

TEST_CASE("a version that was not offered ends the session") {
  client alice;
  const auto id = alice.greet();
  CHECK(closed_for(alice.session.received(make_reply(id, hello_answer{2, {}, {}, {}}), start)) ==
        errc::unknown_version);
}

TEST_CASE("a refused hello ends the session with its reason") {
  client alice;
  const auto id = alice.greet();
  const auto why = make_refusal(id, refusal::of({errc::not_found, "no such organization"}));
  CHECK(closed_for(alice.session.received(why, start)) == errc::not_found);
}

TEST_CASE("a hello that is not answered in time ends the session") {
  client alice;
  alice.greet();
  CHECK(*alice.session.next() == start + instant{10'000});
  CHECK(alice.session.tick(start + instant{9'999}).empty());
  CHECK(closed_for(alice.session.tick(start + instant{10'000})) == errc::timed_out);
}

TEST_CASE("a malformed answer to hello ends the session") {
  client alice;
  const auto id = alice.greet();
  CHECK(closed_for(alice.session.received(make_reply(id, empty_body{}), start)) == errc::malformed);
}

TEST_CASE("an event before the answer to hello ends the session") {
  client alice;
  alice.greet();
  CHECK(closed_for(alice.session.received(make_message(ledger_advanced{}), start)) ==
        errc::hello_expected);
}

TEST_CASE("a request waits for hello, and its answer comes under its token") {
  client alice;
  CHECK(alice.ask(7).empty());
  const auto greeting = alice.greet();
  const auto effects = alice.session.received(make_reply(greeting, hello_answer{}), start);
  const auto asked = sent(effects);
  CHECK(asked.kind == message_kind::ledger_pull);
  const auto answered = only<effect::answered>(alice.answer(asked.request_id));
  CHECK(answered.token == 7);
  CHECK(answered.result);
  CHECK(alice.session.under_way() == 0);
}

TEST_CASE("a refusal comes as the request's failure, with its detail") {
  client alice;
  const auto asked = sent(alice.open().ask(7));
  const auto no = make_refusal(asked.request_id, refusal::of({errc::busy, "later"}, bytes{1, 2}));
  const auto answered = only<effect::answered>(alice.session.received(no, start));
  REQUIRE_FALSE(answered.result);
  CHECK(answered.result.error().why.code == errc::busy);
  CHECK(answered.result.error().detail == bytes{1, 2});
}

TEST_CASE("a request without an answer times out once, and a late answer is ignored") {
  client alice;
  const auto asked = sent(alice.open().ask(7, instant{5'000}));
  CHECK(*alice.session.next() == start + instant{5'000});
  const auto answered = only<effect::answered>(alice.session.tick(start + instant{5'000}));
  CHECK(answered.result.error().why.code == errc::timed_out);
  CHECK(alice.answer(asked.request_id).empty());
  CHECK(alice.session.open());
}

TEST_CASE("a waiting request times out too") {
  client alice;
  CHECK(alice.ask(7, instant{5'000}).empty());
  const auto answered = only<effect::answered>(alice.session.tick(start + instant{5'000}));
  CHECK(answered.result.error().why.code == errc::timed_out);
  CHECK(alice.session.waiting() == 0);
}

TEST_CASE("when the link goes, every request ends as disconnected") {
  client alice({.max_under_way = 1});
  alice.open();
  static_cast<void>(alice.ask(1));
  CHECK(alice.ask(2).empty());
  const auto ended = all<effect::answered>(alice.session.down({errc::disconnected, "gone"}));
  REQUIRE(ended.size() == 2);
  for (const auto& e : ended) CHECK(e.result.error().why.code == errc::disconnected);
  CHECK(alice.session.under_way() == 0);
  CHECK_FALSE(alice.session.open());
}

TEST_CASE("an answer to nothing that was asked ends the session") {
  client alice;
  CHECK(closed_for(alice.open().answer(99)) == errc::unasked);
}

TEST_CASE("the peer's word that its session ended ends ours") {
  client alice;
  alice.open();
  const auto end = make_refusal(0, refusal::of({errc::session_closed, "again"}));
  CHECK(closed_for(alice.session.received(end, start)) == errc::session_closed);
}

TEST_CASE("at most 64 requests are under way, the rest waits in order") {
  client alice;
  alice.open();
  std::vector<std::uint64_t> ids;
  for (request_token t = 0; t < 64; ++t) ids.push_back(sent(alice.ask(t)).request_id);
  CHECK(alice.ask(64).empty());
  CHECK(alice.ask(65).empty());
  CHECK(alice.session.waiting() == 2);
  const auto effects = alice.answer(ids[3]);
  CHECK(only<effect::answered>(effects).token == 3);
  const auto next = sent(effects).request_id;
  CHECK(only<effect::answered>(alice.answer(next)).token == 64);
}

TEST_CASE("a full queue takes no more requests") {
  client alice({.max_waiting = 2});
  CHECK(alice.ask(1).empty());
  CHECK(alice.ask(2).empty());
  CHECK(alice.session.ask(3, ledger_pull{}, start).error().code == errc::queue_full);
}

TEST_CASE("a queue with too many bytes takes no more requests") {
  client alice({.max_waiting_bytes = 1000});
  CHECK(alice.put(1, 5000).empty());  // one alone always fits
  CHECK(alice.session.ask(2, object_put{}, start, bytes(10)).error().code == errc::queue_full);
}

TEST_CASE("what is not a request is not asked") {
  client alice;
  CHECK(alice.session.ask(1, presence{}, start).error().code == errc::malformed);
  CHECK(alice.session.ask(1, hello{}, start).error().code == errc::malformed);
  CHECK(alice.session.ask(1, object_put{}, start).error().code == errc::malformed);
  CHECK(alice.session.ask(1, object_put{}, start, bytes(max_bulk_size + 1)).error().code ==
        errc::too_large);
}

TEST_CASE("object puts keep within their credit and delay no other request") {
  constexpr std::size_t mib = 1024 * 1024;
  client alice;
  alice.open();
  const auto first = sent(alice.put(1, 4 * mib)).request_id;
  CHECK(all<effect::send>(alice.put(2, 4 * mib)).size() == 1);
  CHECK(alice.put(3, 1).empty());
  CHECK(all<effect::send>(alice.ask(4)).size() == 1);
  const auto effects = alice.answer(first);
  CHECK(sent(effects).bulk.size() == 1);
}

TEST_CASE("object gets keep within their credit") {
  client alice({.get_credit = 4 * 1024 * 1024});
  alice.open();
  const auto get = [&](request_token t, std::size_t expected_bytes) {
    client_session::request what{
        message_kind::object_get, encode(object_get{}), {}, instant{100}, expected_bytes};
    return *alice.session.ask(t, what, start);
  };
  const auto first = sent(get(1, 8 * 1024 * 1024)).request_id;  // one alone always may
  CHECK(get(2, 0).empty());
  CHECK(get(3, 0).empty());
  CHECK(get(4, 0).empty());
  CHECK(all<effect::send>(alice.answer(first)).size() == 2);  // of 2 MiB each
}

TEST_CASE("a client pings after 15 s of silence and gives up after 45 s") {
  client alice;
  alice.open();
  CHECK(*alice.session.next() == start + instant{15'000});
  CHECK(alice.session.tick(start + instant{14'999}).empty());
  const auto ping = sent(alice.session.tick(start + instant{15'000}));
  CHECK(ping.kind == message_kind::ping);
  CHECK(alice.session.tick(start + instant{15'001}).empty());
  CHECK(sent(alice.session.tick(start + instant{30'000})).kind == message_kind::ping);
  CHECK(closed_for(alice.session.tick(start + instant{45'000})) == errc::silent);
}

TEST_CASE("an answered ping keeps the session") {
  client alice;
  alice.open();
  const auto ping = sent(alice.session.tick(start + instant{15'000}));
  alice.now = start + instant{16'000};
  CHECK(alice.answer(ping.request_id).empty());
  CHECK(*alice.session.next() == start + instant{31'000});
  CHECK(alice.session.open());
}

TEST_CASE("a client answers pings, refuses other requests and hands events up") {
  client alice;
  alice.open();
  CHECK(sent(alice.session.received(make_message(ping{}, 5), start)) ==
        make_reply(5, empty_body{}));
  const auto no = sent(alice.session.received(make_message(ledger_pull{}, 6), start));
  CHECK(refusal_in(no).code == "unknown_message");
  const auto event = make_message(ledger_advanced{bytes(120, 2), bytes(65, 1)});
  CHECK(only<effect::event>(alice.session.received(event, start)).m == event);
}

TEST_CASE("whatever happens, each request ends exactly once") {
  const auto holds = rc::check([](std::uint32_t seed) {
    std::mt19937 random(seed);
    client alice({.max_under_way = 4, .put_credit = 100, .max_waiting = 8});
    std::set<request_token> open, ended;
    std::vector<std::uint64_t> ids;
    request_token last = 0;
    const auto carry_out = [&](const client_effects& effects) {
      for (const auto& e : effects) {
        if (const auto* s = std::get_if<effect::send>(&e)) ids.push_back(s->m.request_id);
        if (const auto* a = std::get_if<effect::answered>(&e)) {
          RC_ASSERT(open.erase(a->token) == 1);
          RC_ASSERT(ended.insert(a->token).second);
        }
      }
      RC_ASSERT(alice.session.under_way() <= 4);
    };
    for (int step = 0; step < 200; ++step) {
      alice.now += instant{random() % 3000};
      switch (random() % 7) {
        case 0:
          carry_out(alice.session.up({}, alice.now));
          break;
        case 1:
          carry_out(alice.session.down({errc::disconnected, ""}));
          break;
        case 2:
          carry_out(alice.session.tick(alice.now));
          break;
        case 3:
        case 4: {
          const bool put = random() % 2 == 0;
          open.insert(++last);
          auto asked = put ? alice.session.ask(last, object_put{}, alice.now, bytes(60))
                           : alice.session.ask(last, ledger_pull{}, alice.now);
          asked ? carry_out(*asked) : void(open.erase(last));
          break;
        }
        default:
          if (ids.empty()) break;
          const auto id = ids[random() % ids.size()];
          carry_out(alice.session.received(
              random() % 2 == 0 ? make_reply(id, hello_answer{}) : make_refusal(id, {}),
              alice.now));
      }
    }
    carry_out(alice.session.down({errc::disconnected, ""}));
    RC_ASSERT(open.empty());
  });
  CHECK(holds);
}
