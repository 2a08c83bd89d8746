// Strong types for ids, hashes and counters: an id of a user is no id of a device.
// 16 bytes for ids, 32 for hashes (DESIGN 4.1). Text form: base32.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstring>
#include <functional>
#include <string>

#include "crypto/bytes.hpp"

namespace keyfold {

/// A fixed-size byte string of its own type. All zero means "none".
template <class Tag, std::size_t N>
struct fixed_bytes {
  static constexpr std::size_t size = N;
  std::array<std::uint8_t, N> value{};

  auto operator<=>(const fixed_bytes&) const = default;
  [[nodiscard]] bytes_view view() const { return value; }
  [[nodiscard]] bool is_zero() const {
    return std::all_of(value.begin(), value.end(), [](auto b) { return b == 0; });
  }
  /// `errc::malformed` unless `data` has exactly N bytes.
  [[nodiscard]] static expected<fixed_bytes> from(bytes_view data) {
    if (data.size() != N) return fail(errc::malformed, "an id or hash of the wrong length");
    fixed_bytes out;
    std::copy(data.begin(), data.end(), out.value.begin());
    return out;
  }
  [[nodiscard]] static expected<fixed_bytes> from_text(std::string_view text) {
    KEYFOLD_TRY(auto data, from_base32(text));
    return from(data);
  }
};
template <class Tag, std::size_t N>
std::string to_text(const fixed_bytes<Tag, N>& id) {
  return to_base32(id.view());
}

using organization_id = fixed_bytes<struct organization_tag, 16>;  ///< hash of the root public key
using user_id = fixed_bytes<struct user_tag, 16>;
using device_id = fixed_bytes<struct device_tag, 16>;
using workspace_id = fixed_bytes<struct workspace_tag, 16>;
using generation_id = fixed_bytes<struct generation_tag, 16>;  ///< one unbroken run of a feed
using node_id = fixed_bytes<struct node_tag, 16>;              ///< a file, folder or symlink
using version_id = fixed_bytes<struct version_tag, 16>;        ///< a version of a file's content
using invitation_token = fixed_bytes<struct token_tag, 16>;
using incarnation_id =
    fixed_bytes<struct incarnation_tag, 16>;  ///< random, one per start of a relay

using certificate_hash =
    fixed_bytes<struct certificate_hash_tag, 32>;           ///< of a certificate's header
using entry_hash = fixed_bytes<struct entry_hash_tag, 32>;  ///< of an entry's header
using object_id = fixed_bytes<struct object_tag, 32>;
using hash32 = fixed_bytes<struct hash_tag, 32>;  ///< any other SHA-256

/// A counter of its own type; it has an order and a next, and no other arithmetic.
template <class Tag>
struct counter {
  std::uint64_t value = 0;
  auto operator<=>(const counter&) const = default;
  [[nodiscard]] counter next() const { return {value + 1}; }
};
using ledger_seq = counter<struct ledger_seq_tag>;  ///< position in the ledger, genesis is 0
using feed_seq = counter<struct feed_seq_tag>;      ///< position in a feed generation, from 0
using epoch_number = counter<struct epoch_tag>;  ///< generation of a workspace's or directory's key
using lamport_time = counter<struct lamport_tag>;  ///< from 1

}  // namespace keyfold

template <class Tag, std::size_t N>
struct std::hash<keyfold::fixed_bytes<Tag, N>> {
  std::size_t operator()(const keyfold::fixed_bytes<Tag, N>& id) const noexcept {
    std::size_t out = 0;
    std::memcpy(&out, id.value.data(), sizeof out);  // ids are random or hashes
    return out;
  }
};
