// How objects lie on disk (store.hpp), for the parts of the store.
#pragma once

#include "store/object/cache.hpp"
#include "store/object/seal.hpp"

namespace keyfold::object {

inline constexpr std::size_t max_small_object = 32 * 1024;
inline constexpr const char* damaged_suffix = ".damaged";

[[nodiscard]] inline bool is_small(std::uint64_t size) {
  return size <= max_small_object;
}

/// Where an object's file lies below the folder; made of base32 alone.
[[nodiscard]] inline std::string name_of(const object_id& id) {
  const auto text = to_text(id);
  return text.substr(0, 1) + '/' + text.substr(1, 1) + '/' + text;
}

/// An object that is here.
struct index_row {
  std::uint64_t size = 0;
  origin from = origin::made;
  /// checksum_of() its bytes; none of small ones, nor of files that were adopted
  std::optional<std::uint64_t> checksum;
};
[[nodiscard]] bytes encode(const index_row& row);
[[nodiscard]] std::optional<index_row> decode_row(bytes_view value);

/// XXH3, 64 bits: finds what a disk did to an object, at a twentieth of the cost of its id. Not what people do.
[[nodiscard]] std::uint64_t checksum_of(bytes_view object);

[[nodiscard]] inline tl::unexpected<error> fail_damaged() {
  return fail(errc::damaged, "a stored object is damaged");
}

}  // namespace keyfold::object
