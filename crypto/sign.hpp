// Ed25519 signatures (RFC 8032, libsodium) with context strings.
//
//   signed message := u8 |context| ‖ context ‖ message
//   public key on the wire := 0x01 ‖ 32 bytes          signature on the wire := 0x01 ‖ 64 bytes
#pragma once

#include "crypto/ids.hpp"
#include "crypto/random.hpp"
#include "crypto/secret.hpp"

namespace keyfold {

struct signing_public_key : fixed_bytes<struct signing_public_tag, 32> {
  auto operator<=>(const signing_public_key&) const = default;
  [[nodiscard]] bytes encode() const;  ///< with the algorithm's byte, 33 bytes
  [[nodiscard]] static expected<signing_public_key> decode(bytes_view data);
};

using signing_seed = secret_bytes<struct signing_seed_tag, 32>;

/// A signing key pair; made from its seed.
class signing_key {
 public:
  explicit signing_key(const signing_seed& seed);
  [[nodiscard]] static signing_key generate(random_source& random);
  [[nodiscard]] const signing_public_key& public_key() const { return public_; }
  [[nodiscard]] const signing_seed& seed() const { return seed_; }
  /// 65 bytes: algorithm and signature.
  [[nodiscard]] bytes sign(std::string_view context, bytes_view message) const;

 private:
  signing_seed seed_;
  secret_bytes<struct signing_secret_tag, 64> secret_;
  signing_public_key public_;
};

inline constexpr std::size_t signature_size = 65;

/// `errc::unknown_algorithm`, `errc::malformed` or `errc::bad_signature`.
[[nodiscard]] expected<void> verify(const signing_public_key& key, std::string_view context,
                                    bytes_view message, bytes_view signature);

}  // namespace keyfold
