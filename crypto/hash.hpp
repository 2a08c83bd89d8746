// Hashes and key derivation. Every use has its own context string, so no two can be confused.
//
//   hash(context, x)        := SHA-256( u8 |context| ‖ context ‖ x )
//   derive(key, context, x) := BLAKE2b-256( key = key, u8 |context| ‖ context ‖ x )
#pragma once

#include <string_view>

#include "crypto/ids.hpp"
#include "crypto/secret.hpp"

namespace keyfold {

/// Incremental SHA-256 with a context (OpenSSL: uses the processor's SHA instructions).
class hasher {
 public:
  explicit hasher(std::string_view context);
  ~hasher();
  hasher(const hasher&) = delete;
  hasher& operator=(const hasher&) = delete;
  hasher& update(bytes_view data);
  hasher& update_u64(std::uint64_t value);
  /// Ends the hash; the object must not be used afterwards.
  [[nodiscard]] hash32 finish();

 private:
  void* context_;
};

/// The hash of the concatenation of `parts`. Callers make sure that parts cannot shift into each
/// other.
[[nodiscard]] hash32 hash(std::string_view context, std::initializer_list<bytes_view> parts);
[[nodiscard]] inline hash32 hash(std::string_view context, bytes_view data) {
  return hash(context, {data});
}
/// A hash as one of the strong hash or id types (truncated for 16-byte ids).
template <class Id>
[[nodiscard]] Id hash_as(std::string_view context, std::initializer_list<bytes_view> parts) {
  static_assert(Id::size <= 32);
  const auto full = hash(context, parts);
  Id out;
  std::copy_n(full.value.begin(), Id::size, out.value.begin());
  return out;
}

[[nodiscard]] symmetric_key derive(const symmetric_key& key, std::string_view context,
                                   bytes_view input = {});

/// Merkle tree hash of RFC 6962 section 2.1 (leaf prefix 0, node prefix 1) over already hashed
/// leaves; the root of no leaves is the hash of nothing.
[[nodiscard]] hash32 merkle_root(std::span<const hash32> leaves);

}  // namespace keyfold
