// The envelope of everything that travels on a link (PROTOCOL.md).
//
//   message := frame 1, frame 2?
//   frame 1 := [1, kind, request id, body]      at most 256 KiB; body is an array, see bodies.hpp
//   frame 2 := raw bytes ("bulk")               never empty; only with kinds that are marked so
#pragma once

#include <span>
#include <string_view>

#include "crypto/codec.hpp"
#include "crypto/shared_bytes.hpp"

namespace keyfold::net {

/// The kinds of PROTOCOL.md, numbers as on the wire.
enum class message_kind : std::uint8_t {
  hello = 1,
  reply = 2,
  refused = 3,
  ping = 4,
  ledger_pull = 10,
  ledger_append = 11,
  ledger_put = 12,
  subscribe = 20,
  feed_heads = 21,
  feed_fence = 22,
  feed_push = 23,
  object_have = 30,
  object_put = 31,
  object_get = 32,
  ledger_advanced = 40,
  feed_advanced = 41,
  presence = 42,
  invitation = 43,
  objects_wanted = 44,
  invitation_create = 50,
  invitation_list = 51,
  invitation_cancel = 52,
  conduit_open = 53,
  conduit_send = 54,
  conduit_close = 55,
  conduit_event = 56,
  deliver = 60,
  delivered = 61,
  organization_create = 70,
  organization_adopt = 71,
};

/// What a kind is for: a request has an id above 0 and gets exactly one answer with the same id. A
/// `refused` with id 0 ends the session, and says why.
enum class message_role : std::uint8_t { request, answer, event };
enum class bulk_rule : std::uint8_t { none, required, optional };

struct kind_facts {
  message_kind kind;
  message_role role;
  bulk_rule bulk;
  std::string_view name;
};
/// The facts of a kind; nullptr for a number that this version does not know.
[[nodiscard]] const kind_facts* find_kind(std::uint64_t number);
/// The facts of a kind that find_kind() knows.
[[nodiscard]] const kind_facts& facts(message_kind kind);

inline constexpr std::uint64_t protocol_version = 1;
inline constexpr std::size_t max_head_size = 256 * 1024;
/// 4 MiB, and room for the seals of an object that holds one chunk of 4 MiB.
inline constexpr std::size_t max_bulk_size = 4 * 1024 * 1024 + 64 * 1024;

/// One message. Its bytes are shared and const: a copy is cheap, and a received message keeps its
/// frames alive (and charged to its sender, see transport.hpp) until the last copy is gone.
struct message {
  message_kind kind = message_kind::ping;
  std::uint64_t request_id = 0;
  shared_bytes body;  ///< an encoded array
  shared_bytes bulk;  ///< empty when there is none

  [[nodiscard]] std::size_t size() const { return body.size() + bulk.size(); }
  bool operator==(const message&) const = default;
};

/// Frame 1 of a message; frame 2 is its bulk as it is.
[[nodiscard]] bytes encode_head(const message& m);
/// Checks what a sender of ours must keep to: sizes, request id, bulk. `errc::too_large` or
/// `malformed`.
[[nodiscard]] expected<void> check_message(const message& m);
/// The message of these frames; body and bulk are shares of them. `errc::too_large` before anything
/// is decoded, `unknown_version`, `unknown_message`, `trailing_bytes`, or `malformed`. The body is
/// only known to be one well-formed array.
[[nodiscard]] expected<message> decode_message(const shared_bytes& head, const shared_bytes& bulk);

/// A bulk list := an array whose elements are already encoded values (records, entries).
[[nodiscard]] bytes encode_list(std::span<const bytes_view> elements);
[[nodiscard]] bytes encode_list(std::span<const bytes> elements);
/// The encoded elements, as views on `list`. At most `max` of them.
[[nodiscard]] expected<std::vector<bytes_view>> decode_list(bytes_view list,
                                                            std::size_t max = 10'000);

}  // namespace keyfold::net
