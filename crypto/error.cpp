#include "crypto/error.hpp"

#include <array>

namespace keyfold {
namespace {

constexpr std::array names{
#define KEYFOLD_ERROR(name) std::string_view{#name},
#include "crypto/error_codes.inc"
#undef KEYFOLD_ERROR
};

}  // namespace

std::string_view to_string(errc code) {
  const auto index = static_cast<std::size_t>(code);
  return index < names.size() ? names[index] : names[0];
}

errc errc_from_string(std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<errc>(i);
  return errc::unknown;
}

}  // namespace keyfold
