// Content-defined chunk borders: FastCDC (Xia et al. 2016, 2020) with normalized chunking level 2.
//
//   gear[i]     := first 8 bytes, big endian, of derive(chunking secret, "gear", u8 i)
//   fingerprint := (fingerprint << 1) + gear[byte], modulo 2^64; 0 after the first `min` bytes of a
//   chunk,
//                  which are not looked at
//   mask(n)     := n one bits from bit 62 downwards
//   border      after byte number p of the chunk (p > min) where fingerprint & mask(b + 2) is 0
//   while
//               p <= average, or fingerprint & mask(b - 2) is 0 beyond; at the latest after byte
//               `max`
//   b           := floor(log2(average))
//
// The gear is secret: whoever does not know the chunking secret learns nothing from where borders
// lie.
#pragma once

#include <array>
#include <vector>

#include "crypto/secret.hpp"
#include "store/ledger/body.hpp"

namespace keyfold::object {

using ledger::chunk_class;

/// The table of a chunking secret; one serves any number of chunkers and threads.
class gear_table {
 public:
  explicit gear_table(const symmetric_key& chunking_secret);
  [[nodiscard]] std::uint64_t operator[](std::uint8_t byte) const { return values_[byte]; }

 private:
  std::array<std::uint64_t, 256> values_{};
};

/// Sizes in bytes; 64 <= min < average < max <= 4 MiB.
struct chunk_sizes {
  std::uint64_t min = 64 * 1024;
  std::uint64_t average = 256 * 1024;
  std::uint64_t max = 1024 * 1024;
  bool operator==(const chunk_sizes&) const = default;
};

/// A chunk and an object's plaintext are never longer.
inline constexpr std::size_t max_chunk_size = 4 * 1024 * 1024;
/// Of the encoded list of a long file (FORMATS 3, level 1).
inline constexpr chunk_sizes list_chunk_sizes{4 * 1024, 16 * 1024, 64 * 1024};

/// The sizes for a file of `file_size` bytes. `errc::bad_chunk_table` when the table has no row for
/// it, or one that a chunker does not take.
[[nodiscard]] expected<chunk_sizes> sizes_for(const std::vector<chunk_class>& table,
                                              std::uint64_t file_size);

/// Finds borders in a stream of bytes; the same bytes have the same borders however they are fed.
/// Holds no bytes itself. `gear` must outlive it.
class chunker {
 public:
  chunker(const gear_table& gear, const chunk_sizes& sizes);

  struct step {
    std::size_t taken;  ///< how many bytes of `data` still belong to the open chunk
    bool border;        ///< true: the chunk ends with them
  };
  /// Looks at bytes up to the next border; the caller feeds the rest of `data` again. The last
  /// chunk of a stream ends with the stream.
  [[nodiscard]] step feed(bytes_view data);
  /// Forgets the open chunk.
  void reset();

 private:
  /// Rolls over `data`, of which no byte is beyond `limit_`; gives how many were taken.
  [[nodiscard]] step roll(bytes_view data, std::uint64_t mask);

  const gear_table* gear_;
  chunk_sizes sizes_;
  std::uint64_t mask_before_;  ///< up to the average: more bits, fewer borders
  std::uint64_t mask_beyond_;
  std::uint64_t length_ = 0;  ///< of the open chunk
  std::uint64_t fingerprint_ = 0;
};

}  // namespace keyfold::object
