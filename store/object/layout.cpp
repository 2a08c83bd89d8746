#include "store/object/layout.hpp"

#include <xxhash.h>

namespace keyfold::object {
namespace {

constexpr std::size_t short_row_size = 9;
constexpr std::size_t row_size = short_row_size + 8;
constexpr std::uint8_t last_origin = 2;

}  // namespace

bytes encode(const index_row& row) {
  bytes out;
  append_u64(out, row.size);
  out.push_back(static_cast<std::uint8_t>(row.from));
  if (row.checksum) append_u64(out, *row.checksum);
  return out;
}

std::optional<index_row> decode_row(bytes_view value) {
  const bool is_short = value.size() == short_row_size;
  if ((!is_short && value.size() != row_size) || value[8] > last_origin) return std::nullopt;
  index_row out{read_u64(value), static_cast<origin>(value[8]), std::nullopt};
  if (!is_short) out.checksum = read_u64(value.subspan(short_row_size));
  return out;
}

std::uint64_t checksum_of(bytes_view object) {
  return XXH3_64bits(object.data(), object.size());
}

}  // namespace keyfold::object
