// One description of a body serves both ways: a struct lists its fields in order, and the array of
// them is its encoding. Every field type has one form; anything else is malformed.
//
//   struct conduit_send {
//     ...
//     static auto fields(auto& self) { return layout(self.token, at_most(self.payload, 64)); }
//   };
#pragma once

#include <optional>
#include <tuple>

#include "crypto/codec.hpp"

namespace keyfold::net {

/// The first and the last value of an enumeration on the wire.
template <class Enum>
struct enum_range;

/// A string, byte string or list with the most elements that it may have.
template <class T>
struct limited {
  T& value;
  std::size_t max;
};
template <class T>
limited<T> at_most(T& value, std::size_t max) {
  return {value, max};
}

/// The fields of a struct, by reference.
template <class... Fields>
std::tuple<Fields...> layout(Fields&&... fields) {
  return std::tuple<Fields...>(std::forward<Fields>(fields)...);
}

template <class T>
concept has_fields = requires(T& value) {
  T::fields(value);
};

namespace detail {

template <class T>
void put(writer& w, const T& value);
template <class T>
void get(reader& r, T& value);

template <class Tag, std::size_t N>
void put_field(writer& w, const fixed_bytes<Tag, N>& value) {
  w.bin(value);
}
template <class Tag, std::size_t N>
void get_field(reader& r, fixed_bytes<Tag, N>& value) {
  value = r.id<fixed_bytes<Tag, N>>();
}
template <class Tag>
void put_field(writer& w, counter<Tag> value) {
  w.uint(value);
}
template <class Tag>
void get_field(reader& r, counter<Tag>& value) {
  value.value = r.uint();
}
inline void put_field(writer& w, std::uint64_t value) {
  w.uint(value);
}
inline void get_field(reader& r, std::uint64_t& value) {
  value = r.uint();
}
inline void put_field(writer& w, bool value) {
  w.boolean(value);
}
inline void get_field(reader& r, bool& value) {
  value = r.boolean();
}

template <class Enum>
requires std::is_enum_v<Enum>
void put_field(writer& w, Enum value) {
  w.uint(static_cast<std::uint64_t>(value));
}
template <class Enum>
requires std::is_enum_v<Enum>
void get_field(reader& r, Enum& value) {
  const auto number = r.uint_up_to(static_cast<std::uint64_t>(enum_range<Enum>::last));
  if (number < static_cast<std::uint64_t>(enum_range<Enum>::first)) r.break_off();
  value = static_cast<Enum>(number);
}

inline void put_field(writer& w, const limited<const std::string>& field) {
  w.str(field.value);
}
inline void get_field(reader& r, const limited<std::string>& field) {
  field.value = r.str(field.max);
}
inline void put_field(writer& w, const limited<const bytes>& field) {
  w.bin(field.value);
}
inline void get_field(reader& r, const limited<bytes>& field) {
  field.value = to_bytes(r.bin(field.max));
}
template <class T>
void put_field(writer& w, const limited<const std::optional<T>>& field) {
  field.value ? put_field(w, limited<const T>{*field.value, field.max}) : void(w.nil());
}
template <class T>
void get_field(reader& r, const limited<std::optional<T>>& field) {
  if (r.nil())
    field.value.reset();
  else
    get_field(r, limited<T>{field.value.emplace(), field.max});
}
template <class T>
void put_field(writer& w, const limited<const std::vector<T>>& field) {
  w.array(field.value.size());
  for (const auto& element : field.value) put(w, element);
}
template <class T>
void get_field(reader& r, const limited<std::vector<T>>& field) {
  field.value.clear();  // a default is no part of what came
  const auto count = r.array_up_to(field.max);
  for (std::size_t i = 0; i < count && r.good(); ++i) get(r, field.value.emplace_back());
}
template <class T>
void put_field(writer& w, const std::optional<T>& field) {
  field ? put(w, *field) : void(w.nil());
}
template <class T>
void get_field(reader& r, std::optional<T>& field) {
  if (r.nil())
    field.reset();
  else
    get(r, field.emplace());
}

template <class T>
void put(writer& w, const T& value) {
  if constexpr (has_fields<const T>) {
    std::apply(
        [&](const auto&... field) {
          w.array(sizeof...(field));
          (put(w, field), ...);
        },
        T::fields(value));
  } else {
    put_field(w, value);
  }
}
template <class T>
void get(reader& r, T& value) {
  if constexpr (has_fields<T>) {
    std::apply(
        [&](auto&&... field) {
          r.array(sizeof...(field));
          (get(r, field), ...);
        },
        T::fields(value));
  } else {
    get_field(r, value);
  }
}

}  // namespace detail

/// The array of the struct's fields.
template <has_fields T>
[[nodiscard]] bytes encode(const T& value) {
  writer w;
  detail::put(w, value);
  return std::move(w).take();
}
/// The struct of that array: exactly its fields, within its limits, and nothing after them.
template <has_fields T>
[[nodiscard]] expected<T> decode(bytes_view data, const decode_limits& limits = {}) {
  KEYFOLD_TRY(auto r, reader::parse(data, limits));
  T out;
  detail::get(r, out);
  KEYFOLD_CHECK(r.finish());
  return out;
}

}  // namespace keyfold::net
