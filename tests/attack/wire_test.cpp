// The wire itself: real sockets with a man in the middle, and peers that say what no peer of ours
// would (THREATS A3, A4, A5, A7, A16, A20, A23).
#include <catch2/catch.hpp>

#include "tests/attack/tcp_middle.hpp"
#include "tests/net/transport_support.hpp"

using namespace keyfold;
using namespace keyfold::attack;
using namespace std::chrono_literals;

namespace {

const auto relay_key = box_key::generate(*seeded_random(1));
const auto alice_key = box_key::generate(*seeded_random(2));
const auto mallory_key = box_key::generate(*seeded_random(3));

net::transport_options quick() {
  net::transport_options out;
  out.first_retry = 20ms;
  out.last_retry = 100ms;
  out.handshake = 500ms;
  out.penalty = 0ms;
  return out;
}

/// A relay that echoes; alice reaches it through whatever stands between.
struct line {
  net::transport relay{quick()};
  net::transport agent{quick()};
  std::shared_ptr<net::echo> at_relay = std::make_shared<net::echo>(relay);
  net::transport::bound bound =
      relay.listen("tcp://127.0.0.1:*", relay_key, net::any_key(), at_relay).value();

  [[nodiscard]] std::uint16_t port() const { return port_of(bound.endpoint); }
};

/// Says its sentence whenever the link comes up.
class insistent final : public net::recorder {
 public:
  insistent(net::transport& through, bytes words) : through_(through), words_(std::move(words)) {}
  void on_up(net::link_id link, const net::peer& who) override {
    static_cast<void>(through_.send(link, net::make_message(net::object_put{}, 1, words_)));
    recorder::on_up(link, who);
  }

 private:
  net::transport& through_;
  bytes words_;
};

const bytes sentence = to_bytes(as_bytes("a sentence that nobody else shall read or change"));

bool stands_in(const bytes& data, const bytes& text) {
  return std::search(data.begin(), data.end(), text.begin(), text.end()) != data.end();
}

}  // namespace

TEST_CASE("A5: a byte changed on the wire never arrives as another message", "[A5]") {
  // How much goes in each direction when nobody meddles.
  std::array<std::size_t, 2> total{};
  {
    line l;
    tcp_middle middle(l.port());
    const auto alice = std::make_shared<insistent>(l.agent, sentence);
    REQUIRE(l.agent.connect(middle.endpoint(), relay_key.public_key(), alice_key, alice));
    REQUIRE(alice->next_message());
    for (const bool to_server : {false, true})
      total[to_server ? 1 : 0] = middle.recorded(to_server).size();
  }
  // The first connection gets a flip, in the handshake or in what follows it; the next is left alone.
  for (const bool to_server : {true, false}) {
    const auto end = total[to_server ? 1 : 0];
    for (const std::size_t at : {std::size_t{3}, std::size_t{12}, std::size_t{40}, std::size_t{70},
                                 std::size_t{150}, end / 2, end - 120, end - 60, end - 1}) {
      INFO((to_server ? "to" : "from") << " the relay, byte " << at);
      line l;
      std::atomic<bool> flipped = false;
      tcp_middle middle(l.port(), [&](tcp_middle::piece& p) {
        if (p.connection != 0 || p.to_server != to_server) return true;
        if (p.offset > at || p.offset + p.data.size() <= at) return true;
        p.data[at - p.offset] ^= 0x10;
        flipped = true;
        return true;
      });
      const auto alice = std::make_shared<insistent>(l.agent, sentence);
      REQUIRE(l.agent.connect(middle.endpoint(), relay_key.public_key(), alice_key, alice));
      const auto answer = alice->next_message();
      REQUIRE(answer);
      CHECK(to_bytes(answer->message.bulk.view()) == sentence);
      const auto heard = l.at_relay->next_message();
      REQUIRE(heard);
      CHECK(heard->message.request_id == 1);
      CHECK(flipped);
    }
  }
}

