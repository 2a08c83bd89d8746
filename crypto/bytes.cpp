#include "crypto/bytes.hpp"

#include <sodium.h>

namespace keyfold {
namespace {

constexpr std::string_view base32_alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

int base32_value(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  const auto at = base32_alphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

// Not in the header: inlined, GCC 12 takes its reallocation for a write out of bounds (-Warray-bounds).
void append(bytes& out, bytes_view tail) {
  out.insert(out.end(), tail.begin(), tail.end());
}

void append_u64(bytes& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(value >> shift));
}

std::uint64_t read_u64(bytes_view data) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | data[i];
  return value;
}

bool equal_constant_time(bytes_view a, bytes_view b) {
  return a.size() == b.size() && (a.empty() || sodium_memcmp(a.data(), b.data(), a.size()) == 0);
}

std::string to_base32(bytes_view data) {
  std::string out;
  out.reserve((data.size() * 8 + 4) / 5);
  unsigned buffer = 0;
  unsigned bits = 0;
  for (const auto byte : data) {
    buffer = (buffer << 8 | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out.push_back(base32_alphabet[buffer >> bits & 31]);
    }
  }
  if (bits > 0) out.push_back(base32_alphabet[buffer << (5 - bits) & 31]);
  return out;
}

expected<bytes> from_base32(std::string_view text) {
  bytes out;
  unsigned buffer = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const int value = base32_value(c);
    if (value < 0)
      return fail(errc::bad_text, "not base32: a character outside A-Z 2-9 without I and O");
    buffer = (buffer << 5 | static_cast<unsigned>(value)) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<std::uint8_t>(buffer >> bits));
    }
  }
  if (bits >= 5 || (buffer & ((1U << bits) - 1)) != 0)
    return fail(errc::bad_text, "not base32: the last character has bits of no byte");
  return out;
}

std::string to_base64url(bytes_view data) {
  std::string out(sodium_base64_encoded_len(data.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                  '\0');
  sodium_bin2base64(out.data(), out.size(), data.data(), data.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  out.pop_back();  // the terminating NUL
  return out;
}

expected<bytes> from_base64url(std::string_view text) {
  bytes out(text.size() / 4 * 3 + 3);
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, &end,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
      end != text.data() + text.size())
    return fail(errc::bad_text, "not base64url");
  out.resize(size);
  // libsodium takes some bytes beyond ASCII for letters.
  if (to_base64url(out) != text) return fail(errc::bad_text, "not base64url");
  return out;
}

std::string to_hex(bytes_view data) {
  std::string out(data.size() * 2 + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), data.data(), data.size());
  out.pop_back();
  return out;
}

expected<bytes> from_hex(std::string_view text) {
  bytes out(text.size() / 2 + 1);  // never null, even for no text
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_hex2bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, &end) != 0 ||
      end != text.data() + text.size() || size * 2 != text.size())
    return fail(errc::bad_text, "not hexadecimal");
  out.resize(size);
  return out;
}

}  // namespace keyfold
