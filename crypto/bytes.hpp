// Byte strings, their text forms, and views on them.
//
//   base32    := RFC 4648 bit order, alphabet A-Z 2-9 without I, O, 0, 1; no padding (ids, codes)
//   base64url := RFC 4648 section 5, no padding (keys and tokens in links)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/error.hpp"

namespace keyfold {

using bytes = std::vector<std::uint8_t>;
using bytes_view = std::span<const std::uint8_t>;

/// A view on the characters of `text`; valid as long as they are.
inline bytes_view as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
/// A view on `data` as characters; valid as long as they are. Not checked for UTF-8.
inline std::string_view as_text(bytes_view data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}
inline bytes to_bytes(bytes_view data) {
  return {data.begin(), data.end()};
}
inline std::string to_string(bytes_view data) {
  return std::string(as_text(data));
}

/// Appends `tail` to `out`.
void append(bytes& out, bytes_view tail);
/// Appends `value` as 8 bytes, big endian (so that byte order is numeric order).
void append_u64(bytes& out, std::uint64_t value);
/// Reads 8 big-endian bytes; `data` must have at least 8.
std::uint64_t read_u64(bytes_view data);

/// Compares in constant time; false when the sizes differ.
[[nodiscard]] bool equal_constant_time(bytes_view a, bytes_view b);

std::string to_base32(bytes_view data);
/// `errc::bad_text` unless `text` is exactly what to_base32 makes (case is folded).
[[nodiscard]] expected<bytes> from_base32(std::string_view text);
std::string to_base64url(bytes_view data);
[[nodiscard]] expected<bytes> from_base64url(std::string_view text);
std::string to_hex(bytes_view data);
[[nodiscard]] expected<bytes> from_hex(std::string_view text);

}  // namespace keyfold
