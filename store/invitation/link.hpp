// Links: how a relay, an invitation and the right to create an organization are written down
// (FORMATS 6).
//
//   address    := keyfold://HOST:PORT/?k=RELAYKEY
//   invitation := keyfold://HOST:PORT/ORGANIZATION?a=user|device&k=RELAYKEY&t=TOKEN[#SECRET]
//   creation   := keyfold://HOST:PORT/?a=create&k=RELAYKEY&n=NAME&t=TOKEN
//
// HOST is a name, an IPv4 address, or an IPv6 address in brackets. ORGANIZATION is base32; RELAYKEY
// (with its algorithm's byte), TOKEN and SECRET are base64url; NAME is percent-encoded UTF-8. There
// is one spelling of each link, and the parser refuses every other. What follows `#` never goes to
// the relay.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

#include "crypto/box.hpp"

namespace keyfold::invitation {

using timestamp = std::chrono::milliseconds;  ///< since 1970

enum class kind : std::uint8_t { user = 1, device = 2 };

using link_secret = secret_bytes<struct link_secret_tag, 16>;
using creation_token = fixed_bytes<struct creation_token_tag, 16>;

/// Where a relay listens and by which CURVE key it is known.
struct relay_address {
  std::string host;  ///< without brackets
  std::uint16_t port = 0;
  box_public_key key;
  bool operator==(const relay_address&) const = default;
};

struct invitation_link {
  relay_address relay;
  organization_id organization;
  invitation::kind kind = kind::user;
  invitation_token token;
  std::optional<link_secret> secret;  ///< none in a link that a relay mailed
  bool operator==(const invitation_link&) const = default;
};

struct creation_link {
  relay_address relay;
  std::string name;  ///< of the organization that may be created
  creation_token token;
  bool operator==(const creation_link&) const = default;
};

using any_link = std::variant<relay_address, invitation_link, creation_link>;

inline constexpr std::size_t max_link_size = 2048;

/// `errc::bad_link` with a sentence for the person who pasted it, unless `text` is exactly what
/// format() makes.
[[nodiscard]] expected<any_link> parse_link(std::string_view text);
/// As parse_link(), and `errc::bad_link` for a link of another sort.
[[nodiscard]] expected<relay_address> parse_address(std::string_view text);
[[nodiscard]] expected<invitation_link> parse_invitation(std::string_view text);

[[nodiscard]] std::string format(const relay_address& address);
/// Ends with the secret, if the link has one: only for the person who is invited.
[[nodiscard]] std::string format(const invitation_link& link);
[[nodiscard]] std::string format(const creation_link& link);
/// `HOST:PORT`, with brackets where IPv6 needs them.
[[nodiscard]] std::string host_and_port(const relay_address& address);

}  // namespace keyfold::invitation