TEST_CASE("A3: a middle that talks of an older ZMTP or of no encryption gets no word", "[A3]") {
  // greeting := signature (10) ‖ version (2) ‖ mechanism (20) ‖ …
  // ZMTP 2 calls itself 1 there, ZMTP 1 nothing; what says 2 is talked to as 3, under CURVE.
  for (const int version : {3, 1, 0}) {
    INFO("version " << version);
    line l;
    tcp_middle middle(l.port(), [&](tcp_middle::piece& p) {
      for (std::size_t i = 0; i < p.data.size(); ++i) {
        const auto at = p.offset + i;
        constexpr std::string_view none = "NULL";
        if (at == 10) p.data[i] = static_cast<std::uint8_t>(version);
        if (version == 3 && at >= 12 && at < 32)
          p.data[i] =
              at - 12 < none.size() ? static_cast<std::uint8_t>(none[at - 12]) : std::uint8_t{0};
      }
      return true;
    });
    const auto alice = std::make_shared<insistent>(l.agent, sentence);
    REQUIRE(l.agent.connect(middle.endpoint(), relay_key.public_key(), alice_key, alice));
    REQUIRE(alice->next_down());
    REQUIRE(alice->next_down());  // nor at the second try
    CHECK(alice->ups() == 0);
    CHECK(l.relay.stats().received_messages == 0);
    CHECK_FALSE(stands_in(middle.recorded(true), sentence));
  }
}

TEST_CASE("A4: who only listens on the wire reads nothing", "[A4]") {
  line l;
  tcp_middle middle(l.port());
  const auto alice = std::make_shared<insistent>(l.agent, sentence);
  REQUIRE(l.agent.connect(middle.endpoint(), relay_key.public_key(), alice_key, alice));
  REQUIRE(alice->next_message());  // control: both ways it went by him
  for (const bool to_server : {true, false}) {
    const auto seen = middle.recorded(to_server);
    CHECK(seen.size() > sentence.size());
    CHECK_FALSE(stands_in(seen, sentence));
    CHECK_FALSE(stands_in(seen, to_bytes(alice_key.public_key().view())));  // nor who she is
  }
}

