#include "store/invitation/link.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "store/ledger/sealing.hpp"

namespace keyfold::invitation {
namespace {

constexpr std::string_view scheme = "keyfold://";

tl::unexpected<error> bad(std::string message) {
  return fail(errc::bad_link, std::move(message));
}

/// Takes `text` apart at the first `separator`; the second part is nullopt without one.
std::pair<std::string_view, std::optional<std::string_view>> split(std::string_view text,
                                                                   char separator) {
  const auto at = text.find(separator);
  if (at == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, at), text.substr(at + 1)};
}

bool is_host_name(std::string_view host) {
  return !host.empty() && host.size() <= 253 && host.front() != '-' && host.front() != '.' &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.';
         });
}

bool is_ipv6(const std::string& host) {
  in6_addr out{};
  return inet_pton(AF_INET6, host.c_str(), &out) == 1;
}

expected<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failure != std::errc{} || end != text.data() + text.size() || port == 0 ||
      text.front() == '0')
    return bad("the port in the link is not a number from 1 to 65535");
  return port;
}

/// HOST:PORT into `out`.
expected<void> parse_authority(std::string_view text, relay_address& out) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad("the link names no port");
  auto host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    out.host = host.substr(1, host.size() - 2);
    if (!is_ipv6(out.host)) return bad("the link's IPv6 address is none");
  } else {
    if (!is_host_name(host)) return bad("the link's host is not a name or an address");
    out.host = host;
  }
  KEYFOLD_TRY(out.port, parse_port(text.substr(colon + 1)));
  return {};
}

template <class Bytes>
expected<Bytes> parse_bytes(std::string_view text) {
  const auto raw = from_base64url(text);
  if (!raw) return bad("a part of the link is cut off or mistyped");
  auto out = Bytes::from(*raw);
  if (!out) return bad("a part of the link is cut off or too long");
  return *out;
}

expected<box_public_key> parse_relay_key(std::string_view text) {
  const auto raw = from_base64url(text);
  if (!raw) return bad("the relay's key in the link is mistyped");
  const auto key = box_public_key::decode(*raw);
  if (!key) return bad("the relay's key in the link is not one");
  return *key;
}

constexpr bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto value = static_cast<std::uint8_t>(c);
    if (is_unreserved(c))
      out += c;
    else
      (out += '%', out += digits[value >> 4], out += digits[value & 15]);
  }
  return out;
}

/// The inverse; what is not well formed is found out by encoding again.
std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr ==
            text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// Takes the next `name=value` off the front of `query`.
expected<std::string_view> take(std::string_view& query, std::string_view name) {
  if (!query.starts_with(name) || query.size() <= name.size() || query[name.size()] != '=')
    return bad("the link lacks its part \"" + std::string(name) + "\"");
  auto [value, rest] = split(query.substr(name.size() + 1), '&');
  if (rest && rest->empty()) return bad("the link has an empty part");
  query = rest.value_or(std::string_view{});
  return value;
}

expected<any_link> parse_creation(relay_address relay, std::string_view query) {
  creation_link out;
  KEYFOLD_TRY(const auto key, take(query, "k"));
  KEYFOLD_TRY(relay.key, parse_relay_key(key));
  out.relay = std::move(relay);
  KEYFOLD_TRY(const auto name, take(query, "n"));
  out.name = percent_decode(name);
  if (!ledger::is_plain_text(out.name, ledger::max_name_size, "/:"))
    return bad("the organization's name in the link is empty, too long, or no text");
  KEYFOLD_TRY(const auto token, take(query, "t"));
  KEYFOLD_TRY(out.token, parse_bytes<creation_token>(token));
  if (!query.empty()) return bad("the link has a part that does not belong there");
  return any_link{std::move(out)};
}

