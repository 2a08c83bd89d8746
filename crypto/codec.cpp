#include "crypto/codec.hpp"

#include <algorithm>

namespace keyfold {

void writer::sink::write(const char* text, std::size_t size) {
  append(data, as_bytes({text, size}));
}

writer& writer::array(std::size_t count) {
  packer_.pack_array(static_cast<std::uint32_t>(count));
  return *this;
}
writer& writer::nil() {
  packer_.pack_nil();
  return *this;
}
writer& writer::boolean(bool value) {
  value ? packer_.pack_true() : packer_.pack_false();
  return *this;
}
writer& writer::uint(std::uint64_t value) {
  packer_.pack_uint64(value);
  return *this;
}
writer& writer::str(std::string_view value) {
  packer_.pack_str(static_cast<std::uint32_t>(value.size()));
  packer_.pack_str_body(value.data(), static_cast<std::uint32_t>(value.size()));
  return *this;
}
writer& writer::bin(bytes_view value) {
  packer_.pack_bin(static_cast<std::uint32_t>(value.size()));
  packer_.pack_bin_body(as_text(value).data(), static_cast<std::uint32_t>(value.size()));
  return *this;
}
writer& writer::raw(bytes_view encoded) {
  append(out_.data, encoded);
  return *this;
}

/// Turns msgpack's parse events into tokens; answers false to stop at the first thing out of
/// bounds.
struct reader::builder : msgpack::null_visitor {
  builder(bytes_view input, const decode_limits& bounds) : data(input), limits(bounds) {}

  bool visit_nil() { return add(std::monostate{}); }
  bool visit_boolean(bool v) { return add(v); }
  bool visit_positive_integer(std::uint64_t v) { return add(v); }
  bool visit_negative_integer(std::int64_t) { return false; }
  bool visit_float32(float) { return false; }
  bool visit_float64(double) { return false; }
  bool visit_str(const char* v, std::uint32_t size) { return add(text{{v, size}}); }
  bool visit_bin(const char* v, std::uint32_t size) { return add(bytes_view(as_bytes({v, size}))); }
  bool visit_ext(const char*, std::uint32_t) { return false; }
  bool start_map(std::uint32_t) { return false; }
  bool start_array(std::uint32_t count) {
    announced += count;
    if (depth >= limits.max_depth || announced > data.size()) return false;
    if (!add(array_header{count})) return false;
    ++depth;
    return true;
  }
  bool end_array() {
    --depth;
    return true;
  }
  // The visitor is not told offsets; parse() finds them by walking the tokens.
  template <class Value>
  bool add(Value value) {
    if (tokens.size() >= limits.max_values) {
      too_many = true;
      return false;
    }
    tokens.push_back({value, nullptr, nullptr});
    return true;
  }

  /// How a value is encoded in the fewest bytes: its first byte, and its size without elements of
  /// an array.
  struct encoding {
    std::uint8_t lead;
    std::size_t size;
  };
  static encoding shortest(const token& value, std::uint8_t lead);

