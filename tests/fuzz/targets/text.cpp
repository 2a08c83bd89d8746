// crypto/bytes, crypto/sas: text forms of bytes, ids and codes. Each has one spelling, but for base32's case.
#include "crypto/sas.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace keyfold;

std::string folded(std::string_view text, char first, char last, int shift) {
  std::string out(text);
  for (char& c : out)
    if (c >= first && c <= last) c = static_cast<char>(c + shift);
  return out;
}

}  // namespace

KEYFOLD_FUZZ_TARGET(text) {
  const auto text = as_text(data);
  const auto upper = folded(text, 'a', 'z', 'A' - 'a');
  if (const auto raw = from_base32(text))
    fuzz::require(to_base32(*raw) == upper, "base32 has one spelling");
  if (const auto raw = from_base64url(text))
    fuzz::require(to_base64url(*raw) == text, "base64url has one spelling");
  if (const auto raw = from_hex(text))
    fuzz::require(to_hex(*raw) == folded(text, 'A', 'Z', 'a' - 'A'),
                  "hexadecimal has one spelling");
  if (const auto id = device_id::from_text(text))
    fuzz::require(to_text(*id) == upper, "an id has one spelling");
  if (const auto code = sas_from_text(text))
    fuzz::require(to_text(*code) == upper && code->value < 1U << 20, "a code has one spelling");
  (void)errc_from_string(text);
}
