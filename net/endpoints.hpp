// Where a device can be reached, and the sealed message by which it tells another one (PROTOCOL, "Between devices").
//
//   endpoint := tcp://ADDRESS:PORT                      an IPv4 address, or an IPv6 one in brackets; no names
//   notice   := [1, organization, from, to, time (ms), [endpoint*]]
//   delivery := box( u64 length ‖ [notice: bin, signature] ‖ zeros to Padmé(at least 512) )   to the link key of `to`
//
// The notice is signed by the device that tells, so the relay can only withhold or repeat it; the time says which
// of two is the later one. What is believed of it costs little: whoever answers there proves its key first.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "crypto/box.hpp"
#include "crypto/sign.hpp"

namespace keyfold::net {

struct endpoint {
  std::string address;  ///< without brackets
  std::uint16_t port = 0;
  auto operator<=>(const endpoint&) const = default;
};
/// `errc::malformed` for a name, an address that no single host has, or port 0.
[[nodiscard]] expected<endpoint> parse_endpoint(const std::string& text);
[[nodiscard]] std::string to_text(const endpoint& e);
[[nodiscard]] bool is_loopback(const endpoint& e);

inline constexpr std::size_t max_endpoints = 16;

/// Where a socket that is bound to `bound` ("tcp://0.0.0.0:7000", "tcp://[::]:7000", or one address) can be reached:
/// of all `addresses` of this machine, loopback last.
[[nodiscard]] std::vector<endpoint> reachable_at(const std::string& bound,
                                                 std::span<const std::string> addresses);
/// Those of `told` that are worth a try from a machine with these addresses: loopback only on the same machine, or
/// where nothing else is told. At most `max`.
[[nodiscard]] std::vector<endpoint> worth_dialling(std::span<const endpoint> told,
                                                   std::span<const std::string> addresses,
                                                   std::size_t max = 6);

/// The addresses of this machine's interfaces that are up, loopback included, link-local IPv6 not.
[[nodiscard]] std::vector<std::string> own_addresses();

struct endpoint_notice {
  organization_id organization;
  device_id from;
  device_id to;
  std::uint64_t time = 0;  ///< ms since 1970, by the clock of `from`
  std::vector<endpoint> endpoints;
  bool operator==(const endpoint_notice&) const = default;
};
/// Signed by `author`, sealed to the device `to` with that link key.
[[nodiscard]] expected<bytes> seal_notice(const endpoint_notice& n, const signing_key& author,
                                          const box_public_key& to, random_source& random);
/// Opens a delivery. `key_of` gives the signing key of an unrevoked device. `errc::bad_seal`, `errc::malformed`,
/// `errc::stranger` (no such device), `errc::bad_signature`; `errc::wrong_organization`, or `errc::stranger` for one that is meant for somebody else.
[[nodiscard]] expected<endpoint_notice> open_notice(
    bytes_view delivery, const box_key& own, organization_id organization, device_id self,
    const std::function<std::optional<signing_public_key>(device_id)>& key_of);

}  // namespace keyfold::net
