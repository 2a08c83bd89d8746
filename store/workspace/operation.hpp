// Operations on a workspace: what an entry's payload holds (FORMATS 3).
//
//   payload   := [1, [[object id, stream algorithm, key]*], operation*]
//   operation := [kind, critical, fields...]
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "crypto/codec.hpp"
#include "store/feed/entry.hpp"

namespace keyfold::workspace {

enum class node_kind : std::uint8_t { file = 1, folder = 2, symlink = 3 };

/// The root folder's id: 16 zero bytes.
inline constexpr node_id root_node{};

/// One piece of a file: where its plaintext lies in which object.
struct chunk_ref {
  object_id object;
  symmetric_key key;  ///< of the object
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  hash32 plaintext_hash;
  bool operator==(const chunk_ref&) const = default;
};

struct file_content {
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  bool executable = false;
  hash32 list_hash;        ///< hash("chunk-list", size ‖ the file's chunk hashes)
  std::uint8_t level = 0;  ///< 1: `chunks` hold the encoded list of the file's chunks
  std::vector<chunk_ref> chunks;
  bool operator==(const file_content&) const = default;
};
struct symlink_content {
  bytes target;  ///< as readlink gave it, at most 4095 bytes
  std::int64_t mtime_ns = 0;
  bool operator==(const symlink_content&) const = default;
};
using node_content = std::variant<file_content, symlink_content>;

/// What makes the id of a node that a device creates; random.
using node_nonce = std::array<std::uint8_t, 16>;

struct create_operation {
  node_nonce nonce{};
  node_kind kind = node_kind::file;
  node_id parent;
  std::string name;
  bool operator==(const create_operation&) const = default;
};
struct move_operation {
  node_id node;
  node_id parent;
  std::string name;
  bool operator==(const move_operation&) const = default;
};
struct delete_operation {
  node_id node;
  bool operator==(const delete_operation&) const = default;
};
struct write_operation {
  node_id node;
  version_id version;
  std::vector<version_id> replaces;
  node_content content;
  bool operator==(const write_operation&) const = default;
};
struct drop_operation {
  node_id node;
  std::vector<version_id> versions;
  bool operator==(const drop_operation&) const = default;
};
struct split_operation {
  node_id node;
  version_id version;
  node_nonce nonce{};
  node_id parent;
  std::string name;
  bool operator==(const split_operation&) const = default;
};
/// What follows in its entry was done at that time by the author's clock (what stands before the first of them too).
/// For display; not critical, and nothing depends on it.
struct time_operation {
  std::uint64_t ms = 0;  ///< since 1970, at most max_time_ms
  bool operator==(const time_operation&) const = default;
};
/// An operation of a later version that may be skipped. (A critical one fails the decoding of the
/// payload with `errc::unknown_critical_operation`.)
struct unknown_operation {
  std::uint64_t kind = 0;
  bool operator==(const unknown_operation&) const = default;
};
using operation = std::variant<create_operation, move_operation, delete_operation, write_operation,
                               drop_operation, split_operation, time_operation, unknown_operation>;

/// The id of a node created with `nonce` by `device`.
[[nodiscard]] node_id make_node_id(workspace_id workspace, device_id device,
                                   const node_nonce& nonce);

/// The nodes that an operation of `device` is about or makes.
[[nodiscard]] std::vector<node_id> nodes_of(const operation& o, workspace_id workspace,
                                            device_id device);

/// `errc::bad_name` unless NFC-free byte rules hold: 1 to 255 bytes of UTF-8, no '/', NUL, ".",
/// "..".
[[nodiscard]] expected<void> check_name(std::string_view name);
/// The NFC form of a local name; `errc::bad_name` when it is not UTF-8 or breaks check_name.
[[nodiscard]] expected<std::string> normalize_name(std::string_view local);

inline constexpr std::size_t max_name_size = 255;
inline constexpr std::size_t max_symlink_target = 4095;
inline constexpr std::size_t max_chunks = 4096;  ///< of one write; a longer list goes to level 1
inline constexpr std::uint64_t max_time_ms = 253'402'300'799'999;  ///< the end of the year 9999
inline constexpr std::size_t max_replaced = 1024;  ///< versions that one write or drop names

/// A list of operations and the objects that they name. Size of the encoded form is what entries
/// are cut by.
struct payload {
  std::vector<operation> operations;
};
[[nodiscard]] bytes encode_payload(const payload& p);
/// Limits, form and names: `errc::too_large`, `errc::malformed`, `errc::trailing_bytes`,
/// `errc::unknown_version`, `errc::unknown_algorithm`, `errc::bad_name`, or
/// `errc::unknown_critical_operation`. One bad operation fails the payload.
[[nodiscard]] expected<payload> decode_payload(bytes_view data);

/// The plaintext that a level 1 write's chunks hold together, and back. `errc::too_large` beyond
/// `max_bytes`, `errc::malformed`, or `errc::unknown_algorithm`.
[[nodiscard]] bytes encode_chunk_list(std::span<const chunk_ref> chunks);
[[nodiscard]] expected<std::vector<chunk_ref>> decode_chunk_list(bytes_view data,
                                                                 std::size_t max_bytes);

/// The ids of all objects that the payload names directly, ascending, each once. (For level 1 lists
/// the writer adds what the list names.)
[[nodiscard]] std::vector<object_id> objects_of(const payload& p);
/// An upper bound of what `o` adds to an encoded payload, in bytes.
[[nodiscard]] std::size_t size_of(const operation& o);

}  // namespace keyfold::workspace
