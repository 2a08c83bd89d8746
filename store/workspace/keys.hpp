// How a tree lies in its db::view: keys are a table's letter, ids, orders and keyed hashes; never a
// name.
//
//   o order            -> operation   log: every operation of every entry that counts
//   p node             -> rows        (order -> placement) creations and moves of a node
//   f order            -> node        moves of folders after their creation: what cycles come from
//   x node             -> rows        (order ->) deletes of a node
//   w node order       -> version     writes to a node
//   i version          -> rows        (order -> node) writes that use a version id; the first counts
//   r node version     -> rows        (order ->) what replaced, dropped or split off a version
//   s version          -> rows        (order -> node) nodes made by splitting off a version
//
// and derived from these:
//
//   t order            -> u64         times that entries say
//   h parent name node ->             where nodes that were moved stand or stood
//   n node             -> record      see record.hpp
//   c node             -> rows        (version -> order) current versions, and what wrote them
//   a parent name node ->             children without a mark of a delete
//   d parent name node ->             children with one
//   k parent name node ->             children in which, or as which, something may survive a delete
//   z parent node      ->             nodes under Recovered/ whose parent does not count
//   v node             ->             folders whose last move is void
//
// Rows: see rows.hpp.
#pragma once

#include "store/workspace/tree.hpp"

namespace keyfold::workspace {

enum class table : std::uint8_t {
  operations = 'o',
  placements = 'p',
  folder_moves = 'f',
  deletes = 'x',
  writes = 'w',
  version_uses = 'i',
  endings = 'r',
  splits = 's',
  records = 'n',
  current = 'c',
  alive = 'a',
  dead = 'd',
  surviving = 'k',
  orphans = 'z',
  contested = 'v',
  times = 't',
  past_places = 'h',
};

inline constexpr std::size_t order_size = 8 + 16 + 16 + 8 + 32 + 8;

/// Bytes that order as entry_order does.
[[nodiscard]] inline bytes encode_order(const entry_order& o) {
  bytes out;
  out.reserve(order_size);
  append_u64(out, o.lamport.value);
  append(out, o.device.view());
  append(out, o.generation.view());
  append_u64(out, o.seq.value);
  append(out, o.hash.view());
  append_u64(out, o.index);
  return out;
}

/// The id at the end of `data`, `skip` bytes before it.
template <class Id>
[[nodiscard]] Id id_at_end(bytes_view data, std::size_t skip = 0) {
  Id out;
  if (data.size() >= Id::size + skip)
    std::copy_n(data.end() - static_cast<std::ptrdiff_t>(Id::size + skip), Id::size,
                out.value.begin());
  return out;
}

/// The order at the end of `data`; all zero when that is too short.
[[nodiscard]] inline entry_order order_at_end(bytes_view data) {
  if (data.size() < order_size) return {};
  const auto raw = data.last(order_size);
  entry_order o;
  o.lamport.value = read_u64(raw);
  std::copy_n(raw.begin() + 8, 16, o.device.value.begin());
  std::copy_n(raw.begin() + 24, 16, o.generation.value.begin());
  o.seq.value = read_u64(raw.subspan(40));
  std::copy_n(raw.begin() + 48, 32, o.hash.value.begin());
  o.index = read_u64(raw.subspan(80));
  return o;
}

/// The entry in which the operation stands.
[[nodiscard]] inline entry_order entry_of(entry_order o) {
  o.index = 0;
  return o;
}

inline void append_part(bytes& out, const entry_order& o) {
  append(out, encode_order(o));
}
inline void append_part(bytes& out, bytes_view part) {
  append(out, part);
}
template <class Tag, std::size_t N>
void append_part(bytes& out, const fixed_bytes<Tag, N>& id) {
  append(out, id.view());
}

/// A key, or the prefix of keys, of a table.
template <class... Parts>
[[nodiscard]] bytes key_of(table t, const Parts&... parts) {
  bytes out{static_cast<std::uint8_t>(t)};
  (append_part(out, parts), ...);
  return out;
}

/// A name in keys: 16 bytes of a keyed hash.
using name_hash = std::array<std::uint8_t, 16>;
[[nodiscard]] inline name_hash hash_name(const symmetric_key& name_key, std::string_view name) {
  const auto full = derive(name_key, "keyfold/v1/name-in-key", as_bytes(name));
  name_hash out;
  std::copy_n(full.view().begin(), out.size(), out.begin());
  return out;
}

}  // namespace keyfold::workspace
