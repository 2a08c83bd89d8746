// Randomness is handed in: cores take a random_source, programs pass system_random().
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "crypto/ids.hpp"
#include "crypto/secret.hpp"

namespace keyfold {

class random_source {
 public:
  virtual ~random_source() = default;
  /// Fills `out` with random bytes; cannot fail.
  virtual void fill(std::span<std::uint8_t> out) = 0;

  template <class Id>
  [[nodiscard]] Id id() {
    Id out;
    fill(out.value);
    return out;
  }
  [[nodiscard]] symmetric_key key() {
    symmetric_key out;
    fill(out.writable());
    return out;
  }
  /// Uniform in [0, bound); bound > 0. For tuning and shuffling, not for keys.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
};

/// The operating system's generator (libsodium). Safe to use from any thread.
random_source& system_random();

/// The same generator, for nonces, which are public: it asks the system once for many, and hands each byte out once.
/// Safe to use from any thread, and after a fork.
random_source& nonce_source();

/// A reproducible stream for tests and the simulator: BLAKE2b of (seed, counter). Not for keys.
std::unique_ptr<random_source> seeded_random(std::uint64_t seed);

/// Initializes libsodium; every program and test main calls it first. Ends the process if that
/// fails.
void initialize_crypto();

}  // namespace keyfold
