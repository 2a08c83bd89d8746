// Authenticated encryption of one message (XChaCha20-Poly1305, libsodium).
//
//   sealed := 0x12 ‖ nonce (24, random) ‖ ciphertext ‖ tag (16)
//   associated data := u8 |context| ‖ context ‖ associated
#pragma once

#include "crypto/random.hpp"
#include "crypto/secret.hpp"

namespace keyfold {

inline constexpr std::size_t aead_overhead = 1 + 24 + 16;

[[nodiscard]] bytes seal(const symmetric_key& key, std::string_view context, bytes_view associated,
                         bytes_view plaintext, random_source& random);
/// `errc::bad_seal`, `errc::unknown_algorithm` or `errc::malformed`.
[[nodiscard]] expected<secret_buffer> open(const symmetric_key& key, std::string_view context,
                                           bytes_view associated, bytes_view sealed);

}  // namespace keyfold
