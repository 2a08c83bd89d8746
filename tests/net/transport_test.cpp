#include "net/transport.hpp"

#include <catch2/catch.hpp>

#include "tests/net/transport_support.hpp"

using namespace keyfold;
using namespace keyfold::net;
using namespace std::chrono_literals;

namespace {

const auto relay_key = box_key::generate(*seeded_random(1));
const auto alice_key = box_key::generate(*seeded_random(2));
const auto bob_key = box_key::generate(*seeded_random(3));
constexpr auto loopback = "tcp://127.0.0.1:*";

transport_options quick() {
  transport_options out;
  out.first_retry = 20ms;
  out.last_retry = 100ms;
  out.penalty = 0ms;
  return out;
}

/// A relay that echoes, and a transport for clients.
struct fixture {
  transport relay;
  transport agent;
  std::shared_ptr<echo> at_relay = std::make_shared<echo>(relay);
  transport::bound bound;

  explicit fixture(const authenticator& admits = any_key(),
                   const transport_options& options = quick())
      : relay(options), agent(quick()) {
    bound = relay.listen(loopback, relay_key, admits, at_relay).value();
  }
  link_id connect(const box_key& key, const std::shared_ptr<recorder>& to) {
    return agent.connect(bound.endpoint, relay_key.public_key(), key, to).value();
  }
  raw_client raw(const box_key& key, const std::string& routing_id = {}) {
    return {bound.endpoint, relay_key.public_key(), key, routing_id};
  }
};

message put(std::uint64_t id, std::size_t size) {
  bytes object(size);
  seeded_random(id)->fill(object);
  return make_message(object_put{}, id, object);
}

}  // namespace

TEST_CASE("a request goes to the relay over CURVE and its answer comes back") {
  fixture f;
  const auto alice = std::make_shared<recorder>();
  const auto link = f.connect(alice_key, alice);
  const auto up = alice->next_up();
  REQUIRE(up);
  CHECK(up->link == link);
  CHECK(up->who.key == relay_key.public_key());
  REQUIRE(f.agent.send(link, make_message(ping{}, 1)));
  const auto got = alice->next_message();
  REQUIRE(got);
  CHECK(got->message == make_reply(1, empty_body{}));
}

TEST_CASE("the relay knows a peer by the key of its handshake, and from where it comes") {
  fixture f;
  for (const auto* key : {&alice_key, &bob_key}) {
    const auto to = std::make_shared<recorder>();
    const auto link = f.connect(*key, to);
    REQUIRE(to->next_up());
    REQUIRE(f.agent.send(link, make_message(ping{}, 1)));
    const auto up = f.at_relay->next_up();
    REQUIRE(up);
    CHECK(up->who.key == key->public_key());
    CHECK(up->who.address == "127.0.0.1");
  }
}

TEST_CASE("a client that expects another server key never connects") {
  fixture f;
  const auto alice = std::make_shared<recorder>();
  REQUIRE(f.agent.connect(f.bound.endpoint, bob_key.public_key(), alice_key, alice));
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto down = alice->next_down();
    REQUIRE(down);
    CHECK((down->why.code == errc::handshake_failed || down->why.code == errc::cannot_connect));
  }
  CHECK(alice->ups() == 0);
}

TEST_CASE("a socket that admits known keys only refuses another") {
  fixture f([](const box_public_key& key) { return key == alice_key.public_key(); });
  const auto alice = std::make_shared<recorder>();
  const auto bob = std::make_shared<recorder>();
  f.connect(alice_key, alice);
  f.connect(bob_key, bob);
  CHECK(alice->next_up());
  CHECK(bob->await_down(errc::key_refused));
  CHECK(bob->ups() == 0);
  CHECK(f.relay.stats().refused_keys > 0);
}

