#include "store/invitation/messages.hpp"

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include "store/invitation/events.hpp"
#include "store/ledger/certificate.hpp"

using namespace keyfold;
using namespace keyfold::invitation;

namespace {

const hash32 transcript{{1, 2, 3}};

struct newcomer {
  explicit newcomer(kind k = kind::user)
      : random(seeded_random(9)),
        keys(guest_keys::generate(k, *random)),
        root(signing_key::generate(*random)) {}
  [[nodiscard]] claim wish() const {
    return {keys.public_keys(), "laptop", "bob@example.org", "Bob"};
  }
  [[nodiscard]] bytes message() const { return encode_claim(wish(), keys.signing, transcript); }
  [[nodiscard]] admission welcome() const {
    return {
        {{1}},      {{2}}, ledger::profile::member, root.public_key(), "wonderland", {{3}, {{4}}},
        {"a", "b"}, {}};
  }
  [[nodiscard]] organization_id organization() const {
    return ledger::organization_of(root.public_key());
  }
  std::unique_ptr<random_source> random;
  guest_keys keys;
  signing_key root;
};

}  // namespace

TEST_CASE("a claim comes back from its message") {
  const newcomer bob;
  const auto got = decode_claim(bob.message(), kind::user, transcript).value();
  CHECK(got.keys == bob.keys.public_keys());
  CHECK(got.label == "laptop");
  CHECK(got.email == "bob@example.org");
  CHECK(got.name == "Bob");
  const newcomer device(kind::device);
  CHECK_FALSE(decode_claim(device.message(), kind::device, transcript).value().keys.user);
}

TEST_CASE("a claim signed over another transcript, or by another key, is refused") {
  const newcomer bob;
  CHECK(decode_claim(bob.message(), kind::user, hash32{}).error().code == errc::bad_signature);
  const auto other = signing_key::generate(*bob.random);
  CHECK(decode_claim(encode_claim(bob.wish(), other, transcript), kind::user, transcript)
            .error()
            .code == errc::bad_signature);
}

TEST_CASE(
    "a claim with a user key for a device invitation, or without one for a user, is refused") {
  const newcomer bob;
  const newcomer device(kind::device);
  CHECK(decode_claim(bob.message(), kind::device, transcript).error().code == errc::malformed);
  CHECK(decode_claim(device.message(), kind::user, transcript).error().code == errc::malformed);
}

TEST_CASE("a claim that uses one key twice is refused") {
  const newcomer bob;
  auto wish = bob.wish();
  wish.keys.user = wish.keys.link;
  CHECK(decode_claim(encode_claim(wish, bob.keys.signing, transcript), kind::user, transcript)
            .error()
            .code == errc::key_in_use);
}

TEST_CASE("a claim whose texts could steer a terminal, or are too long, is refused") {
  const newcomer bob;
  const auto decoded = [&](auto change) {
    auto wish = bob.wish();
    change(wish);
    return decode_claim(encode_claim(wish, bob.keys.signing, transcript), kind::user, transcript);
  };
  CHECK(decoded([](claim& c) { c.label = "a\x1b[2J"; }).error().code == errc::malformed);
  CHECK(decoded([](claim& c) { c.name = "Bob\xe2\x80\xae"; }).error().code == errc::malformed);
  CHECK(decoded([](claim& c) { c.email = "\xff"; }).error().code == errc::malformed);
  CHECK(decoded([](claim& c) { c.label.assign(ledger::max_label_size + 1, 'a'); }).error().code ==
        errc::malformed);
  CHECK(decoded([](claim& c) { c.name = "Böb Müller"; }));
}

TEST_CASE("an admission comes back from its message") {
  const newcomer bob;
  const auto message = encode_admit(bob.welcome());
  const auto got = decode_admit(message.view(), kind::user, bob.organization()).value();
  CHECK(got.user == bob.welcome().user);
  CHECK(got.device == bob.welcome().device);
  CHECK(got.profile == ledger::profile::member);
  CHECK(got.root_key == bob.root.public_key());
  CHECK(got.organization_name == "wonderland");
  CHECK(got.head == bob.welcome().head);
  CHECK(got.relay_addresses == bob.welcome().relay_addresses);
}

TEST_CASE("an admission with the root key of another organization is refused") {
  const newcomer bob;
  const auto message = encode_admit(bob.welcome());
  CHECK(decode_admit(message.view(), kind::user, organization_id{}).error().code ==
        errc::wrong_organization);
}

TEST_CASE("an admission lacks the user's secret key just when a user is invited") {
  const newcomer bob;
  auto welcome = bob.welcome();
  CHECK(decode_admit(encode_admit(welcome).view(), kind::device, bob.organization()).error().code ==
        errc::malformed);
  welcome.user_secret = bob.keys.user->secret();
  CHECK(decode_admit(encode_admit(welcome).view(), kind::user, bob.organization()).error().code ==
        errc::malformed);
  CHECK(decode_admit(encode_admit(welcome).view(), kind::device, bob.organization())
            .value()
            .user_secret == bob.keys.user->secret());
}

TEST_CASE("reasons travel by name, and an unknown one counts as refused") {
  for (int i = 0; i <= static_cast<int>(reason::ledger); ++i) {
    const auto r = static_cast<reason>(i);
    CHECK(reason_from_string(decode_abort(encode_abort(to_string(r))).value()) == r);
  }
  CHECK(reason_from_string("because") == reason::refused);
}

TEST_CASE("no bytes make the decoders of messages fall over") {
  const newcomer bob;
  rc::check([&](const bytes& raw, std::size_t at, std::uint8_t bit) {
    (void)kind_of(raw);
    (void)decode_abort(raw);
    (void)decode_claim(raw, kind::user, transcript);
    (void)decode_admit(raw, kind::user, bob.organization());
    (void)progress::decode(raw);
    auto changed = bob.message();
    changed[at % changed.size()] ^= static_cast<std::uint8_t>(1U << bit % 8);
    RC_ASSERT_FALSE(decode_claim(changed, kind::user, transcript).has_value());
  });
}
