// The lists that travel beside a body: sealed keys and frontiers (FORMATS 1).
//
//   rows attachment     := [[user id, row]*]                     ascending by user id
//   earlier attachment  := [[epoch, sealed]*]                    ascending by epoch
//   frontier attachment := [[entry header: bin, signature]*]     ascending by (device, generation,
//   seq, hash) of user revoked     := [[workspace id, frontier: bin]*]      ascending; a reader
//   gets his workspaces' parts
#pragma once

#include <map>

#include "store/ledger/certificate.hpp"

namespace keyfold::ledger {

struct key_row {
  user_id user;
  bytes row;  ///< a box to the user's key
  bool operator==(const key_row&) const = default;
};
struct earlier_key {
  epoch_number epoch;
  bytes sealed;
  bool operator==(const earlier_key&) const = default;
};
/// A feed's head as its author signed it.
struct signed_head {
  bytes header_bytes;
  bytes signature;
  bool operator==(const signed_head&) const = default;
};

[[nodiscard]] bytes encode_rows(std::vector<key_row> rows);  ///< sorts
/// `errc::malformed` unless ascending, each user once.
[[nodiscard]] expected<std::vector<key_row>> decode_rows(bytes_view data);
[[nodiscard]] hash32 rows_root(std::span<const key_row> rows);  ///< rows as decoded

[[nodiscard]] bytes encode_earlier(std::vector<earlier_key> keys);  ///< sorts
[[nodiscard]] expected<std::vector<earlier_key>> decode_earlier(bytes_view data);
[[nodiscard]] hash32 hash_of_earlier(bytes_view attachment);

/// Sorts, each head once. `errc::malformed` when a header does not decode.
[[nodiscard]] expected<bytes> encode_frontier(std::vector<signed_head> heads);
/// Only the form; the headers in it are not decoded yet.
[[nodiscard]] expected<std::vector<signed_head>> decode_frontier(bytes_view data);
[[nodiscard]] hash32 hash_of_frontier(bytes_view attachment);
/// The frontier of a user without entries.
[[nodiscard]] bytes empty_frontier();

using frontier_parts = std::map<workspace_id, bytes>;
[[nodiscard]] bytes encode_parts(const frontier_parts& parts);
[[nodiscard]] expected<frontier_parts> decode_parts(bytes_view data);

/// Which signed heads of a frontier are what they claim to be.
struct checked_frontier {
  std::vector<feed_head> heads;  ///< ascending: signed by a device of the user, for that workspace
  std::size_t bad = 0;           ///< those that are not, or that stand out of order
};
/// Finds a device's facts; nullopt when the ledger does not know it.
using device_lookup = std::function<std::optional<device_facts>(device_id)>;
/// Reads and verifies a frontier attachment of `user`'s feeds. Bytes that do not decode are one bad
/// head.
[[nodiscard]] checked_frontier check_frontier(bytes_view attachment, organization_id organization,
                                              workspace_id workspace, user_id user,
                                              const device_lookup& devices);

/// Checks that what is attached is what the body announces: `errc::attachment_mismatch`. With
/// `complete`, also that nothing is missing (`errc::attachment_missing`). Nothing may be attached
/// unannounced.
[[nodiscard]] expected<void> check_attachments(const body& b, const attachments& attached,
                                               bool complete);

}  // namespace keyfold::ledger
