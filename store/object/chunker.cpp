#include "store/object/chunker.hpp"

#include <bit>

#include "crypto/hash.hpp"

namespace keyfold::object {
namespace {

constexpr unsigned normalization = 2;
constexpr std::uint64_t smallest_min = 64;  // the bytes that a fingerprint remembers

/// `bits` one bits from bit 62 downwards. Bit 63 stays free, so that the mask may be shifted by
/// one.
constexpr std::uint64_t mask_of(unsigned bits) {
  return ((std::uint64_t{1} << bits) - 1) << (63 - bits);
}

}  // namespace

gear_table::gear_table(const symmetric_key& chunking_secret) {
  for (unsigned i = 0; i < 256; ++i) {
    const auto byte = static_cast<std::uint8_t>(i);
    values_[i] = read_u64(derive(chunking_secret, "keyfold/v1/gear", {&byte, 1}).view());
  }
}

expected<chunk_sizes> sizes_for(const std::vector<chunk_class>& table, std::uint64_t file_size) {
  const auto row = std::find_if(table.begin(), table.end(),
                                [&](const auto& r) { return file_size <= r.largest_file; });
  if (row == table.end() || row->min < smallest_min || row->average <= row->min ||
      row->max <= row->average || row->max > max_chunk_size)
    return fail(errc::bad_chunk_table,
                "the workspace's chunk table has no usable sizes for this file");
  return chunk_sizes{row->min, row->average, row->max};
}

chunker::chunker(const gear_table& gear, const chunk_sizes& sizes)
    : gear_(&gear),
      sizes_(sizes),
      mask_before_(
          mask_of(static_cast<unsigned>(std::bit_width(sizes.average)) - 1 + normalization)),
      mask_beyond_(
          mask_of(static_cast<unsigned>(std::bit_width(sizes.average)) - 1 - normalization)) {}

void chunker::reset() {
  length_ = 0;
  fingerprint_ = 0;
}

chunker::step chunker::feed(bytes_view data) {
  std::size_t taken = 0;
  const auto piece_up_to = [&](std::uint64_t limit) {
    const auto left = static_cast<std::size_t>(limit - std::min(limit, length_));
    return data.subspan(taken, std::min(left, data.size() - taken));
  };
  const auto skipped = piece_up_to(sizes_.min).size();
  taken += skipped;
  length_ += skipped;
  const std::array stages{std::pair(sizes_.average, mask_before_),
                          std::pair(sizes_.max, mask_beyond_)};
  for (const auto& [limit, mask] : stages) {
    const auto [rolled, border] = roll(piece_up_to(limit), mask);
    taken += rolled;
    length_ += rolled;
    if (border || length_ == sizes_.max) {
      reset();
      return {taken, true};
    }
  }
  return {taken, false};
}

chunker::step chunker::roll(bytes_view data, std::uint64_t mask) {
  // Two bytes a step (FastCDC 2020): the fingerprint after the first byte is looked at shifted by
  // one.
  const gear_table& gear = *gear_;
  const std::uint64_t mask_of_first = mask << 1;
  std::uint64_t fingerprint = fingerprint_;
  std::size_t i = 0;
  for (; i + 2 <= data.size(); i += 2) {
    fingerprint = (fingerprint << 2) + (gear[data[i]] << 1);
    if ((fingerprint & mask_of_first) == 0) return {i + 1, true};
    fingerprint += gear[data[i + 1]];
    if ((fingerprint & mask) == 0) return {i + 2, true};
  }
  if (i < data.size()) {
    fingerprint = (fingerprint << 1) + gear[data[i++]];
    if ((fingerprint & mask) == 0) return {i, true};
  }
  fingerprint_ = fingerprint;
  return {i, false};
}

}  // namespace keyfold::object
