#include "store/invitation/pairing.hpp"

#include <catch2/catch.hpp>

#include "crypto/codec.hpp"
#include "store/invitation/messages.hpp"
#include "tests/support/vectors.hpp"

using namespace keyfold;
using namespace keyfold::invitation;

namespace {

struct couple {
  explicit couple(std::uint64_t seed = 1) : random(seeded_random(seed)) {
    both.organization = random->id<organization_id>();
    both.token = random->id<invitation_token>();
    both.secret = link_secret::from(bytes(16, 9)).value();
  }
  handshake alice(std::uint64_t attempt = 1) { return {party::greeter, both, attempt, *random}; }
  handshake bob(std::uint64_t attempt = 1) { return {party::guest, both, attempt, *random}; }
  terms both;
  std::unique_ptr<random_source> random;
};

std::pair<pairing, pairing> pair_up(handshake& a, handshake& b) {
  REQUIRE(a.take_commit(b.commit()));
  REQUIRE(b.take_commit(a.commit()));
  return {a.take_reveal(b.reveal()).value(), b.take_reveal(a.reveal()).value()};
}

bytes commit_message_of(bytes_view key, const hash32& commitment) {
  writer w;
  w.array(4).uint(1).bin(key).bin(commitment).nil();
  return std::move(w).take();
}

}  // namespace

TEST_CASE("two honest sides get the same codes and transcript, and can talk") {
  couple c;
  auto alice = c.alice();
  auto bob = c.bob();
  auto [a, b] = pair_up(alice, bob);
  CHECK(a.greeter_code() == b.greeter_code());
  CHECK(a.guest_code() == b.guest_code());
  CHECK(a.transcript() == b.transcript());
  const auto first = a.seal(as_bytes("one"), *c.random);
  const auto second = a.seal(as_bytes("two"), *c.random);
  CHECK(b.open(second).error().code == errc::bad_seal);
  CHECK(to_string(b.open(first).value().view()) == "one");
  CHECK(b.open(first).error().code == errc::bad_seal);
  CHECK(to_string(b.open(second).value().view()) == "two");
  CHECK(to_string(a.open(b.seal(as_bytes("three"), *c.random)).value().view()) == "three");
}

TEST_CASE("a sealed message sent back to its author does not open") {
  couple c;
  auto alice = c.alice();
  auto bob = c.bob();
  auto [a, b] = pair_up(alice, bob);
  CHECK(a.open(a.seal(as_bytes("one"), *c.random)).error().code == errc::bad_seal);
}

TEST_CASE("the sizes of short messages do not tell them apart") {
  couple c;
  auto alice = c.alice();
  auto bob = c.bob();
  auto [a, b] = pair_up(alice, bob);
  CHECK(a.seal(as_bytes("x"), *c.random).size() == b.seal(bytes(400, 1), *c.random).size());
}

TEST_CASE("sides with other terms do not meet the same codes") {
  couple c;
  c.both.secret.reset();
  auto alice = c.alice();
  c.both.kind = kind::device;
  auto bob = c.bob();
  auto [a, b] = pair_up(alice, bob);
  CHECK_FALSE(a.transcript() == b.transcript());
  CHECK_FALSE(a.greeter_code() == b.greeter_code());
}

TEST_CASE("a commit without MAC is refused, unless the invitation was mailed") {
  couple c;
  auto alice = c.alice();
  auto mailed_terms = c.both;
  mailed_terms.mailed = true;
  handshake mailed(party::greeter, mailed_terms, 1, *c.random);
  c.both.secret.reset();
  auto bob = c.bob();
  CHECK(alice.take_commit(bob.commit()).error().code == errc::missing_mac);
  auto [a, b] = pair_up(mailed, bob);
  CHECK(a.greeter_code() == b.greeter_code());
}

TEST_CASE("a wrong MAC is refused, even when the invitation was mailed") {
  couple c;
  auto alice = c.alice();
  auto other = c.both;
  other.secret = link_secret::from(bytes(16, 8)).value();
  handshake mallory(party::guest, other, 1, *c.random);
  CHECK(alice.take_commit(mallory.commit()).error().code == errc::bad_mac);
  c.both.mailed = true;
  auto mailed = c.alice();
  CHECK(mailed.take_commit(mallory.commit()).error().code == errc::bad_mac);
}

TEST_CASE("a relay that cuts off the MAC of a mailed invitation only makes the codes differ") {
  couple c;
  c.both.mailed = true;
  auto alice = c.alice();
  auto bob = c.bob();
  auto stripped = bob.commit();
  stripped.resize(stripped.size() - 34);  // bin8, 32, and its bytes
  stripped.push_back(0xc0);
  REQUIRE(alice.take_commit(stripped));
  REQUIRE(bob.take_commit(alice.commit()));
  const auto a = alice.take_reveal(bob.reveal()).value();
  const auto b = bob.take_reveal(alice.reveal()).value();
  CHECK_FALSE(a.greeter_code() == b.greeter_code());
}

TEST_CASE("one's own commit sent back is refused") {
  couple c;
  auto alice = c.alice();
  CHECK(alice.take_commit(alice.commit()).error().code == errc::reflected_message);
}

