// STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015, as in age): a long plaintext sealed in cells
// under a key that seals nothing else. ChaCha20-Poly1305 (RFC 8439) through OpenSSL.
//
//   cell  := ciphertext (64 KiB but for the last, which may be shorter) ‖ tag (16)
//   nonce := u88 big-endian cell number ‖ u8 (1 for the last cell, else 0)
//
// An empty plaintext is one empty last cell. A cell moved, dropped, doubled or cut does not open.
#pragma once

#include "crypto/secret.hpp"

namespace keyfold {

inline constexpr std::size_t cell_size = 64 * 1024;  ///< plaintext bytes of a full cell
inline constexpr std::size_t cell_tag_size = 16;
inline constexpr std::size_t sealed_cell_size = cell_size + cell_tag_size;
inline constexpr std::uint8_t stream_algorithm = 0x13;  ///< stands where such a key is named

/// How many bytes `plaintext_size` bytes take when sealed.
[[nodiscard]] constexpr std::size_t sealed_stream_size(std::size_t plaintext_size) {
  const std::size_t cells = plaintext_size == 0 ? 1 : (plaintext_size + cell_size - 1) / cell_size;
  return plaintext_size + cells * cell_tag_size;
}

/// Seals the whole plaintext into `out`, which has sealed_stream_size() bytes.
void seal_stream_into(const symmetric_key& key, bytes_view plaintext, std::span<std::uint8_t> out);
/// The whole plaintext, sealed.
[[nodiscard]] bytes seal_stream(const symmetric_key& key, bytes_view plaintext);
/// Opens all cells; `errc::bad_seal` and no plaintext if any fails, `errc::malformed` for a length
/// that seal_stream() never makes.
[[nodiscard]] expected<bytes> open_stream(const symmetric_key& key, bytes_view sealed);
/// Opens cell `index` of a stream (for range reads); `last` says whether it is the final one. Fails
/// likewise.
[[nodiscard]] expected<bytes> open_cell(const symmetric_key& key, std::uint64_t index, bool last,
                                        bytes_view cell);
/// The same into `out`, which has cell.size() - cell_tag_size bytes; after a failure nothing in it may be used.
[[nodiscard]] expected<void> open_cell_into(const symmetric_key& key, std::uint64_t index,
                                            bool last, bytes_view cell,
                                            std::span<std::uint8_t> out);

}  // namespace keyfold
