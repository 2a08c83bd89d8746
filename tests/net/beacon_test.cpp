#include "net/beacon.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "crypto/aead.hpp"
#include "crypto/codec.hpp"
#include "crypto/hash.hpp"
#include "tests/support/vectors.hpp"

using namespace keyfold;
using namespace keyfold::net;

namespace {

constexpr std::uint64_t noon = 1'790'000'000'000;

struct lan {
  std::unique_ptr<random_source> random = seeded_random(11);
  symmetric_key wonderland = random->key();
  symmetric_key mordor = random->key();
  beacon alice{random->id<device_id>(), 7710, noon};

  [[nodiscard]] bytes said() { return seal_beacon(wonderland, alice, *random); }
  /// A seal of a member around a plaintext that no seal_beacon() makes.
  [[nodiscard]] bytes said(bytes plaintext, std::size_t size = 120) {
    plaintext.resize(size);
    auto out = seal(wonderland, "keyfold/v1/beacon", {}, plaintext, *random);
    out.erase(out.begin());
    return out;
  }
  [[nodiscard]] static bytes framed(writer& w) {
    const auto message = std::move(w).take();
    bytes out{static_cast<std::uint8_t>(message.size())};
    append(out, message);
    return out;
  }
  [[nodiscard]] errc refusal(bytes_view datagram, std::uint64_t now = noon) const {
    const auto opened = open_beacon(datagram, std::vector{wonderland}, now);
    REQUIRE_FALSE(opened);
    return opened.error().code;
  }
};

struct given_random final : random_source {
  explicit given_random(bytes given) : left(std::move(given)) {}
  void fill(std::span<std::uint8_t> out) override {
    REQUIRE(left.size() >= out.size());
    std::copy_n(left.begin(), out.size(), out.begin());
    left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(out.size()));
  }
  bytes left;
};

}  // namespace

TEST_CASE("a beacon opens with the key of any common group") {
  lan l;
  const auto datagram = l.said();
  CHECK(datagram.size() == beacon_size);
  CHECK(open_beacon(datagram, std::vector{l.mordor, l.wonderland}, noon).value() == l.alice);
}

TEST_CASE("a member of another organization, and one without groups, cannot tell what it is") {
  lan l;
  const auto datagram = l.said();
  CHECK(open_beacon(datagram, std::vector{l.mordor}, noon).error().code == errc::bad_seal);
  CHECK(open_beacon(datagram, {}, noon).error().code == errc::bad_seal);
}

TEST_CASE("two beacons of one device have no byte in common but by chance") {
  lan l;
  std::vector<bytes> said;
  for (int i = 0; i < 64; ++i) said.push_back(l.said());
  for (std::size_t at = 0; at < beacon_size; ++at) {
    std::set<std::uint8_t> values;
    for (const auto& each : said) values.insert(each[at]);
    CAPTURE(at);
    CHECK(values.size() > 32);
  }
}

TEST_CASE("a beacon with any bit flipped does not open") {
  lan l;
  const auto datagram = l.said();
  for (std::size_t bit = 0; bit < beacon_size * 8; ++bit) {
    auto changed = datagram;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    CAPTURE(bit);
    CHECK(l.refusal(changed) == errc::bad_seal);
  }
}

TEST_CASE("a datagram of another size is no beacon") {
  lan l;
  auto datagram = l.said();
  for (std::size_t size : {std::size_t{0}, beacon_size - 1})
    CHECK(l.refusal(bytes_view(datagram).first(size)) == errc::malformed);
  datagram.push_back(0);
  CHECK(l.refusal(datagram) == errc::malformed);
}

TEST_CASE(
    "a beacon that was recorded counts for ten minutes, and so does a clock that goes wrong") {
  lan l;
  const auto datagram = l.said();
  constexpr auto most = max_clock_difference_ms;
  for (const auto now : {noon - most, noon + most})
    CHECK(open_beacon(datagram, std::vector{l.wonderland}, now).has_value());
  for (const auto now : {noon - most - 1, noon + most + 1, std::uint64_t{0}, ~std::uint64_t{0}})
    CHECK(l.refusal(datagram, now) == errc::clock_differs);
}

TEST_CASE("what a member seals in another form is refused") {
  lan l;
  const auto id = l.alice.device;
  const auto message = [&](std::uint64_t version, const device_id& device, std::uint64_t port) {
    writer w;
    w.array(4).uint(version).bin(device).uint(port).uint(noon);
    return lan::framed(w);
  };
  REQUIRE(open_beacon(l.said(message(1, id, 1)), std::vector{l.wonderland}, noon).has_value());
  CHECK(l.refusal(l.said(message(2, id, 1))) == errc::unknown_version);
  CHECK(l.refusal(l.said(message(1, id, 0))) == errc::malformed);
  CHECK(l.refusal(l.said(message(1, id, 65'536))) == errc::malformed);
  CHECK(l.refusal(l.said(message(1, device_id{}, 1))) == errc::malformed);
  CHECK(l.refusal(l.said({0})) == errc::malformed);
  CHECK(l.refusal(l.said({200})) == errc::malformed);
  CHECK(l.refusal(l.said(bytes(120, 0xff))) == errc::malformed);
  auto padded = message(1, id, 1);
  padded.resize(120);
  padded.back() = 1;
  CHECK(l.refusal(l.said(padded)) == errc::malformed);
}

TEST_CASE("keys beyond the bound are not tried") {
  lan l;
  std::vector<symmetric_key> many(max_beacon_keys - 1, l.mordor);
  many.push_back(l.wonderland);
  CHECK(open_beacon(l.said(), many, noon).has_value());
  many.insert(many.begin(), l.mordor);
  CHECK(open_beacon(l.said(), many, noon).error().code == errc::bad_seal);
}

TEST_CASE("beacons are those of the vectors") {
  for (const auto& row : tests::vectors("beacon", "beacons")) {
    const auto group = symmetric_key::from(tests::unhex(row["group_key"])).value();
    const beacon b{device_id::from(tests::unhex(row["device"])).value(), row["port"],
                   row["time_ms"]};
    const auto datagram = tests::unhex(row["datagram"]);
    CHECK(open_beacon(datagram, std::vector{group}, b.time_ms).value() == b);
    given_random nonce(tests::unhex(row["nonce"]));
    CHECK(seal_beacon(group, b, nonce) == datagram);
    const auto epoch = symmetric_key::from(tests::unhex(row["epoch_key"])).value();
    CHECK(derive(epoch, "keyfold/v1/beacon") == group);
  }
}