TEST_CASE("a commit of the same role is refused") {
  couple c;
  auto alice = c.alice();
  auto eve = c.alice();
  CHECK(alice.take_commit(eve.commit()).error().code == errc::bad_mac);
  c.both.secret.reset();
  auto mailed = c.alice();
  auto swapped = c.alice();
  REQUIRE(mailed.take_commit(swapped.commit()));
  REQUIRE(swapped.take_commit(mailed.commit()));
  CHECK(mailed.take_reveal(swapped.reveal()).error().code == errc::bad_commitment);
}

TEST_CASE("a public key of small order is refused") {
  couple c;
  c.both.secret.reset();
  auto alice = c.alice();
  bytes key(33);
  key[0] = 2;
  CHECK(alice.take_commit(commit_message_of(key, {})).error().code == errc::bad_key);
  key[1] = 1;
  CHECK(alice.take_commit(commit_message_of(key, {})).error().code == errc::bad_key);
}

TEST_CASE("a nonce that was not committed to is refused") {
  couple c;
  auto alice = c.alice();
  auto bob = c.bob();
  REQUIRE(alice.take_commit(bob.commit()));
  REQUIRE(bob.take_commit(alice.commit()));
  auto reveal = bob.reveal();
  reveal.back() ^= 1;
  CHECK(alice.take_reveal(reveal).error().code == errc::bad_commitment);
  CHECK(alice.take_reveal(alice.reveal()).error().code == errc::bad_commitment);
}

TEST_CASE("messages of an older attempt or of another invitation are refused") {
  couple c;
  auto alice = c.alice(2);
  CHECK(alice.take_commit(c.bob(1).commit()).error().code == errc::bad_mac);
  c.both.secret.reset();
  auto mailed = c.alice(2);
  auto old = c.bob(1);
  REQUIRE(mailed.take_commit(old.commit()));
  REQUIRE(old.take_commit(mailed.commit()));
  CHECK(mailed.take_reveal(old.reveal()).error().code == errc::bad_commitment);
  c.both.token = c.random->id<invitation_token>();
  auto elsewhere = c.bob(2);
  REQUIRE(mailed.take_commit(elsewhere.commit()));
  REQUIRE(elsewhere.take_commit(mailed.commit()));
  CHECK(mailed.take_reveal(elsewhere.reveal()).error().code == errc::bad_commitment);
}

TEST_CASE("bytes that are no commit, reveal or sealed message are refused") {
  couple c;
  auto alice = c.alice();
  auto bob = c.bob();
  CHECK(alice.take_commit({}).error().code == errc::malformed);
  CHECK(alice.take_commit(bytes{0x91, 0x01}).error().code == errc::malformed);
  auto long_one = bob.commit();
  long_one.push_back(0);
  CHECK(alice.take_commit(long_one).error().code == errc::trailing_bytes);
  auto [a, b] = pair_up(alice, bob);
  CHECK(alice.take_reveal(bytes{0x91, 0x02}).error().code == errc::malformed);
  auto sealed = b.seal(as_bytes("x"), *c.random);
  sealed.back() ^= 1;
  CHECK(a.open(sealed).error().code == errc::bad_seal);
  CHECK_FALSE(a.open({}));
}

TEST_CASE("the code exchange agrees with its vector") {
  for (const auto& row : keyfold::tests::vectors("invitation", "exchanges")) {
    // Keys and nonces are handed in as the randomness.
    class given final : public random_source {
     public:
      explicit given(bytes data) : data_(std::move(data)) {}
      void fill(std::span<std::uint8_t> out) override {
        std::copy_n(data_.begin(), out.size(), out.begin());
        data_.erase(data_.begin(), data_.begin() + static_cast<std::ptrdiff_t>(out.size()));
      }

     private:
      bytes data_;
    };
    using keyfold::tests::unhex;
    terms t;
    const auto take = [](const auto& text, auto& id) {
      const auto raw = unhex(text);
      std::copy(raw.begin(), raw.end(), id.value.begin());
    };
    take(row["organization"], t.organization);
    take(row["token"], t.token);
    t.kind = static_cast<kind>(row["kind"].get<int>());
    t.mailed = row["secret"].get<std::string>().empty();
    if (!t.mailed) t.secret = link_secret::from(unhex(row["secret"])).value();
    const auto attempt = row["attempt"].get<std::uint64_t>();
    given alice_random(unhex(row["greeter_random"]));
    given bob_random(unhex(row["guest_random"]));
    handshake alice(party::greeter, t, attempt, alice_random);
    handshake bob(party::guest, t, attempt, bob_random);
    CHECK(to_hex(alice.commit()) == row["greeter_commit"].get<std::string>());
    CHECK(to_hex(bob.commit()) == row["guest_commit"].get<std::string>());
    auto [a, b] = pair_up(alice, bob);
    CHECK(to_hex(a.transcript().view()) == row["transcript"].get<std::string>());
    CHECK(to_text(a.greeter_code()) == row["greeter_code"].get<std::string>());
    CHECK(to_text(a.guest_code()) == row["guest_code"].get<std::string>());
    given seal_random(bytes(24, 5));
    CHECK(to_hex(b.seal(encode_signal(message_kind::guest_ok), seal_random)) ==
          row["guest_ok"].get<std::string>());
  }
}
