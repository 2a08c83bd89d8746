#include "store/invitation/text.hpp"

#include <utf8proc.h>

namespace keyfold::invitation {

bool is_plain_text(std::string_view text) {
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t point = 0;
    const auto used = utf8proc_iterate(at, left, &point);
    if (used <= 0) return false;
    // Cc: terminal control; Cf: among them the marks that turn the direction of writing around.
    const auto category = utf8proc_category(point);
    if (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF) return false;
    at += used;
    left -= used;
  }
  return true;
}

}  // namespace keyfold::invitation
