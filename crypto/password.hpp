// Passwords to keys: Argon2id (RFC 9106, libsodium). Parameters travel inside authenticated headers
// and are held against a compiled-in minimum (downgrade) and maximum (denial of service).
#pragma once

#include <array>

#include "crypto/random.hpp"

namespace keyfold {

struct password_parameters {
  std::uint64_t memory_kib = 64 * 1024;
  std::uint64_t passes = 3;
  std::array<std::uint8_t, 16> salt{};

  /// The default cost with a fresh salt.
  [[nodiscard]] static password_parameters fresh(random_source& random);
};

inline constexpr std::uint64_t password_min_memory_kib = 64 * 1024;
inline constexpr std::uint64_t password_min_passes = 3;
inline constexpr std::uint64_t password_max_memory_kib = 1024 * 1024;
inline constexpr std::uint64_t password_max_passes = 16;

/// The key of `password`; `errc::weak_parameters` outside the bounds above, `errc::internal`
/// without memory.
[[nodiscard]] expected<symmetric_key> derive_from_password(const secret_buffer& password,
                                                           const password_parameters& parameters);

}  // namespace keyfold
