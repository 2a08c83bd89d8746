#include "tests/sim/trace.hpp"

#include <array>
#include <cstdio>

namespace keyfold::sim {

void trace::mix(std::string_view text) {
  for (const char c : text) {
    hash_ ^= static_cast<std::uint8_t>(c);
    hash_ *= 0x100000001b3;
  }
}

void trace::mix(std::uint64_t number) {
  hash_ ^= number + 0x9e3779b97f4a7c15 + (hash_ << 6) + (hash_ >> 2);
  hash_ *= 0x100000001b3;
}

void trace::note(instant at, std::string_view what, std::initializer_list<std::uint64_t> numbers) {
  mix(static_cast<std::uint64_t>(at.count()));
  mix(what);
  for (const auto n : numbers) mix(n);
  if (out_ == nullptr) return;
  *out_ << seconds_text(at) << "    " << what;
  for (const auto n : numbers) *out_ << ' ' << (n >> 32 != 0 ? n >> 40 : n);
  *out_ << '\n';
}

void trace::say(instant at, const std::string& line) {
  mix(static_cast<std::uint64_t>(at.count()));
  mix(line);
  if (out_ != nullptr) *out_ << seconds_text(at) << "  " << line << '\n';
}

void trace::remark(instant at, const std::string& line) {
  if (out_ != nullptr) *out_ << seconds_text(at) << "      " << line << "\n";
}

std::string seconds_text(instant at) {
  std::array<char, 32> out{};
  (void)std::snprintf(out.data(), out.size(), "%8.3f", static_cast<double>(at.count()) / 1000);
  return out.data();
}

}  // namespace keyfold::sim
