// What a certificate says (FORMATS 1).
//
//   body := [kind, critical, time (ms since 1970, for display), payload]
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "crypto/codec.hpp"
#include "store/ledger/view.hpp"

namespace keyfold::ledger {

inline constexpr std::size_t max_body_size = 64 * 1024;
inline constexpr std::size_t max_name_size = 255;     ///< of an organization
inline constexpr std::size_t max_sealed_size = 1024;  ///< a sealed handle, label, name or secret
inline constexpr std::size_t max_addresses = 16;      ///< of a relay
inline constexpr std::size_t max_address_size = 512;
inline constexpr std::size_t max_revoked_workspaces = 1200;  ///< what fits into one body
inline constexpr std::size_t max_chunk_classes = 16;

enum class purpose : std::uint8_t { standard = 1, recovery = 2 };

enum class kind : std::uint8_t {
  genesis = 0,
  user_added = 1,
  device_added = 2,
  profile_changed = 3,
  user_revoked = 4,
  workspace_created = 5,
  role_changed = 6,
  key_rotated = 7,
  relay_set = 15,
};

/// [email, name], sealed under the directory key of `epoch`.
struct sealed_handle {
  epoch_number epoch;
  bytes sealed;
  bool operator==(const sealed_handle&) const = default;
};

/// A device's label, sealed to the directory's public key of `epoch` and to the user's own key.
struct sealed_label {
  epoch_number epoch;
  bytes to_directory;
  bytes to_user;
  bool operator==(const sealed_label&) const = default;
};

struct new_device {
  device_id id;
  signing_public_key signing_key;
  box_public_key link_key;
  sealed_label label;
  bool operator==(const new_device&) const = default;
};

/// The next epoch of a key; rows and earlier keys travel as attachments.
struct rotation {
  epoch_number epoch;
  hash32 commitment;
  hash32 rows_root;
  std::uint64_t rows_count = 0;
  hash32 earlier_hash;
  std::optional<box_public_key> directory_key;  ///< of a directory rotation only
  bool operator==(const rotation&) const = default;
};

/// Chunk sizes for files up to `largest_file`.
struct chunk_class {
  std::uint64_t largest_file = 0;
  std::uint64_t min = 0;
  std::uint64_t average = 0;
  std::uint64_t max = 0;
  bool operator==(const chunk_class&) const = default;
};

struct genesis {
  std::string name;
  signing_public_key root_key;
  signing_public_key receipt_key;  ///< the relay's, term 0
  std::vector<std::string> addresses;
  user_id user;
  box_public_key user_key;
  sealed_handle handle;
  new_device device;
  box_public_key directory_key;
  hash32 directory_commitment;
  bytes directory_row;
  bool operator==(const genesis&) const = default;
};
struct user_added {
  user_id user;
  ledger::profile profile = profile::member;
  box_public_key user_key;
  sealed_handle handle;
  new_device device;
  std::optional<bytes> directory_row;  ///< none for an External
  bool operator==(const user_added&) const = default;
};
struct device_added {
  user_id user;
  new_device device;
  ledger::purpose purpose = purpose::standard;
  bool operator==(const device_added&) const = default;
};
struct profile_changed {
  user_id user;
  ledger::profile profile = profile::member;
  bool operator==(const profile_changed&) const = default;
};
struct revoked_workspace {
  workspace_id workspace;
  hash32 frontier_hash;
  bool operator==(const revoked_workspace&) const = default;
};
struct user_revoked {
  user_id user;
  std::vector<revoked_workspace> workspaces;  ///< ascending; where he could write
  bool operator==(const user_revoked&) const = default;
};
struct workspace_created {
  workspace_id workspace;
  hash32 commitment;  ///< of the key of epoch 0
  bytes name;         ///< sealed
  bytes chunking;     ///< the chunking secret, sealed
  std::vector<chunk_class> chunk_table;
  bytes row;
  bool operator==(const workspace_created&) const = default;
};
struct role_changed {
  user_id user;
  ledger::role role = role::none;
  std::optional<bytes> row;  ///< the current key, if he could not read before
  std::optional<ledger::rotation> rotation;
  std::optional<hash32> frontier_hash;
  bool operator==(const role_changed&) const = default;
};
struct key_rotated {
  ledger::rotation rotation;
  bool operator==(const key_rotated&) const = default;
};
/// From here on another relay orders the ledger (LEDGER, "Another relay").
struct relay_set {
  std::uint64_t term = 0;  ///< the next one
  signing_public_key receipt_key;
  std::vector<std::string> addresses;  ///< keyfold://HOST:PORT/?k=RELAYKEY; the first is used
  bool operator==(const relay_set&) const = default;
};
/// A kind whose rules are not built here: of a later version, or reserved.
struct unknown_body {
  std::uint64_t kind = 0;
  bool operator==(const unknown_body&) const = default;
};
using payload = std::variant<genesis, user_added, device_added, profile_changed, user_revoked,
                             workspace_created, role_changed, key_rotated, relay_set, unknown_body>;

struct body {
  std::uint64_t time_ms = 0;  ///< for display; no rule looks at it
  payload what;
  bool critical = true;
  bool operator==(const body&) const = default;
};

/// The name of a payload's kind, as in the audit ("user_added"; "kind_12" for an unknown one).
[[nodiscard]] std::string kind_name(const payload& what);

/// An unknown_body cannot be encoded and must not be given.
[[nodiscard]] bytes encode_body(const body& b);
/// `errc::too_large`, `errc::malformed`, `errc::bad_key` or `errc::unknown_algorithm`. A kind that
/// is not built decodes as unknown_body, whatever its payload is.
[[nodiscard]] expected<body> decode_body(bytes_view data);
[[nodiscard]] hash32 hash_of_body(bytes_view body_bytes);

/// The rotation in the payload, if it has one.
[[nodiscard]] const rotation* rotation_of(const payload& what);

}  // namespace keyfold::ledger
