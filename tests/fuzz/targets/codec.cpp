// crypto/codec: what the strict reader takes is held against a second, plain implementation of its rules.
#include "tests/fuzz/target.hpp"

namespace {

using namespace keyfold;

/// Recursive, and slow: the rules of codec.hpp as they are written there.
class reference {
 public:
  explicit reference(bytes_view data) : in_(data) {}
  bool document() { return value(0) && in_.empty() && values_ <= decode_limits{}.max_values; }

 private:
  bool value(std::size_t depth) {
    if (in_.empty()) return false;
    ++values_;
    const auto lead = in_.byte();
    if (lead < 0x80 || lead == 0xc0 || lead == 0xc2 || lead == 0xc3) return true;
    if (lead >= 0xa0 && lead < 0xc0) return skip(lead & 0x1f);
    if (lead >= 0x90 && lead < 0xa0) return array(lead & 0x0f, depth);
    switch (lead) {
      case 0xc4:
        return sized(1, 0);
      case 0xc5:
        return sized(2, 0x100);
      case 0xc6:
        return sized(4, 0x10000);
      case 0xcc:
        return counted(1, 0x80).has_value();
      case 0xcd:
        return counted(2, 0x100).has_value();
      case 0xce:
        return counted(4, 0x10000).has_value();
      case 0xcf:
        return counted(8, 0x100000000).has_value();
      case 0xd9:
        return sized(1, 32);
      case 0xda:
        return sized(2, 0x100);
      case 0xdb:
        return sized(4, 0x10000);
      case 0xdc:
        return elements(counted(2, 16), depth);
      case 0xdd:
        return elements(counted(4, 0x10000), depth);
      default:
        return false;
    }
  }
  /// A number of `width` bytes that no shorter form could hold.
  std::optional<std::uint64_t> counted(std::size_t width, std::uint64_t least) {
    const auto raw = in_.take(width);
    const auto out = input_number(raw);
    if (raw.size() != width || out < least) return std::nullopt;
    return out;
  }
  static std::uint64_t input_number(bytes_view raw) { return fuzz::input(raw).number(raw.size()); }
  bool skip(std::uint64_t size) { return in_.take(size).size() == size; }
  bool sized(std::size_t width, std::uint64_t least) {
    const auto size = counted(width, least);
    return size && skip(*size);
  }
  bool elements(std::optional<std::uint64_t> count, std::size_t depth) {
    return count && array(*count, depth);
  }
  bool array(std::uint64_t count, std::size_t depth) {
    if (depth >= decode_limits{}.max_depth) return false;
    for (; count > 0; --count)
      if (!value(depth + 1)) return false;
    return true;
  }

  fuzz::input in_;
  std::size_t values_ = 0;
};

}  // namespace

KEYFOLD_FUZZ_TARGET(codec) {
  auto parsed = reader::parse(data);
  fuzz::require(parsed.has_value() == reference(data).document(),
                "the reader takes exactly the msgpack that codec.hpp describes");
  if (!parsed) return;
  const auto whole = parsed->raw();
  fuzz::require(whole.data() == data.data() && whole.size() == data.size() && parsed->finish(),
                "the first value is the whole document");
}
