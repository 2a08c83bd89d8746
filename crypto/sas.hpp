// Short authentication strings: 20 bits, 4 characters of the base32 alphabet (DESIGN 5).
#pragma once

#include "crypto/random.hpp"

namespace keyfold {

/// A 20-bit code that two people compare.
struct sas_code {
  std::uint32_t value = 0;  ///< below 2^20
  auto operator<=>(const sas_code&) const = default;
};

inline constexpr std::size_t sas_choices = 4;

/// The first 20 bits of a derived key.
[[nodiscard]] sas_code sas_from(const symmetric_key& key);
[[nodiscard]] std::string to_text(sas_code code);
/// `errc::bad_text` unless 4 characters of the alphabet (case is folded).
[[nodiscard]] expected<sas_code> sas_from_text(std::string_view text);
/// `right` and three other codes, all different, in random order.
[[nodiscard]] std::array<sas_code, sas_choices> sas_candidates(sas_code right,
                                                               random_source& random);

}  // namespace keyfold
