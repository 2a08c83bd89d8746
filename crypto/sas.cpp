#include "crypto/sas.hpp"

#include <algorithm>
#include <utility>

namespace keyfold {

sas_code sas_from(const symmetric_key& key) {
  const auto raw = key.view();
  return {static_cast<std::uint32_t>(raw[0]) << 12 | static_cast<std::uint32_t>(raw[1]) << 4 |
          raw[2] >> 4U};
}

std::string to_text(sas_code code) {
  const std::array<std::uint8_t, 3> raw{static_cast<std::uint8_t>(code.value >> 12),
                                        static_cast<std::uint8_t>(code.value >> 4),
                                        static_cast<std::uint8_t>(code.value << 4)};
  return to_base32(raw).substr(0, 4);
}

expected<sas_code> sas_from_text(std::string_view text) {
  if (text.size() != 4) return fail(errc::bad_text, "a code has 4 characters");
  std::string padded(text);
  padded += "A";  // 25 bits: 3 bytes and one bit, which is zero
  KEYFOLD_TRY(auto raw, from_base32(padded));
  return sas_code{static_cast<std::uint32_t>(raw[0]) << 12 |
                  static_cast<std::uint32_t>(raw[1]) << 4 | raw[2] >> 4U};
}

std::array<sas_code, sas_choices> sas_candidates(sas_code right, random_source& random) {
  std::array<sas_code, sas_choices> out{right};
  for (std::size_t filled = 1; filled < out.size();) {
    const sas_code other{static_cast<std::uint32_t>(random.below(1U << 20))};
    if (std::find(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(filled), other) ==
        out.begin() + static_cast<std::ptrdiff_t>(filled))
      out[filled++] = other;
  }
  for (std::size_t i = out.size() - 1; i > 0; --i) std::swap(out[i], out[random.below(i + 1)]);
  return out;
}

}  // namespace keyfold
