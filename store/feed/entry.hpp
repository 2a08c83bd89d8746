// An entry: one signed, encrypted batch of a device's operations on one workspace (FORMATS 2).
//
//   entry  := [header: bin, signature, seen: bin, needed: bin, ciphertext: bin]
//   header := [1, organization, workspace, device, generation, seq, prev, ledger seq, ledger hash,
//   epoch,
//              lamport, seen hash, salt, needed hash, ciphertext hash]
#pragma once

#include <vector>

#include "crypto/codec.hpp"
#include "crypto/hash.hpp"
#include "store/ledger/view.hpp"

namespace keyfold::feed {

using ledger::feed_head;

struct header {
  organization_id organization;
  workspace_id workspace;
  device_id device;
  generation_id generation;
  feed_seq seq;
  entry_hash prev;  ///< zero for the first of a generation
  ledger::position ledger;
  epoch_number epoch;
  lamport_time lamport;
  hash32 seen_hash;
  hash32 salt;
  hash32 needed_hash;
  hash32 ciphertext_hash;
};

/// An entry as it travels and is stored: bytes as received, and their decoded header.
struct entry {
  bytes header_bytes;
  bytes signature;
  bytes seen;    ///< encoded list of feed_head
  bytes needed;  ///< encoded list of object ids
  bytes ciphertext;
  feed::header header;  ///< decoded from header_bytes
  entry_hash hash;      ///< of header_bytes

  [[nodiscard]] feed_head head() const {
    return {header.device, header.generation, header.seq, hash};
  }
};

/// The place of an entry in the total order of DESIGN 4.4; with `index`, of one operation.
struct operation_order {
  lamport_time lamport;
  device_id device;
  generation_id generation;
  feed_seq seq;
  entry_hash hash;  ///< zero while the entry is not signed yet (a journal's)
  std::uint64_t index = 0;
  auto operator<=>(const operation_order&) const = default;
};

inline constexpr std::size_t max_header_size = 1024;
inline constexpr std::size_t max_seen = 10'000;
inline constexpr std::size_t max_payload_size = 256 * 1024;  ///< of operations, before padding
inline constexpr std::size_t max_ciphertext_size = 272 * 1024 + 64;
inline constexpr std::size_t max_needed = 65'536;

/// Size, limits, decode: `errc::too_large`, `errc::malformed`, `errc::unknown_version`. No
/// signature is checked.
[[nodiscard]] expected<header> decode_header(bytes_view data);
[[nodiscard]] bytes encode_header(const header& h);
[[nodiscard]] entry_hash hash_of_header(bytes_view header_bytes);
[[nodiscard]] hash32 hash_of_seen(bytes_view seen);

/// Decodes an entry and checks that seen, needed and ciphertext have the hashes of its header
/// (`errc::entry_hash_mismatch`). The signature needs the author's key: check_signature.
[[nodiscard]] expected<entry> decode_entry(bytes_view data);
[[nodiscard]] bytes encode_entry(const entry& e);
[[nodiscard]] expected<void> check_signature(const entry& e, const signing_public_key& author);

[[nodiscard]] expected<std::vector<feed_head>> decode_seen(bytes_view data);
[[nodiscard]] bytes encode_seen(const std::vector<feed_head>& seen);  ///< sorts
[[nodiscard]] expected<std::vector<object_id>> decode_needed(bytes_view data);
[[nodiscard]] bytes encode_needed(std::vector<object_id> needed);  ///< sorts, each once

/// What an author decides; the rest of the header follows from it.
struct draft {
  organization_id organization;
  workspace_id workspace;
  device_id device;
  generation_id generation;
  feed_seq seq;
  entry_hash prev;
  ledger::position ledger;
  epoch_number epoch;
  lamport_time lamport;
  std::vector<feed_head> seen;
  std::vector<object_id> needed;
  bytes payload;  ///< encoded payload (workspace operations), at most max_payload_size
};
/// Pads, encrypts under the epoch key, and signs. `errc::too_large` beyond a limit.
[[nodiscard]] expected<entry> make_entry(const draft& d, const symmetric_key& epoch_key,
                                         const signing_key& author, random_source& random);
/// Decrypts and unpads the payload. `errc::bad_seal` or `errc::malformed`.
[[nodiscard]] expected<bytes> open_payload(const entry& e, const symmetric_key& epoch_key);

}  // namespace keyfold::feed
