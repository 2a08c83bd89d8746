// The strict subset of msgpack that every Keyfold format uses:
//
//   value := nil | bool | uint (u64) | str (UTF-8 is checked where it matters) | bin | array
//   array := value*
//
// No maps, negative numbers, floats or extensions; each value in its shortest encoding, so that a
// value has exactly one. Structures are arrays of a fixed number of fields.
// A decoder checks, before it allocates: depth, the sum of all announced element counts against the number of bytes
// (an element takes at least one), and that nothing stands after the value.
#pragma once

#include <msgpack.hpp>
#include <optional>
#include <string>
#include <variant>

#include "crypto/ids.hpp"

namespace keyfold {

/// Builds one value. Arrays are announced with their number of elements, which the caller then
/// writes.
class writer {
 public:
  writer() = default;
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;

  writer& array(std::size_t count);
  writer& nil();
  writer& boolean(bool value);
  writer& uint(std::uint64_t value);
  writer& str(std::string_view value);
  writer& bin(bytes_view value);
  template <class Tag, std::size_t N>
  writer& bin(const fixed_bytes<Tag, N>& value) {
    return bin(value.view());
  }
  /// bin, or nil when there is none.
  writer& optional_bin(const std::optional<bytes>& value) { return value ? bin(*value) : nil(); }
  template <class Tag>
  writer& uint(counter<Tag> value) {
    return uint(value.value);
  }
  /// An already encoded value, as it is.
  writer& raw(bytes_view encoded);

  [[nodiscard]] bytes take() && { return std::move(out_.data); }
  [[nodiscard]] std::size_t size() const { return out_.data.size(); }

 private:
  struct sink {
    bytes data;
    void write(const char* text, std::size_t size);
  };
  sink out_;
  msgpack::packer<sink> packer_{out_};
};

/// Limits of one decoding.
struct decode_limits {
  std::size_t max_bytes = 4 * 1024 * 1024;
  std::size_t max_depth = 16;
  std::size_t max_values = 200'000;  ///< of any kind, in the whole document
};

/// Pulls values in order from one decoded document. The first failure sticks: every later pull
/// gives an empty value, and finish() tells. So a decoder reads all its fields and asks once. Views
/// point into the bytes given to parse(), which must outlive the reader.
class reader {
 public:
  /// Decodes the structure of `data`: size and limits first, then well-formedness, then trailing
  /// bytes.
  [[nodiscard]] static expected<reader> parse(bytes_view data, const decode_limits& limits = {});

  /// Enters an array of exactly `count` elements.
  void array(std::size_t count);
  /// Enters an array of at most `max` elements; gives their number.
  std::size_t array_up_to(std::size_t max);
  /// True, and passes it, when the next value is nil.
  bool nil();
  bool boolean();
  std::uint64_t uint();
  /// A uint of at most `max`.
  std::uint64_t uint_up_to(std::uint64_t max);
  std::string_view str(std::size_t max_size);
  bytes_view bin(std::size_t max_size);
  /// bin, or nullopt for nil.
  std::optional<bytes_view> optional_bin(std::size_t max_size);
  /// A bin of exactly the size of `Id`.
  template <class Id>
  Id id() {
    Id out;
    const auto data = bin(Id::size);
    if (data.size() == Id::size)
      std::copy(data.begin(), data.end(), out.value.begin());
    else
      break_off();
    return out;
  }
  template <class Counter>
  Counter count() {
    return Counter{uint()};
  }
  /// The encoded bytes of the next value, which is passed over whole.
  bytes_view raw();

  /// True while nothing has failed.
  [[nodiscard]] bool good() const { return good_; }
  /// Marks the document as malformed (a rule of the caller's).
  void break_off() { good_ = false; }
  /// `errc::malformed` if any pull failed or values are left; otherwise success.
  [[nodiscard]] expected<void> finish() const;

 private:
  struct array_header {
    std::size_t count;
  };
  struct text {
    std::string_view view;
  };
  struct token {
    std::variant<std::monostate, bool, std::uint64_t, text, bytes_view, array_header> value;
    const std::uint8_t* begin;
    const std::uint8_t* end;  ///< where the value ends; for an array, its last element
  };
  struct builder;

  const token* next();
  template <class T>
  T pull();

  std::vector<token> tokens_;
  std::size_t at_ = 0;
  bool good_ = true;
};

}  // namespace keyfold
