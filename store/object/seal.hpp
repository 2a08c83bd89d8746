// Objects: sealed, padded bundles of chunks (FORMATS 4).
//
//   object    := stream( chunk ‖ chunk ‖ … ‖ zeros to Padmé(length, at least 4 KiB) )    under a
//   key of its own object id := hash("object", u8 0x13 ‖ u64 object size ‖ hash("cell", sealed
//   cell)…)
//
// The id covers every cell, so anybody can check an object, or a range of its cells that comes with
// the list of cell hashes; who knows the key cannot answer with other bytes (THREATS A5, A6, A28).
#pragma once

#include <memory>
#include <vector>

#include "crypto/random.hpp"
#include "crypto/shared_bytes.hpp"
#include "crypto/stream.hpp"
#include "store/object/chunker.hpp"
#include "store/workspace/operation.hpp"

namespace keyfold::object {

using workspace::chunk_ref;
using workspace::file_content;

inline constexpr std::size_t bundle_size =
    2 * 1024 * 1024;  ///< of chunks; a single one may be longer
inline constexpr std::size_t min_padded_size = 4 * 1024;
inline constexpr std::size_t max_object_size = sealed_stream_size(max_chunk_size);

/// A range of an object's cells, with what proves them.
struct cell_range {
  std::uint64_t object_size = 0;  ///< of the whole object
  std::size_t first = 0;          ///< number of the first cell in `cells`
  bytes cells;
  std::vector<hash32> hashes;  ///< of all cells of the object
};

/// An object whose bytes are those of its id. Cheap to copy: the bytes are shared and never change.
class sealed_object {
 public:
  /// Checks bytes from outside: `errc::too_large`, `errc::malformed` or `errc::object_mismatch`.
  [[nodiscard]] static expected<sealed_object> check(const object_id& id, shared_bytes data);

  [[nodiscard]] const object_id& id() const { return id_; }
  [[nodiscard]] bytes_view data() const { return data_.view(); }
  [[nodiscard]] const shared_bytes& shared() const { return data_; }
  [[nodiscard]] const std::vector<hash32>& hashes() const { return *hashes_; }
  [[nodiscard]] std::size_t size() const { return data_.size(); }

 private:
  friend sealed_object seal_object(const symmetric_key& key, bytes chunks);
  explicit sealed_object(shared_bytes data);
  object_id id_;
  shared_bytes data_;
  std::shared_ptr<const std::vector<hash32>> hashes_;
};

/// Pads and seals. `key` is random and never seals anything else; `chunks` has 1 to max_chunk_size
/// bytes.
[[nodiscard]] sealed_object seal_object(const symmetric_key& key, bytes chunks);

/// A chunk of an object, with its plaintext.
struct clear_chunk {
  chunk_ref chunk;
  bytes plaintext;
};
/// The object again, from all that lies in it, in any order: the same key and bytes make the same object.
/// `errc::not_found` where something lacks, `errc::object_mismatch` when what was given makes another.
[[nodiscard]] expected<sealed_object> seal_again(const object_id& id,
                                                 std::vector<clear_chunk> chunks);

/// How many cells an object of `size` bytes has; 0 when no object has that size.
[[nodiscard]] std::size_t cell_count(std::uint64_t size);
/// The id that an object of that size and those cell hashes has.
[[nodiscard]] object_id id_of(std::uint64_t size, std::span<const hash32> hashes);
/// Checks a range from outside: size, number of hashes, id, then each cell. `errc::malformed` or
/// `errc::object_mismatch`.
[[nodiscard]] expected<void> check_range(const object_id& id, const cell_range& range);

/// Which cells hold the bytes [offset, offset + length) of an object's plaintext; length > 0.
struct cell_span {
  std::size_t first;
  std::size_t count;
};
[[nodiscard]] cell_span cells_of(std::uint64_t offset, std::uint64_t length);

/// Cells of one object under its key, opened as far as chunks need them, each once. The cells need
/// not have been checked: they open only under the object's key, and a plaintext must have the
/// chunk's hash.
class clear_cells {
 public:
  /// `cells`, which must outlive this, begin with cell number `first` of an object of that size.
  clear_cells(const symmetric_key& key, std::uint64_t object_size, std::size_t first,
              bytes_view cells);

  /// The chunk's plaintext, valid as long as this. `errc::bad_chunk_list` (it cannot lie there),
  /// `errc::malformed` (not all of its cells are given), `errc::bad_seal`, `errc::chunk_mismatch`.
  [[nodiscard]] expected<bytes_view> open(const chunk_ref& chunk);
  [[nodiscard]] const symmetric_key& key() const { return key_; }
  [[nodiscard]] std::size_t first() const { return first_; }

 private:
  [[nodiscard]] expected<void> open_cell_at(std::size_t index);

  symmetric_key key_;
  std::uint64_t object_size_;
  std::size_t first_;
  bytes_view cells_;
  std::unique_ptr<std::uint8_t[]>
      plain_;                 ///< of all cells given; those that are opened have been written
  std::vector<bool> opened_;  ///< by cell, from first_ on
};

/// clear_cells::open() of a single chunk.
[[nodiscard]] expected<bytes> open_chunk(const chunk_ref& chunk, std::uint64_t object_size,
                                         std::size_t first, bytes_view cells);
[[nodiscard]] inline expected<bytes> open_chunk(const chunk_ref& chunk, const sealed_object& o) {
  return open_chunk(chunk, o.size(), 0, o.data());
}

[[nodiscard]] hash32 hash_chunk(bytes_view plaintext);

}  // namespace keyfold::object