  bytes_view data;
  const decode_limits& limits;
  std::vector<token> tokens;
  std::size_t depth = 0;
  std::size_t announced = 0;
  bool too_many = false;
};

reader::builder::encoding reader::builder::shortest(const token& value, std::uint8_t lead) {
  // Of a length n: inside the first byte below `fixed`, else in 1, 2 or 4 bytes after it.
  const auto sized = [](std::size_t n, std::size_t fixed, int fix_lead, int lead8, int lead16,
                        int lead32) -> encoding {
    if (n < fixed) return {static_cast<std::uint8_t>(fix_lead | static_cast<int>(n)), 1};
    if (n <= UINT8_MAX && lead8 != 0) return {static_cast<std::uint8_t>(lead8), 2};
    if (n <= UINT16_MAX) return {static_cast<std::uint8_t>(lead16), 3};
    return {static_cast<std::uint8_t>(lead32), 5};
  };
  if (const auto* number = std::get_if<std::uint64_t>(&value.value))
    return *number <= UINT32_MAX ? sized(*number, 0x80, 0, 0xcc, 0xcd, 0xce) : encoding{0xcf, 9};
  if (const auto* string = std::get_if<text>(&value.value)) {
    const auto header = sized(string->view.size(), 32, 0xa0, 0xd9, 0xda, 0xdb);
    return {header.lead, header.size + string->view.size()};
  }
  if (const auto* binary = std::get_if<bytes_view>(&value.value)) {
    const auto header = sized(binary->size(), 0, 0, 0xc4, 0xc5, 0xc6);
    return {header.lead, header.size + binary->size()};
  }
  if (const auto* array = std::get_if<array_header>(&value.value))
    return sized(array->count, 16, 0x90, 0, 0xdc, 0xdd);
  return {lead, 1};  // nil and bool have one encoding
}

expected<reader> reader::parse(bytes_view data, const decode_limits& limits) {
  if (data.size() > limits.max_bytes) return fail(errc::too_large, "a message beyond its limit");
  builder visitor(data, limits);
  std::size_t offset = 0;
  const auto text = as_text(data);
  if (data.empty() || !msgpack::parse(text.data(), text.size(), offset, visitor))
    return fail(visitor.too_many ? errc::too_large : errc::malformed,
                "not the msgpack that Keyfold uses");
  if (offset != data.size()) return fail(errc::trailing_bytes, "bytes after the end of a message");

  reader out;
  out.tokens_ = std::move(visitor.tokens);
  struct frame {
    std::size_t token, left;
  };
  std::vector<frame> open;
  const std::uint8_t* p = data.data();
  for (std::size_t i = 0; i < out.tokens_.size(); ++i) {
    auto& current = out.tokens_[i];
    const auto encoding = builder::shortest(current, *p);
    if (*p != encoding.lead) return fail(errc::malformed, "a value that could be encoded shorter");
    current.begin = p;
    p += encoding.size;
    current.end = p;
    const auto* header = std::get_if<array_header>(&current.value);
    if (header != nullptr && header->count > 0) {
      open.push_back({i, header->count});
      continue;
    }
    while (!open.empty() && --open.back().left == 0) {
      out.tokens_[open.back().token].end = p;
      open.pop_back();
    }
  }
  return out;
}

const reader::token* reader::next() {
  if (!good_ || at_ >= tokens_.size()) {
    good_ = false;
    return nullptr;
  }
  return &tokens_[at_++];
}

template <class T>
T reader::pull() {
  if (const auto* found = next()) {
    if (const auto* value = std::get_if<T>(&found->value)) return *value;
    good_ = false;
  }
  return T{};
}

void reader::array(std::size_t count) {
  if (pull<array_header>().count != count) good_ = false;
}
std::size_t reader::array_up_to(std::size_t max) {
  const auto count = pull<array_header>().count;
  if (count > max) good_ = false;
  return good_ ? count : 0;
}
bool reader::nil() {
  if (!good_ || at_ >= tokens_.size() ||
      !std::holds_alternative<std::monostate>(tokens_[at_].value))
    return false;
  ++at_;
  return true;
}
bool reader::boolean() {
  return pull<bool>();
}
std::uint64_t reader::uint() {
  return pull<std::uint64_t>();
}
std::uint64_t reader::uint_up_to(std::uint64_t max) {
  const auto value = uint();
  if (value > max) good_ = false;
  return good_ ? value : 0;
}
std::string_view reader::str(std::size_t max_size) {
  const auto value = pull<text>().view;
  if (value.size() > max_size) good_ = false;
  return good_ ? value : std::string_view{};
}
bytes_view reader::bin(std::size_t max_size) {
  const auto value = pull<bytes_view>();
  if (value.size() > max_size) good_ = false;
  return good_ ? value : bytes_view{};
}
std::optional<bytes_view> reader::optional_bin(std::size_t max_size) {
  if (nil()) return std::nullopt;
  return bin(max_size);
}

bytes_view reader::raw() {
  const auto* found = next();
  if (found == nullptr) return {};
  while (at_ < tokens_.size() && tokens_[at_].begin < found->end) ++at_;
  return {found->begin, found->end};
}

expected<void> reader::finish() const {
  if (!good_ || at_ != tokens_.size())
    return fail(errc::malformed, "a message that does not have its form");
  return {};
}

}  // namespace keyfold
