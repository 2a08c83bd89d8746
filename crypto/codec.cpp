#include "crypto/codec.hpp"

#include <algorithm>

namespace keyfold {

void writer::sink::write(const char* text, std::size_t size) { append(data, as_bytes({text, size})); }

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

/// Turns msgpack's parse events into tokens; answers false to stop at the first thing out of bounds.
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
    if (open.size() >= limits.max_depth || announced > data.size()) return false;
    if (!add(array_header{count})) return false;
    open.push_back(tokens.size() - 1);
    return true;
  }
  bool end_array() {
    open.pop_back();
    return true;
  }
  // The visitor is not told offsets; they are found afterwards by walking the tokens (see locate).
  template <class Value>
  bool add(Value value) {
    if (tokens.size() >= limits.max_values) {
      too_many = true;
      return false;
    }
    tokens.push_back({value, nullptr, nullptr});
    return true;
  }

  bytes_view data;
  const decode_limits& limits;
  std::vector<token> tokens;
  std::vector<std::size_t> open;
  std::size_t announced = 0;
  bool too_many = false;
};

namespace {

std::size_t be(const std::uint8_t* p, std::size_t n) {
  std::size_t value = 0;
  while (n-- > 0) value = value << 8 | *p++;
  return value;
}

/// Bytes that the value at `p` takes, without the elements of an array. `p` starts a well-formed value.
std::size_t extent(const std::uint8_t* p) {
  switch (*p) {
    case 0xc4: case 0xd9: return 2 + be(p + 1, 1);  // bin8, str8
    case 0xc5: case 0xda: return 3 + be(p + 1, 2);  // bin16, str16
    case 0xc6: case 0xdb: return 5 + be(p + 1, 4);  // bin32, str32
    case 0xcc: case 0xd0: return 2;                 // uint8, int8
    case 0xcd: case 0xd1: case 0xdc: return 3;      // uint16, int16, array16
    case 0xce: case 0xd2: case 0xdd: return 5;      // uint32, int32, array32
    case 0xcf: case 0xd3: return 9;                 // uint64, int64
    default: return (*p & 0xe0) == 0xa0 ? 1 + (*p & 0x1fU) : 1;  // fixstr; fixint, nil, bool, fixarray
  }
}

}  // namespace

expected<reader> reader::parse(bytes_view data, const decode_limits& limits) {
  if (data.size() > limits.max_bytes) return fail(errc::too_large, "a message beyond its limit");
  builder visitor(data, limits);
  std::size_t offset = 0;
  const auto text = as_text(data);
  if (data.empty() || !msgpack::parse(text.data(), text.size(), offset, visitor))
    return fail(visitor.too_many ? errc::too_large : errc::malformed, "not the msgpack that Keyfold uses");
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
    current.begin = p;
    p += extent(p);
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
  if (!good_ || at_ >= tokens_.size() || !std::holds_alternative<std::monostate>(tokens_[at_].value))
    return false;
  ++at_;
  return true;
}
bool reader::boolean() { return pull<bool>(); }
std::uint64_t reader::uint() { return pull<std::uint64_t>(); }
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
  if (!good_ || at_ != tokens_.size()) return fail(errc::malformed, "a message that does not have its form");
  return {};
}

}  // namespace keyfold