expected<any_link> parse_invitation_parts(relay_address relay, std::string_view organization,
                                          std::string_view what, std::string_view query,
                                          std::optional<std::string_view> secret) {
  invitation_link out;
  const auto id = organization_id::from_text(organization);
  if (!id) return bad("the organization in the link is mistyped");
  std::copy(id->value.begin(), id->value.end(), out.organization.value.begin());
  if (what != "user" && what != "device")
    return bad("the link invites neither a user nor a device");
  out.kind = what == "user" ? kind::user : kind::device;
  KEYFOLD_TRY(const auto key, take(query, "k"));
  KEYFOLD_TRY(relay.key, parse_relay_key(key));
  out.relay = std::move(relay);
  KEYFOLD_TRY(const auto token, take(query, "t"));
  KEYFOLD_TRY(out.token, parse_bytes<invitation_token>(token));
  if (!query.empty()) return bad("the link has a part that does not belong there");
  if (secret) {
    KEYFOLD_TRY(out.secret, parse_bytes<link_secret>(*secret));
  }
  return any_link{std::move(out)};
}

expected<any_link> parse_parts(std::string_view text) {
  const auto [before, secret] = split(text.substr(scheme.size()), '#');
  const auto [place, query_part] = split(before, '?');
  const auto [authority, organization] = split(place, '/');
  if (!organization || !query_part) return bad("the link is cut off");
  auto query = *query_part;
  relay_address relay;
  KEYFOLD_CHECK(parse_authority(authority, relay));
  if (query.starts_with("k=")) {
    KEYFOLD_TRY(const auto key, take(query, "k"));
    KEYFOLD_TRY(relay.key, parse_relay_key(key));
    if (!query.empty() || !organization->empty())
      return bad("an address with a part that does not belong there");
    return any_link{std::move(relay)};
  }
  KEYFOLD_TRY(const auto what, take(query, "a"));
  if (what == "create" && organization->empty()) return parse_creation(std::move(relay), query);
  return parse_invitation_parts(std::move(relay), *organization, what, query, secret);
}

template <class T>
expected<T> parse_as(std::string_view text, std::string_view what) {
  KEYFOLD_TRY(auto parsed, parse_link(text));
  if (auto* found = std::get_if<T>(&parsed)) return std::move(*found);
  return bad("this is a link, but not " + std::string(what));
}

std::string key_part(const relay_address& relay) {
  return "k=" + to_base64url(relay.key.encode());
}

}  // namespace

expected<any_link> parse_link(std::string_view text) {
  if (text.size() > max_link_size) return bad("the link is too long");
  if (!text.starts_with(scheme)) return bad("a link begins with keyfold://");
  KEYFOLD_TRY(auto out, parse_parts(text));
  // One spelling each: so two links differ exactly when they mean different things.
  if (std::visit([](const auto& l) { return format(l); }, out) != text)
    return bad("the link is not spelt as Keyfold spells it");
  return out;
}

expected<relay_address> parse_address(std::string_view text) {
  return parse_as<relay_address>(text, "a relay's address");
}

expected<invitation_link> parse_invitation(std::string_view text) {
  return parse_as<invitation_link>(text, "an invitation");
}

std::string host_and_port(const relay_address& address) {
  const bool brackets = address.host.find(':') != std::string::npos;
  return (brackets ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::string format(const relay_address& address) {
  return std::string(scheme) + host_and_port(address) + "/?" + key_part(address);
}

std::string format(const invitation_link& link) {
  auto out = std::string(scheme) + host_and_port(link.relay) + "/" + to_text(link.organization) +
             (link.kind == kind::user ? "?a=user&" : "?a=device&") + key_part(link.relay) +
             "&t=" + to_base64url(link.token.view());
  if (link.secret) out += "#" + to_base64url(link.secret->view());
  return out;
}

std::string format(const creation_link& link) {
  return std::string(scheme) + host_and_port(link.relay) + "/?a=create&" + key_part(link.relay) +
         "&n=" + percent_encode(link.name) + "&t=" + to_base64url(link.token.view());
}

}  // namespace keyfold::invitation
