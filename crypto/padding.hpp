// Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", PETS 2019, section 4):
// a size is rounded up so that it tells O(log log size) bits, at most 12 percent more.
#pragma once

#include <bit>
#include <cstdint>

namespace keyfold {

/// The padded size of `size` bytes (at most 2^63); at least `minimum`.
[[nodiscard]] constexpr std::uint64_t padme(std::uint64_t size, std::uint64_t minimum = 0) {
  if (size < minimum) size = minimum;
  if (size < 2) return size;
  const unsigned exponent = static_cast<unsigned>(std::bit_width(size)) - 1;
  const unsigned significant = static_cast<unsigned>(std::bit_width(exponent));
  const std::uint64_t mask = (std::uint64_t{1} << (exponent - significant)) - 1;
  return (size + mask) & ~mask;
}

}  // namespace keyfold
