#include "net/endpoints.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::net;

namespace {

struct two_devices {
  std::unique_ptr<random_source> source = seeded_random(7);
  random_source& random = *source;
  organization_id organization = random.id<organization_id>();
  device_id alice = random.id<device_id>();
  device_id bob = random.id<device_id>();
  signing_key alice_signs = signing_key::generate(random);
  box_key bob_link = box_key::generate(random);

  endpoint_notice notice() {
    return {
        organization, alice, bob, 1'700'000'000'000, {{"192.0.2.7", 7443}, {"2001:db8::1", 7443}}};
  }
  bytes sealed(const endpoint_notice& n) {
    return seal_notice(n, alice_signs, bob_link.public_key(), random).value();
  }
  expected<endpoint_notice> open(bytes_view delivery) {
    return open_notice(delivery, bob_link, organization, bob, [this](device_id device) {
      return device == alice ? std::optional(alice_signs.public_key()) : std::nullopt;
    });
  }
};

std::vector<std::string> texts(const std::vector<endpoint>& all) {
  std::vector<std::string> out;
  for (const auto& each : all) out.push_back(to_text(each));
  return out;
}
using list = std::vector<std::string>;

}  // namespace

TEST_CASE("an endpoint is an address of one host and a port") {
  CHECK(to_text(parse_endpoint("tcp://127.0.0.1:80").value()) == "tcp://127.0.0.1:80");
  CHECK(to_text(parse_endpoint("tcp://[2001:DB8:0::1]:65535").value()) ==
        "tcp://[2001:db8::1]:65535");
  for (const auto* bad :
       {"", "tcp://", "127.0.0.1:80", "tcp://example.com:80", "tcp://127.0.0.1",
        "tcp://127.0.0.1:0", "tcp://127.0.0.1:65536", "tcp://127.0.0.1:8x", "tcp://0.0.0.0:80",
        "tcp://[::]:80", "tcp://224.0.0.1:80", "tcp://255.255.255.255:80", "tcp://[ff02::1]:80",
        "tcp://::1:80", "tcp://[127.0.0.1]:80", "ipc://x:1"}) {
    INFO(bad);
    const auto parsed = parse_endpoint(bad);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == errc::malformed);
  }
}

TEST_CASE("what listens everywhere can be reached at every address, loopback last") {
  const list addresses{"127.0.0.1", "192.0.2.7", "::1", "2001:db8::1"};
  CHECK(texts(reachable_at("tcp://0.0.0.0:5", addresses)) ==
        list{"tcp://192.0.2.7:5", "tcp://127.0.0.1:5"});
  CHECK(texts(reachable_at("tcp://[::]:5", addresses)) ==
        list{"tcp://192.0.2.7:5", "tcp://[2001:db8::1]:5", "tcp://127.0.0.1:5", "tcp://[::1]:5"});
  CHECK(texts(reachable_at("tcp://192.0.2.7:5", addresses)) == list{"tcp://192.0.2.7:5"});
}

TEST_CASE("loopback is dialled on the same machine, or where nothing else is told") {
  const std::vector<endpoint> told{{"192.0.2.7", 5}, {"127.0.0.1", 5}};
  CHECK(texts(worth_dialling(told, list{"127.0.0.1", "192.0.2.8"})) == list{"tcp://192.0.2.7:5"});
  CHECK(texts(worth_dialling(told, list{"127.0.0.1", "192.0.2.7"})) == list{"tcp://127.0.0.1:5"});
  CHECK(texts(worth_dialling(std::vector<endpoint>{{"127.0.0.1", 5}}, list{"192.0.2.8"})) ==
        list{"tcp://127.0.0.1:5"});
}

TEST_CASE("a notice reaches the device that it is sealed for, and nobody else") {
  two_devices w;
  const auto delivery = w.sealed(w.notice());
  CHECK(w.open(delivery).value() == w.notice());
  w.bob_link = box_key::generate(w.random);
  CHECK(w.open(delivery).error().code == errc::bad_seal);
}

TEST_CASE("the size of a delivery does not tell how many endpoints are in it") {
  two_devices w;
  auto one = w.notice();
  one.endpoints.resize(1);
  CHECK(w.sealed(one).size() == w.sealed(w.notice()).size());
}

TEST_CASE("a notice by another device than it says is refused") {
  two_devices w;
  w.alice_signs = signing_key::generate(w.random);
  const auto forged = w.sealed(w.notice());
  w.alice_signs = signing_key::generate(w.random);
  CHECK(w.open(forged).error().code == errc::bad_signature);
}

TEST_CASE("a notice by a stranger is refused") {
  two_devices w;
  auto n = w.notice();
  n.from = w.bob;
  CHECK(w.open(w.sealed(n)).error().code == errc::stranger);
}

TEST_CASE("a notice for another device, or of another organization, is refused") {
  two_devices w;
  auto n = w.notice();
  n.to = w.alice;
  CHECK(w.open(w.sealed(n)).error().code == errc::stranger);
  n = w.notice();
  n.organization = w.random.id<organization_id>();
  CHECK(w.open(w.sealed(n)).error().code == errc::wrong_organization);
}

TEST_CASE("any changed byte of a delivery is refused") {
  two_devices w;
  const auto good = w.sealed(w.notice());
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] ^= 1;
    CHECK_FALSE(w.open(bad));
  }
}

TEST_CASE("this machine has an address") {
  CHECK_FALSE(own_addresses().empty());
}