TEST_CASE("A7: recorded bytes played again at the relay make no message", "[A7]") {
  line l;
  bytes recorded;
  {
    tcp_middle middle(l.port());
    const auto alice = std::make_shared<insistent>(l.agent, sentence);
    const auto link = l.agent.connect(middle.endpoint(), relay_key.public_key(), alice_key, alice);
    REQUIRE(link);
    REQUIRE(alice->next_message());
    recorded = middle.recorded(true);
    l.agent.close(*link);
  }
  REQUIRE(l.at_relay->next_message());
  const auto before = l.relay.stats().received_messages;
  const int again = connect_to(l.port());
  REQUIRE(again >= 0);
  REQUIRE(::send(again, recorded.data(), recorded.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(recorded.size()));
  // The relay's ephemeral key is another one: it shuts the connection without a word of ours.
  std::array<char, 4096> answer{};
  while (::recv(again, answer.data(), answer.size(), 0) > 0) {
  }
  ::close(again);
  CHECK(l.relay.stats().received_messages == before);
  // And it serves on.
  const auto alice = std::make_shared<insistent>(l.agent, sentence);
  REQUIRE(l.agent.connect(l.bound.endpoint, relay_key.public_key(), alice_key, alice));
  CHECK(alice->next_message());
}

TEST_CASE("A16: a server with another key is not talked to, and cannot stand between", "[A16]") {
  line l;
  net::transport mallory{quick()};
  const auto heard = std::make_shared<net::recorder>();
  const auto his = mallory.listen("tcp://127.0.0.1:*", mallory_key, net::any_key(), heard).value();
  tcp_middle middle(port_of(his.endpoint));  // the address leads to him instead
  const auto alice = std::make_shared<insistent>(l.agent, sentence);
  REQUIRE(l.agent.connect(middle.endpoint(), relay_key.public_key(), alice_key, alice));
  const auto failed = alice->next_down();
  REQUIRE(failed);
  CHECK(alice->ups() == 0);
  CHECK(mallory.stats().received_messages == 0);
  CHECK_FALSE(stands_in(middle.recorded(true), sentence));
}

TEST_CASE("A5: a connection cut anywhere is made anew, and what arrives is whole", "[A5]") {
  for (const std::size_t after : {10U, 100U, 300U, 420U}) {
    INFO("after " << after);
    line l;
    tcp_middle middle(l.port(), [&](tcp_middle::piece& p) {
      return p.connection != 0 || p.offset + p.data.size() < after;
    });
    const auto alice = std::make_shared<insistent>(l.agent, sentence);
    REQUIRE(l.agent.connect(middle.endpoint(), relay_key.public_key(), alice_key, alice));
    const auto answer = alice->next_message();
    REQUIRE(answer);
    CHECK(to_bytes(answer->message.bulk.view()) == sentence);
    CHECK(middle.connections() > 1);
  }
}

TEST_CASE("A20: hostile frames end their own link, and nobody else's", "[A20]") {
  line l;
  const auto alice = std::make_shared<insistent>(l.agent, sentence);
  const auto link = l.agent.connect(l.bound.endpoint, relay_key.public_key(), alice_key, alice);
  REQUIRE(link);
  REQUIRE(alice->next_message());
  const auto good = net::encode_head(net::make_message(net::ping{}, 1));
  auto longer = good;
  longer.push_back(0);
  auto later = good;
  later[1] = 9;
  bytes nested{0x94, 1, 4, 1};
  nested.insert(nested.end(), 100'000, 0x91);
  nested.push_back(0x90);
  const std::vector<std::vector<bytes>> frames{
      {longer},                                         // bytes after the end
      {later},                                          // another version
      {nested},                                         // a nesting bomb
      {{0x94, 1, 4, 1, 0xdd, 0xff, 0xff, 0xff, 0xff}},  // an array of four thousand millions
      {{0x94, 1, 4, 1, 0xc6, 0x7f, 0xff, 0xff, 0xff}},  // two gigabytes of bytes
      {{0x94, 1, 4, 0xc0, 0x90}},                       // a wrong type
      {good, {1}},                                      // bulk where none belongs
      {good, {1}, {1}},                                 // a third frame
      {bytes(net::max_head_size + 1, 0xc0)},            // too long
  };
  std::uint64_t number = 10;
  for (const auto& each : frames) {
    INFO("frames " << number);
    net::raw_client raw(l.bound.endpoint, relay_key.public_key(),
                        box_key::generate(*seeded_random(number++)));
    raw.send(each);
    const auto down = l.at_relay->next_down();
    REQUIRE(down);
    CHECK(down->why.code != errc::disconnected);
  }
  REQUIRE(l.agent.send(*link, net::make_message(net::object_put{}, 2, sentence)));
  CHECK(alice->next_message());
}

TEST_CASE("A23: who floods without reading is cut off, and others are served", "[A23]") {
  auto options = quick();
  options.max_queued = 256 * 1024;
  options.max_unread = 512 * 1024;
  options.penalty = 60s;
  net::transport relay{options};
  net::transport agent{quick()};
  const auto at_relay = std::make_shared<net::echo>(relay);
  const auto bound = relay.listen("tcp://127.0.0.1:*", relay_key, net::any_key(), at_relay).value();
  net::raw_client flooder(bound.endpoint, relay_key.public_key(), mallory_key);
  const auto flood = net::make_message(net::object_put{}, 1, bytes(64 * 1024, 7));
  for (int i = 0; i < 400; ++i) flooder.send(flood);  // 25 MiB, of which it reads no answer
  const auto down = at_relay->next_down();
  REQUIRE(down);
  const bool bounded = down->why.code == errc::too_slow || down->why.code == errc::flooding;
  CHECK(bounded);
  const auto alice = std::make_shared<insistent>(agent, sentence);
  REQUIRE(agent.connect(bound.endpoint, relay_key.public_key(), alice_key, alice));
  const auto answer = alice->next_message();
  REQUIRE(answer);
  CHECK(to_bytes(answer->message.bulk.view()) == sentence);
}
