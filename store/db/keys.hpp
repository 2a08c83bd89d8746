// Arithmetic of ordered keys, shared by the stores.
#pragma once

#include <algorithm>

#include "crypto/bytes.hpp"

namespace keyfold::db {

[[nodiscard]] inline bool has_prefix(bytes_view key, bytes_view prefix) {
  return key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
}

[[nodiscard]] inline bool key_below(bytes_view a, bytes_view b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

/// The lowest key above all keys with `prefix`; empty when there is none (a prefix of 0xff bytes).
[[nodiscard]] inline bytes end_of(bytes_view prefix) {
  bytes out = to_bytes(prefix);
  while (!out.empty() && out.back() == 0xff) out.pop_back();
  if (!out.empty()) ++out.back();
  return out;
}

/// Where a scan of `prefix` from `from` begins.
[[nodiscard]] inline bytes start_of(bytes_view prefix, bytes_view from) {
  return to_bytes(key_below(prefix, from) ? from : prefix);
}

/// Where the pairs with `prefix` that are below `before` (empty: all with the prefix) end; empty:
/// nowhere.
[[nodiscard]] inline bytes limit_of(bytes_view prefix, bytes_view before) {
  bytes end = end_of(prefix);
  if (before.empty() || (!end.empty() && key_below(end, before))) return end;
  return to_bytes(before);
}

}  // namespace keyfold::db
