// Sealing to an X25519 public key (libsodium crypto_box: X25519, XSalsa20-Poly1305).
//
//   box   := 0x11 ‖ ephemeral public key (32) ‖ crypto_box_easy(plaintext)
//   nonce := BLAKE2b-192( u8 |context| ‖ context ‖ ephemeral public key ‖ recipient public key )
//   public key on the wire := 0x02 ‖ 32 bytes
//
// As crypto_box_seal, but with a context, and with an ephemeral key that may be derived: a row of
// an epoch key is made from KDF(key, user), so every holder of the key can check or remake it
// (DESIGN 4.5).
#pragma once

#include "crypto/ids.hpp"
#include "crypto/random.hpp"
#include "crypto/secret.hpp"

namespace keyfold {

struct box_public_key : fixed_bytes<struct box_public_tag, 32> {
  auto operator<=>(const box_public_key&) const = default;
  [[nodiscard]] bytes encode() const;  ///< with the algorithm's byte, 33 bytes
  /// Also refuses points of small order, and a second encoding of a point (`errc::bad_key`).
  [[nodiscard]] static expected<box_public_key> decode(bytes_view data);
};

using box_secret_key = secret_bytes<struct box_secret_tag, 32>;

/// An X25519 key pair. The link key of a device is one, and is its CURVE key too.
class box_key {
 public:
  explicit box_key(const box_secret_key& secret);
  [[nodiscard]] static box_key generate(random_source& random);
  [[nodiscard]] const box_public_key& public_key() const { return public_; }
  [[nodiscard]] const box_secret_key& secret() const { return secret_; }

 private:
  box_secret_key secret_;
  box_public_key public_;
};

/// Seals to `recipient` from `ephemeral`, which must never seal another plaintext to the same
/// recipient under the same context. `errc::bad_key` for a recipient of small order.
[[nodiscard]] expected<bytes> seal_box(std::string_view context, const box_public_key& recipient,
                                       const box_key& ephemeral, bytes_view plaintext);
/// Seals from a fresh random key.
[[nodiscard]] expected<bytes> seal_box(std::string_view context, const box_public_key& recipient,
                                       bytes_view plaintext, random_source& random);
/// `errc::bad_seal` when it is not for `recipient`, or was changed.
[[nodiscard]] expected<secret_buffer> open_box(std::string_view context, const box_key& recipient,
                                               bytes_view box);

/// The X25519 shared secret; `errc::bad_key` for a point of small order.
[[nodiscard]] expected<symmetric_key> shared_secret(const box_key& own,
                                                    const box_public_key& other);

}  // namespace keyfold
