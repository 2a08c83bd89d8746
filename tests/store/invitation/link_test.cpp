#include "store/invitation/link.hpp"

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include "store/invitation/about.hpp"
#include "tests/support/vectors.hpp"

using namespace keyfold;
using namespace keyfold::invitation;

namespace {

relay_address relay_at(std::string host) {
  const auto random = seeded_random(3);
  return {std::move(host), 7700, box_key::generate(*random).public_key()};
}

invitation_link user_link() {
  const auto random = seeded_random(4);
  return {relay_at("relay.example.org"), random->id<organization_id>(), kind::user,
          random->id<invitation_token>(), link_secret::from(bytes(16, 7)).value()};
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

void refused(const std::string& text) {
  INFO(text);
  const auto parsed = parse_link(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == errc::bad_link);
}

}  // namespace

TEST_CASE("a relay's address comes back from its text, by name, IPv4 and IPv6") {
  for (const auto* host : {"relay.example.org", "192.0.2.7", "::1", "2001:db8::7"}) {
    const auto address = relay_at(host);
    CHECK(parse_address(format(address)).value() == address);
  }
  CHECK(host_and_port(relay_at("::1")) == "[::1]:7700");
}

TEST_CASE("invitations of users and devices come back from their links, with and without secret") {
  auto link = user_link();
  CHECK(parse_invitation(format(link)).value() == link);
  link.kind = kind::device;
  CHECK(parse_invitation(format(link)).value() == link);
  link.secret.reset();
  CHECK(parse_invitation(format(link)).value() == link);
  CHECK(format(link).find('#') == std::string::npos);
}

TEST_CASE("a creation link carries any name of an organization") {
  rc::check([](const std::string& raw) {
    std::string name;
    for (const char c : raw)
      if (c >= ' ' && c < 0x7f && c != '/' && c != ':') name += c;
    if (name.empty() || name.size() > 100) name = "Käse & Brot, 100% #1?";
    const creation_link link{relay_at("relay"), name, creation_token{{1, 2, 3}}};
    const auto parsed = parse_link(format(link));
    RC_ASSERT(parsed.has_value());
    RC_ASSERT(std::get<creation_link>(*parsed) == link);
  });
}

TEST_CASE("a link with a wrong part is refused") {
  const auto good = format(user_link());
  REQUIRE(parse_link(good));
  refused("");
  refused("https://relay.example.org/");
  refused(good.substr(0, good.size() / 2));
  refused(good + "A");
  refused(good + "#AAAA");
  refused(good + " ");
  refused(replaced(good, "?a=user", "?a=guest"));
  refused(replaced(good, ":7700", ""));
  refused(replaced(good, ":7700", ":0"));
  refused(replaced(good, ":7700", ":07700"));
  refused(replaced(good, ":7700", ":65536"));
  refused(replaced(good, ":7700", ":7700x"));
  refused(replaced(good, "relay.example.org", ""));
  refused(replaced(good, "relay.example.org", "relay example"));
  refused(replaced(good, "relay.example.org", "[1.2.3.4]"));
  refused(replaced(good, "relay.example.org", "a@b"));
  refused(replaced(good, "&t=", "&x=1&t="));
  refused(replaced(good, "&t=", "&t=A"));
  refused(replaced(good, "&k=", "&k=A"));
  refused(replaced(good, "#", "&z=1#"));
  refused(replaced(good, "keyfold://", "KEYFOLD://"));
  refused(std::string(max_link_size + 1, 'k'));
}

TEST_CASE("a relay key of small order in a link is refused") {
  auto address = relay_at("relay");
  address.key.value = {};
  refused(format(address));
}

TEST_CASE("a name with control characters in a creation link is refused") {
  refused(format(creation_link{relay_at("relay"), "x\x1b[2J", {}}));
  refused(format(creation_link{relay_at("relay"), "", {}}));
  refused(format(creation_link{relay_at("relay"), "\xff", {}}));
}

TEST_CASE("a link of another sort is refused with its reason") {
  CHECK(parse_invitation(format(relay_at("relay"))).error().code == errc::bad_link);
  CHECK(parse_address(format(user_link())).error().code == errc::bad_link);
}

TEST_CASE("no text makes the parser of links fall over") {
  rc::check([](const std::string& tail) {
    (void)parse_link("keyfold://" + tail);
    auto text = format(user_link());
    if (!tail.empty()) text[tail.size() * 31 % text.size()] = tail[0];
    if (const auto parsed = parse_link(text))
      RC_ASSERT(std::visit([](const auto& l) { return format(l); }, *parsed) == text);
  });
}

TEST_CASE("what an invitation is about opens for the greeters only, and for its token only") {
  const auto random = seeded_random(5);
  const auto key = random->key();
  const auto token = random->id<invitation_token>();
  const about a{kind::user, "bob@example.org", true, timestamp(1234567)};
  const auto sealed = seal_about(a, key, token, *random);
  CHECK(open_about(sealed, key, token).value() == a);
  CHECK(open_about(sealed, random->key(), token).error().code == errc::bad_seal);
  CHECK(open_about(sealed, key, random->id<invitation_token>()).error().code == errc::bad_seal);
  CHECK(open_about(bytes(max_sealed_about + 1), key, token).error().code == errc::too_large);
  const about device{kind::device, std::nullopt, false, timestamp(0)};
  CHECK(open_about(seal_about(device, key, token, *random), key, token).value() == device);
}

TEST_CASE("the link secret follows from the inviting key and the token alone") {
  const auto random = seeded_random(6);
  const auto key = random->key();
  const auto token = random->id<invitation_token>();
  CHECK(make_link_secret(key, token) == make_link_secret(key, token));
  CHECK_FALSE(make_link_secret(key, token) ==
              make_link_secret(key, random->id<invitation_token>()));
  CHECK_FALSE(make_link_secret(key, token) == make_link_secret(random->key(), token));
}

TEST_CASE("links agree with their vectors") {
  for (const auto& row : keyfold::tests::vectors("invitation", "links")) {
    const auto text = row["link"].get<std::string>();
    const auto link = parse_invitation(text).value();
    CHECK(host_and_port(link.relay) == row["place"].get<std::string>());
    CHECK(to_hex(link.relay.key.view()) == row["relay_key"].get<std::string>());
    CHECK(to_hex(link.organization.view()) == row["organization"].get<std::string>());
    CHECK(to_hex(link.token.view()) == row["token"].get<std::string>());
    CHECK((link.secret ? to_hex(link.secret->view()) : "") == row["secret"].get<std::string>());
    CHECK(format(link) == text);
  }
  for (const auto& row : keyfold::tests::vectors("invitation", "secrets")) {
    const auto key = symmetric_key::from(keyfold::tests::unhex(row["inviting_key"])).value();
    invitation_token token;
    const auto raw = keyfold::tests::unhex(row["token"]);
    std::copy(raw.begin(), raw.end(), token.value.begin());
    CHECK(to_hex(make_link_secret(key, token).view()) == row["link_secret"].get<std::string>());
    const auto opened = open_about(keyfold::tests::unhex(row["sealed_about"]), key, token).value();
    CHECK(opened.email == row["email"].get<std::string>());
    CHECK(opened.mailed == row["mailed"].get<bool>());
  }
}
