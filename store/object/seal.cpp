#include "store/object/seal.hpp"

#include <algorithm>
#include <cassert>

#include "crypto/hash.hpp"
#include "crypto/padding.hpp"

namespace keyfold::object {
namespace {

std::size_t cells_in(std::uint64_t size) {
  return static_cast<std::size_t>((size + sealed_cell_size - 1) / sealed_cell_size);
}

/// Visits the cells that `data`, whole cells from the first on, is made of.
template <class Visit>
void for_each_cell(bytes_view data, Visit visit) {
  while (!data.empty()) {
    const auto n = std::min(sealed_cell_size, data.size());
    visit(data.first(n));
    data = data.subspan(n);
  }
}

std::vector<hash32> hash_cells(bytes_view data) {
  std::vector<hash32> out;
  out.reserve(cells_in(data.size()));
  for_each_cell(data, [&](bytes_view cell) { out.push_back(hash("keyfold/v1/cell", cell)); });
  return out;
}

/// Bytes of plaintext in an object of that size.
std::uint64_t plaintext_size(std::uint64_t object_size) {
  return object_size - cell_count(object_size) * cell_tag_size;
}

}  // namespace

sealed_object::sealed_object(shared_bytes data)
    : data_(std::move(data)),
      hashes_(std::make_shared<const std::vector<hash32>>(hash_cells(data_.view()))) {
  id_ = id_of(data_.size(), *hashes_);
}

expected<sealed_object> sealed_object::check(const object_id& id, shared_bytes data) {
  if (data.size() > max_object_size) return fail(errc::too_large, "an object above the limit");
  if (cell_count(data.size()) == 0)
    return fail(errc::malformed, "an object of a size that none has");
  sealed_object out(std::move(data));
  if (out.id() != id)
    return fail(errc::object_mismatch, "bytes that are not those of the object's id");
  return out;
}

sealed_object seal_object(const symmetric_key& key, bytes chunks) {
  assert(!chunks.empty() && chunks.size() <= max_chunk_size);
  chunks.resize(padme(chunks.size(), min_padded_size));
  return sealed_object(shared_bytes::of_size(
      sealed_stream_size(chunks.size()),
      [&](std::span<std::uint8_t> out) { seal_stream_into(key, chunks, out); }));
}

expected<sealed_object> seal_again(const object_id& id, std::vector<clear_chunk> chunks) {
  std::ranges::sort(chunks, {}, [](const clear_chunk& each) { return each.chunk.offset; });
  bytes bundle;
  for (const auto& [chunk, plaintext] : chunks) {
    if (chunk.offset > bundle.size() || plaintext.size() != chunk.length)
      return fail(errc::not_found, "not all that lies in the object is here");
    if (chunk.offset < bundle.size()) continue;  // of two files that share it
    if (bundle.size() + plaintext.size() > max_chunk_size)
      return fail(errc::object_mismatch, "more than an object holds");
    append(bundle, plaintext);
  }
  if (bundle.empty()) return fail(errc::not_found, "nothing that lies in the object is here");
  auto object = seal_object(chunks.front().chunk.key, std::move(bundle));
  if (object.id() != id)  // perhaps the last chunk lacks
    return fail(errc::object_mismatch, "what is here of the object makes another");
  return object;
}

std::size_t cell_count(std::uint64_t size) {
  const auto cells = cells_in(size);
  // The last cell has at least a tag and a byte; an object is never empty.
  if (cells == 0 || size > max_object_size ||
      size - (cells - 1) * sealed_cell_size <= cell_tag_size)
    return 0;
  return cells;
}

object_id id_of(std::uint64_t size, std::span<const hash32> hashes) {
  hasher h("keyfold/v1/object");
  h.update({&stream_algorithm, 1}).update_u64(size);
  for (const auto& cell : hashes) h.update(cell.view());
  return object_id{h.finish().value};
}

expected<void> check_range(const object_id& id, const cell_range& range) {
  const auto cells = cell_count(range.object_size);
  if (cells == 0 || range.hashes.size() != cells || range.first >= cells || range.cells.empty())
    return fail(errc::malformed, "a range that no object has");
  const auto left = range.object_size - range.first * sealed_cell_size;
  const bool whole_cells = range.cells.size() % sealed_cell_size == 0 || range.cells.size() == left;
  if (range.cells.size() > left || !whole_cells)
    return fail(errc::malformed, "a range that does not end with a cell");
  if (id_of(range.object_size, range.hashes) != id)
    return fail(errc::object_mismatch, "hashes that are not those of the object's id");
  auto expected_hash = range.hashes.begin() + static_cast<std::ptrdiff_t>(range.first);
  bool right = true;
  for_each_cell(range.cells, [&](bytes_view cell) {
    right = right && hash("keyfold/v1/cell", cell) == *expected_hash++;
  });
  if (!right) return fail(errc::object_mismatch, "cells that are not those of the object's id");
  return {};
}

cell_span cells_of(std::uint64_t offset, std::uint64_t length) {
  const auto first = static_cast<std::size_t>(offset / cell_size);
  const auto last = static_cast<std::size_t>((offset + length - 1) / cell_size);
  return {first, last - first + 1};
}

clear_cells::clear_cells(const symmetric_key& key, std::uint64_t object_size, std::size_t first,
                         bytes_view cells)
    : key_(key),
      object_size_(object_size),
      first_(first),
      cells_(cells),
      plain_(std::make_unique_for_overwrite<std::uint8_t[]>(cells_in(cells.size()) * cell_size)),
      opened_(cells_in(cells.size())) {}

expected<bytes_view> clear_cells::open(const chunk_ref& chunk) {
  const auto all = cell_count(object_size_);
  const auto text = all == 0 ? 0 : plaintext_size(object_size_);
  if (chunk.length == 0 || chunk.length > text || chunk.offset > text - chunk.length)
    return fail(errc::bad_chunk_list, "a chunk that does not lie in its object");
  const auto span = cells_of(chunk.offset, chunk.length);
  if (first_ > span.first) return fail(errc::malformed, "cells that begin after the chunk");
  for (auto i = span.first; i < span.first + span.count; ++i) KEYFOLD_CHECK(open_cell_at(i));
  const bytes_view plain(
      plain_.get() + (static_cast<std::size_t>(chunk.offset) - first_ * cell_size),
      static_cast<std::size_t>(chunk.length));
  if (hash_chunk(plain) != chunk.plaintext_hash)
    return fail(errc::chunk_mismatch, "a chunk that has not the hash that its file names");
  return plain;
}

expected<void> clear_cells::open_cell_at(std::size_t index) {
  const auto at = index - first_;
  if (at >= opened_.size()) return fail(errc::malformed, "cells that end before the chunk");
  if (opened_[at]) return {};
  const auto rest = cells_.subspan(at * sealed_cell_size);
  const bool last = index + 1 == cell_count(object_size_);
  const auto cell = rest.first(std::min(sealed_cell_size, rest.size()));
  if (cell.size() < cell_tag_size) return fail(errc::malformed, "a cell of the wrong length");
  KEYFOLD_CHECK(open_cell_into(key_, index, last, cell,
                               {plain_.get() + at * cell_size, cell.size() - cell_tag_size}));
  opened_[at] = true;
  return {};
}

expected<bytes> open_chunk(const chunk_ref& chunk, std::uint64_t object_size, std::size_t first,
                           bytes_view cells) {
  clear_cells clear(chunk.key, object_size, first, cells);
  KEYFOLD_TRY(const auto plain, clear.open(chunk));
  return to_bytes(plain);
}

hash32 hash_chunk(bytes_view plaintext) {
  return hash("keyfold/v1/chunk", plaintext);
}

}  // namespace keyfold::object