TEST_CASE("large bulk messages arrive intact and in order") {
  fixture f;
  const auto alice = std::make_shared<recorder>();
  const auto link = f.connect(alice_key, alice);
  REQUIRE(alice->next_up());
  for (std::uint64_t id = 1; id <= 8; ++id) {
    const auto sent = put(id, id % 2 == 0 ? max_bulk_size : 100'000 * id);
    REQUIRE(f.agent.send(link, sent));
    const auto got = alice->next_message();
    REQUIRE(got);
    CHECK(got->message.request_id == id);
    CHECK((got->message.bulk == sent.bulk));
  }
}

TEST_CASE("many small messages arrive in order") {
  fixture f;
  const auto alice = std::make_shared<recorder>();
  const auto link = f.connect(alice_key, alice);
  REQUIRE(alice->next_up());
  constexpr std::uint64_t count = 20'000;
  for (std::uint64_t id = 1; id <= count; ++id)
    REQUIRE(f.agent.send(link, make_message(ping{}, id)));
  for (std::uint64_t id = 1; id <= count; ++id) {
    const auto got = alice->next_message();
    REQUIRE(got);
    REQUIRE(got->message.request_id == id);
  }
}

TEST_CASE("frames that are no message end their sender's link alone") {
  fixture f;
  const auto alice = std::make_shared<recorder>();
  const auto link = f.connect(alice_key, alice);
  REQUIRE(alice->next_up());
  const auto ping_frame = encode_head(make_message(ping{}, 1));
  const std::vector<std::vector<bytes>> garbage{{{}},
                                                {{0xff}},
                                                {bytes(1000, 0x91)},
                                                {ping_frame, {1}},
                                                {ping_frame, {}, {}, {}, {}},
                                                {bytes(max_head_size + 1)}};
  for (const auto& frames : garbage) {
    auto mallory = f.raw(bob_key);
    mallory.send(frames);
    const auto down = f.at_relay->next_down();
    REQUIRE(down);
    CHECK(down->why.code != errc::disconnected);
  }
  REQUIRE(f.agent.send(link, make_message(ping{}, 7)));
  const auto got = alice->next_message();
  REQUIRE(got);
  CHECK(got->message.request_id == 7);
  CHECK(f.relay.stats().received_messages == 1);
}

TEST_CASE("a frame beyond the limit costs the sender its connection") {
  fixture f;
  auto mallory = f.raw(bob_key);
  mallory.send(make_message(ping{}, 1));
  REQUIRE(f.at_relay->next_up());
  mallory.send({encode_head(make_message(ping{}, 1)), bytes(max_bulk_size + 2000)});
  CHECK(f.at_relay->await_down(errc::disconnected));
}

TEST_CASE("a message that never ends costs the sender its connection") {
  auto options = quick();
  options.max_unfinished = 4 * 1024 * 1024;
  options.audit = 1ms;
  fixture f(any_key(), options);
  const auto alice = std::make_shared<recorder>();
  const auto link = f.connect(alice_key, alice);
  REQUIRE(alice->next_up());
  auto mallory = f.raw(bob_key);
  mallory.send(make_message(ping{}, 1));
  REQUIRE(mallory.receive());
  mallory.send(
      std::vector<bytes>(64, bytes(1024 * 1024)));  // too long to be over before it is noticed
  CHECK(f.at_relay->await_down(errc::flooding));
  REQUIRE(f.agent.send(link, make_message(ping{}, 1)));
  CHECK(alice->next_message());
}

TEST_CASE("where all together hold too much, who holds the most goes, and the others stay") {
  auto options = quick();
  options.max_held = 4 * 1024 * 1024;
  options.audit = 5ms;
  fixture f(any_key(), options);
  const auto hoarder = std::make_shared<recorder>();  // keeps the messages that it hears
  const auto bound = f.relay.listen(loopback, relay_key, any_key(), hoarder).value();
  const auto connect = [&](const box_key& key, const std::shared_ptr<recorder>& to) {
    return f.agent.connect(bound.endpoint, relay_key.public_key(), key, to).value();
  };
  const auto alice = std::make_shared<recorder>();
  const auto bob = std::make_shared<recorder>();
  const auto alices = connect(alice_key, alice);
  const auto bobs = connect(bob_key, bob);
  REQUIRE(alice->next_up());
  REQUIRE(bob->next_up());
  REQUIRE(f.agent.send(alices, put(1, 1024 * 1024)));
  REQUIRE(hoarder->next_up());
  REQUIRE(f.agent.send(bobs, make_message(ping{}, 1)));  // a link of his own, to be told of
  const auto by_bob = hoarder->next_up();
  REQUIRE(by_bob);
  for (std::uint64_t id = 2; id <= 3; ++id) REQUIRE(f.agent.send(bobs, put(id, 2 * 1024 * 1024)));
  const auto gone = hoarder->next_down();
  REQUIRE(gone);
  CHECK(gone->why.code == errc::flooding);
  CHECK(gone->link == by_bob->link);
  CHECK(f.relay.stats().cut_links == 1);
}

TEST_CASE("a peer that says nothing after its handshake is shut") {
  auto options = quick();
  options.first_words = 1s;
  options.audit = 5ms;
  fixture f(any_key(), options);
  const auto alice = std::make_shared<recorder>();
  const auto bob = std::make_shared<recorder>();
  const auto alices = f.connect(alice_key, alice);
  f.connect(bob_key, bob);
  REQUIRE(alice->next_up());
  REQUIRE(f.agent.send(alices, make_message(ping{}, 1)));
  REQUIRE(alice->next_message());
  REQUIRE(bob->next_up());
  CHECK(bob->await_down(errc::disconnected));
  REQUIRE(f.agent.send(alices, make_message(ping{}, 2)));
  CHECK(alice->next_message());
}

TEST_CASE("much talk of whole messages is no message without end") {
  auto options = quick();
  options.max_unfinished = 1024 * 1024;
  options.audit = 20ms;
  fixture f(any_key(), options);
  const auto alice = std::make_shared<recorder>();
  const auto link = f.connect(alice_key, alice);
  REQUIRE(alice->next_up());
  const auto until = std::chrono::steady_clock::now() + 300ms;  // some audits
  for (std::uint64_t id = 1; std::chrono::steady_clock::now() < until; ++id) {
    REQUIRE(f.agent.send(link, id % 100 == 0 ? put(id, 200'000) : make_message(ping{}, id)));
    REQUIRE(alice->next_message());
  }
  CHECK(f.relay.stats().cut_links == 0);
}

TEST_CASE("a peer that chooses its own routing id is not listened to") {
  fixture f;
  auto mallory = f.raw(bob_key, "alice");
  mallory.send(make_message(ping{}, 1));
  auto bob = f.raw(bob_key);
  bob.send(make_message(ping{}, 1));
  REQUIRE(bob.receive());
  CHECK(f.at_relay->next_up());
  CHECK(f.at_relay->ups() == 0);
}

TEST_CASE("a peer that does not read is cut off within its bound while another goes on") {
  auto options = quick();
  options.max_queued = 8 * 1024 * 1024;
  options.penalty = 60s;
  fixture f(any_key(), options);
  auto mallory = f.raw(bob_key);
  mallory.send(make_message(ping{}, 1));
  const auto stuck = f.at_relay->next_up();
  REQUIRE(stuck);
  const auto alice = std::make_shared<recorder>();
  const auto link = f.connect(alice_key, alice);
  REQUIRE(alice->next_up());

  const shared_bytes entries(bytes(1024 * 1024, 0xc0));
  std::uint64_t id = 0;
  std::optional<recorder::down> cut;
  for (int megabytes = 0; megabytes < 200 && f.relay.stats().cut_links == 0; ++megabytes) {
    REQUIRE(f.relay.send(stuck->link, make_message(feed_advanced{}, 0, entries)));
    REQUIRE(f.agent.send(link, make_message(ping{}, ++id)));
    REQUIRE(alice->next_message());
  }
  cut = f.at_relay->next_down();
  REQUIRE(cut);
  CHECK(cut->link == stuck->link);
  CHECK(cut->why.code == errc::too_slow);

  // Its next handshake has to wait.
  const auto again = std::make_shared<recorder>();
  f.connect(bob_key, again);
  CHECK(again->await_down(errc::key_refused));
  REQUIRE(f.agent.send(link, make_message(ping{}, ++id)));
  CHECK(alice->next_message());
}

TEST_CASE("a peer whose messages are held beyond its credits is cut off") {
  auto options = quick();
  options.max_unread = 1024 * 1024;
  transport relay(options);
  const auto hoarder = std::make_shared<recorder>();  // keeps every message
  const auto bound = relay.listen(loopback, relay_key, any_key(), hoarder).value();
  raw_client mallory(bound.endpoint, relay_key.public_key(), bob_key);
  for (std::uint64_t id = 1; id <= 20; ++id) mallory.send(put(id, 100'000));
  CHECK(hoarder->await_down(errc::flooding));
}

TEST_CASE("a client whose owner is behind lets the network wait and loses nothing") {
  auto options = quick();
  options.max_unread = 1024 * 1024;
  fixture f;
  transport slow(options);
  const auto alice = std::make_shared<recorder>();  // keeps every message until it is taken
  const auto link =
      slow.connect(f.bound.endpoint, relay_key.public_key(), alice_key, alice).value();
  REQUIRE(alice->next_up());
  for (std::uint64_t id = 1; id <= 12; ++id) REQUIRE(slow.send(link, put(id, 500'000)));
  for (std::uint64_t id = 1; id <= 12; ++id) {
    const auto got = alice->next_message();
    REQUIRE(got);
    CHECK(got->message.request_id == id);
    CHECK((got->message.bulk == put(id, 500'000).bulk));
  }
}

TEST_CASE("a client comes back to a relay that restarts, as a new link there") {
  transport agent(quick());
  auto relay = std::make_unique<transport>(quick());
  auto at_relay = std::make_shared<echo>(*relay);
  const auto bound = relay->listen(loopback, relay_key, any_key(), at_relay).value();
  const auto alice = std::make_shared<recorder>();
  const auto link = agent.connect(bound.endpoint, relay_key.public_key(), alice_key, alice).value();
  for (int round = 0; round < 3; ++round) {
    REQUIRE(alice->next_up());
    REQUIRE(agent.send(link, make_message(ping{}, 1)));
    REQUIRE(alice->next_message());
    relay.reset();
    REQUIRE(alice->next_down());
    relay = std::make_unique<transport>(quick());
    at_relay = std::make_shared<echo>(*relay);
    REQUIRE(relay->listen(bound.endpoint, relay_key, any_key(), at_relay));
  }
}

TEST_CASE("a client tries again where nobody listens yet") {
  transport agent(quick());
  const auto port = [] {  // a free one
    transport other;
    return other.listen(loopback, relay_key, any_key(), std::make_shared<recorder>())
        .value()
        .endpoint;
  }();
  const auto alice = std::make_shared<recorder>();
  REQUIRE(agent.connect(port, relay_key.public_key(), alice_key, alice));
  CHECK(alice->await_down(errc::cannot_connect));
  CHECK(alice->await_down(errc::cannot_connect));
  transport relay(quick());
  REQUIRE(relay.listen(port, relay_key, any_key(), std::make_shared<recorder>()));
  CHECK(alice->next_up());
}

TEST_CASE("the relay learns at once that a peer went away") {
  fixture f;
  const auto alice = std::make_shared<recorder>();
  const auto link = f.connect(alice_key, alice);
  REQUIRE(alice->next_up());
  REQUIRE(f.agent.send(link, make_message(ping{}, 1)));
  REQUIRE(alice->next_message());
  f.agent.close(link);
  const auto up = f.at_relay->next_up();
  const auto down = f.at_relay->next_down();
  REQUIRE(up);
  REQUIRE(down);
  CHECK(down->link == up->link);
  CHECK(down->why.code == errc::disconnected);
}

TEST_CASE("what a peer said before it went is heard before it is down") {
  fixture f;
  for (int round = 0; round < 20; ++round) {
    {
      auto bob = f.raw(bob_key);
      bob.send(make_message(ping{}, 1));
      REQUIRE(bob.receive());
      bob.send(make_message(ping{}, 2));
      REQUIRE(bob.receive());
    }
    REQUIRE(f.at_relay->next_up());
    REQUIRE(f.at_relay->next_message()->message.request_id == 1);
    REQUIRE(f.at_relay->next_message()->message.request_id == 2);
    REQUIRE(f.at_relay->next_down());
  }
  CHECK(f.at_relay->ups() == 0);
}

TEST_CASE("a dropped link of connect() comes back by itself") {
  fixture f;
  const auto alice = std::make_shared<recorder>();
  const auto link = f.connect(alice_key, alice);
  REQUIRE(alice->next_up());
  f.agent.drop(link, {errc::silent, "test"});
  CHECK(alice->next_down()->why.code == errc::silent);
  CHECK(alice->next_up());
}

TEST_CASE("a dropped link of listen() tells its peer to connect again") {
  auto options = quick();
  options.farewell = 60s;
  fixture f(any_key(), options);
  const auto alice = std::make_shared<recorder>();
  const auto link = f.connect(alice_key, alice);
  REQUIRE(alice->next_up());
  REQUIRE(f.agent.send(link, make_message(ping{}, 1)));
  REQUIRE(alice->next_message());
  f.relay.drop(f.at_relay->next_up()->link, {errc::silent, "test"});
  CHECK(f.at_relay->next_down()->why.code == errc::silent);
  REQUIRE(f.agent.send(link, make_message(ping{}, 2)));
  const auto told = alice->next_message();
  REQUIRE(told);
  CHECK(told->message.kind == message_kind::refused);
  CHECK(told->message.request_id == 0);
}

TEST_CASE("a dropped link of listen() is shut when its peer does not go") {
  auto options = quick();
  options.farewell = 0ms;
  fixture f(any_key(), options);
  const auto alice = std::make_shared<recorder>();
  const auto link = f.connect(alice_key, alice);
  REQUIRE(alice->next_up());
  REQUIRE(f.agent.send(link, make_message(ping{}, 1)));
  REQUIRE(alice->next_message());
  f.relay.drop(f.at_relay->next_up()->link, {errc::silent, "test"});
  CHECK(alice->next_down()->why.code == errc::disconnected);
  CHECK(alice->next_up());
}

TEST_CASE("an address that cannot be bound is an error") {
  transport relay;
  const auto to = std::make_shared<recorder>();
  CHECK(relay.listen("tcp://256.0.0.1:1", relay_key, any_key(), to).error().code ==
        errc::cannot_listen);
  CHECK(relay.listen("nonsense", relay_key, any_key(), to).error().code == errc::cannot_listen);
}

TEST_CASE("an address that means nothing keeps failing without harm") {
  transport agent(quick());
  const auto alice = std::make_shared<recorder>();
  REQUIRE(agent.connect("nonsense", relay_key.public_key(), alice_key, alice));
  CHECK(alice->await_down(errc::cannot_connect));
  CHECK(alice->await_down(errc::cannot_connect));
}

TEST_CASE("a message that no peer would take is not queued") {
  fixture f;
  const auto alice = std::make_shared<recorder>();
  const auto link = f.connect(alice_key, alice);
  CHECK(f.agent.send(link, make_message(object_put{}, 1)).error().code == errc::malformed);
  CHECK(f.agent.send(link, make_message(object_put{}, 1, bytes(max_bulk_size + 1))).error().code ==
        errc::too_large);
  CHECK(f.agent.send(link_id{999}, make_message(ping{}, 1)));
}

TEST_CASE("a full command queue refuses more") {
  auto options = quick();
  options.max_command_bytes = 1000;
  transport agent(options);
  CHECK(agent.send(link_id{1}, put(1, 2000)).error().code == errc::queue_full);
}

TEST_CASE("messages outlive their transport") {
  const auto kept = std::make_shared<recorder>();
  {
    fixture f;
    const auto link = f.connect(alice_key, kept);
    REQUIRE(kept->next_up());
    REQUIRE(f.agent.send(link, put(1, 300'000)));
    REQUIRE(f.at_relay->next_message());
    const auto got = kept->next_message();
    REQUIRE(got);
    static_cast<recorder&>(*kept).on_message(link, got->message);
  }
  CHECK((kept->next_message()->message.bulk == put(1, 300'000).bulk));
}
