// Fuzz targets: tests/fuzz/targets/NAME.cpp decodes arbitrary bytes as one decoder of Keyfold does, and aborts where a
// promise of that decoder does not hold. libFuzzer runs it (scripts/fuzz NAME); its corpus, corpus/NAME/, is
// replayed with the unit tests.
#pragma once

#include <string_view>
#include <vector>

#include "crypto/codec.hpp"

namespace keyfold::fuzz {

struct target {
  std::string_view name;
  void (*run)(bytes_view data);
};
/// All targets that are linked into this program.
[[nodiscard]] std::vector<target>& targets();

struct registration {
  explicit registration(target t) { targets().push_back(t); }
};

/// Ends the program, and says which promise was broken.
void require(bool holds, std::string_view promise);

/// What a target takes off the front of its bytes, to choose by; what is not there is zero, or empty.
class input {
 public:
  explicit input(bytes_view data) : left_(data) {}
  [[nodiscard]] bool empty() const { return left_.empty(); }
  std::uint8_t byte() { return empty() ? std::uint8_t{0} : take(1)[0]; }
  /// Big endian.
  std::uint64_t number(std::size_t size) {
    std::uint64_t out = 0;
    for (const auto b : take(size)) out = out << 8 | b;
    return out;
  }
  bytes_view take(std::size_t size) {
    const auto out = left_.first(std::min(size, left_.size()));
    left_ = left_.subspan(out.size());
    return out;
  }
  /// As many bytes as the next two say.
  bytes_view part() { return take(static_cast<std::size_t>(number(2))); }
  bytes_view rest() { return take(left_.size()); }

 private:
  bytes_view left_;
};

/// What `decode` takes, `encode` gives back byte by byte: a value has one encoding.
template <class Decode, class Encode>
void require_one_encoding(bytes_view data, Decode decode, Encode encode) {
  const auto value = decode(data);
  if (!value) return;
  const bytes again = encode(*value);
  require(std::equal(again.begin(), again.end(), data.begin(), data.end()),
          "what is decoded has one encoding");
}

}  // namespace keyfold::fuzz

/// KEYFOLD_FUZZ_TARGET(name) { ... }: the body sees `data`.
#define KEYFOLD_FUZZ_TARGET(name)                                           \
  static void run_##name(keyfold::bytes_view data);                         \
  static const keyfold::fuzz::registration registered({#name, run_##name}); \
  static void run_##name([[maybe_unused]] keyfold::bytes_view data)
