// How devices of one organization find each other in a local network: a datagram that says who is there, and on which
// port it listens, to those who hold the key of a common group. To everybody else it is random bytes.
//
//   datagram  := nonce (24) ‖ XChaCha20-Poly1305( plaintext (120) )    160 bytes: crypto/aead.hpp without its first byte
//   plaintext := u8 length ‖ message ‖ zeros
//   message   := [1, device id, port, time (ms since 1970)]
//
// Group keys are handed in (store/ledger/beacon_keys.hpp). Context "beacon", nothing associated. The time keeps a
// datagram that was recorded elsewhere from telling, by the answer that it gets, whether members are here.
#pragma once

#include "crypto/ids.hpp"
#include "crypto/random.hpp"
#include "crypto/secret.hpp"

namespace keyfold::net {

// Specification (PROTOCOL.md, Discovery)
inline constexpr std::size_t beacon_size = 160;
inline constexpr std::uint64_t max_clock_difference_ms = 10 * 60 * 1000;
inline constexpr std::size_t max_beacon_keys = 128;  ///< that are tried on one datagram

struct beacon {
  device_id device;
  std::uint16_t port = 0;     ///< where the device listens; never 0
  std::uint64_t time_ms = 0;  ///< by the sender's clock
  bool operator==(const beacon&) const = default;
};

/// A datagram of beacon_size bytes.
[[nodiscard]] bytes seal_beacon(const symmetric_key& group, const beacon& b, random_source& random);

/// Tries the keys in their order, the first max_beacon_keys of them. `errc::malformed` for another size, before
/// anything else; `errc::bad_seal` when no key opens it; `errc::unknown_version` or `errc::malformed` for what a member
/// sealed wrongly; `errc::clock_differs` when its time is more than max_clock_difference_ms from `now_ms`.
[[nodiscard]] expected<beacon> open_beacon(bytes_view datagram,
                                           std::span<const symmetric_key> groups,
                                           std::uint64_t now_ms);

}  // namespace keyfold::net
