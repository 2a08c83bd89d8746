// The list of a file's chunks, and its encoding when it is itself stored in chunks (FORMATS 3,
// level 1).
//
//   list      := row*
//   row       := object id (32) ‖ u8 stream algorithm ‖ object key (32) ‖ u64 offset ‖ u64 length ‖
//   plaintext hash (32) list hash := hash("chunk-list", u64 file size ‖ plaintext hash…)
#pragma once

#include "store/object/seal.hpp"

namespace keyfold::object {

inline constexpr std::size_t list_row_size = 32 + 1 + 32 + 8 + 8 + 32;
inline constexpr std::size_t max_direct_list =
    64 * 1024;  ///< bytes of a list that is still of level 0
/// Chunks that a content may name directly, so that a write fits into an entry.
inline constexpr std::size_t max_direct_chunks = 4096;

[[nodiscard]] bytes encode_list(std::span<const chunk_ref> chunks);
/// `errc::malformed`, `errc::unknown_algorithm` or `errc::bad_chunk_list` (a row no object can
/// hold).
[[nodiscard]] expected<std::vector<chunk_ref>> decode_list(bytes_view data);
[[nodiscard]] hash32 hash_list(std::uint64_t file_size, std::span<const chunk_ref> chunks);
/// Each row possible, the lengths together `content.size`, the hash `content.list_hash`; else
/// `errc::bad_chunk_list`.
[[nodiscard]] expected<void> check_list(const file_content& content,
                                        std::span<const chunk_ref> chunks);

}  // namespace keyfold::object
