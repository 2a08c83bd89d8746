// The bodies of all messages (the table of PROTOCOL.md): plain structs, each with its array's
// fields in order. `encode(body)` and `decode<body>(bytes)` come from fields.hpp; every decoder is
// strict. Records, certificates, entries and objects travel in the bulk frame; nothing here looks
// into them.
#pragma once

#include "net/fields.hpp"
#include "net/message.hpp"

namespace keyfold::net {

// Limits of single fields; all of them together are bounded by max_head_size.
inline constexpr std::size_t max_versions = 16;
inline constexpr std::size_t max_text = 1024;
inline constexpr std::size_t max_code = 64;
inline constexpr std::size_t max_statement = 512;
inline constexpr std::size_t max_key = 128;  ///< of a signature or public key with its algorithm
inline constexpr std::size_t max_detail = 200 * 1024;
inline constexpr std::size_t max_lacking_scopes = 1000;
inline constexpr std::size_t max_readable_scopes = 4000;
inline constexpr std::size_t max_certificate = 68 * 1024;  ///< without attachments
inline constexpr std::size_t max_frontier = 3000;          ///< heads in a subscribe
inline constexpr std::size_t max_object_ids = 7000;        ///< in one have, or wanted
inline constexpr std::size_t max_missing = 5500;           ///< entry hashes in one refusal
inline constexpr std::size_t max_cell_hashes = 1024;
inline constexpr std::size_t max_sealed_about = 2048;
inline constexpr std::size_t max_invitations = 100;
inline constexpr std::size_t max_conduit_payload = 64 * 1024;
inline constexpr std::size_t max_delivery = 4096;

/// The body of requests and answers that say nothing.
struct empty_body {
  static auto fields(auto&) { return layout(); }
  bool operator==(const empty_body&) const = default;
};

// 1 hello

enum class hello_mode : std::uint8_t { member = 0, guest = 1, creator = 2 };
template <>
struct enum_range<hello_mode> {
  static constexpr auto first = hello_mode::member, last = hello_mode::creator;
};

/// A place in the ledger: of the last record that the sender holds.
struct ledger_head {
  ledger_seq seq;
  certificate_hash hash;
  static auto fields(auto& self) { return layout(self.seq, self.hash); }
  bool operator==(const ledger_head&) const = default;
};

struct hello {
  static constexpr message_kind kind = message_kind::hello;
  std::vector<std::uint64_t> versions{protocol_version};
  organization_id organization;
  hello_mode mode = hello_mode::member;
  hash32 nonce;  ///< fresh random bytes; the answer's statement repeats them
  std::optional<ledger_head> head;
  static auto fields(auto& self) {
    return layout(at_most(self.versions, max_versions), self.organization, self.mode, self.nonce,
                  self.head);
  }
  bool operator==(const hello&) const = default;
};

/// The statement is opaque here: who knows the receipt key verifies it (client_session's verifier).
struct hello_answer {
  std::uint64_t version = protocol_version;
  bytes statement;
  bytes signature;
  std::optional<bytes> receipt_key;  ///< only for a creator, who needs it before genesis
  static auto fields(auto& self) {
    return layout(self.version, at_most(self.statement, max_statement),
                  at_most(self.signature, max_key), at_most(self.receipt_key, max_key));
  }
  bool operator==(const hello_answer&) const = default;
};

// 3 refused

struct refusal {
  static constexpr message_kind kind = message_kind::refused;
  std::string code;     ///< the text form of an errc
  std::string message;  ///< a sentence for a person
  std::optional<bytes> detail;
  static auto fields(auto& self) {
    return layout(at_most(self.code, max_code), at_most(self.message, max_text),
                  at_most(self.detail, max_detail));
  }
  /// The refusal that says `why`; texts are cut to their limits.
  [[nodiscard]] static refusal of(const error& why, std::optional<bytes> detail = {}) {
    return {std::string(to_string(why.code)).substr(0, max_code), why.message.substr(0, max_text),
            std::move(detail)};
  }
  [[nodiscard]] error to_error() const { return {errc_from_string(code), message}; }
  bool operator==(const refusal&) const = default;
};

/// The detail of `lacks_entries`.
struct missing_entries {
  std::vector<entry_hash> hashes;
  static auto fields(auto& self) { return layout(at_most(self.hashes, max_missing)); }
  bool operator==(const missing_entries&) const = default;
};

// 4 ping

struct ping : empty_body {
  static constexpr message_kind kind = message_kind::ping;
};

// 10 to 12 ledger

struct ledger_pull {
  static constexpr message_kind kind = message_kind::ledger_pull;
  ledger_seq from;
  std::optional<workspace_id> workspace;  ///< only this scope's records, with their bodies
  std::uint64_t max = 1000;
  static auto fields(auto& self) { return layout(self.from, self.workspace, self.max); }
  bool operator==(const ledger_pull&) const = default;
};
/// A body or attachment of that scope (nullopt: the organization's) is lacking at `first`.
struct ledger_lack {
  std::optional<workspace_id> scope;
  ledger_seq first;
  static auto fields(auto& self) { return layout(self.scope, self.first); }
  bool operator==(const ledger_lack&) const = default;
};
/// Of a pull, with the list of records as bulk when there are any; and of a put.
struct ledger_pull_answer {
  ledger_seq head;
  std::uint64_t count = 0;               ///< records given; or, of a put, taken
  std::vector<ledger_lack> lacking{};    ///< by who answers
  std::vector<workspace_id> readable{};  ///< by who asks; of a pull that ends with the head
  static auto fields(auto& self) {
    return layout(self.head, self.count, at_most(self.lacking, max_lacking_scopes),
                  at_most(self.readable, max_readable_scopes));
  }
  bool operator==(const ledger_pull_answer&) const = default;
};

/// Bulk: the certificate. The answer is empty_body; its bulk: the receipt.
struct ledger_append : empty_body {
  static constexpr message_kind kind = message_kind::ledger_append;
};

/// Bulk: the list of records that the replica lost. The answer is ledger_pull_answer.
struct ledger_put : empty_body {
  static constexpr message_kind kind = message_kind::ledger_put;
};

// 20, 21, 23 feeds

struct feed_position {
  device_id device;
  generation_id generation;
  feed_seq seq;
  entry_hash hash;
  static auto fields(auto& self) {
    return layout(self.device, self.generation, self.seq, self.hash);
  }
  bool operator==(const feed_position&) const = default;
};

/// Then events feed_advanced come for all that the frontier lacks.
struct subscribe {
  static constexpr message_kind kind = message_kind::subscribe;
  workspace_id workspace;
  std::vector<feed_position> frontier;
  static auto fields(auto& self) {
    return layout(self.workspace, at_most(self.frontier, max_frontier));
  }
  bool operator==(const subscribe&) const = default;
};

/// What the replica itself holds.
struct subscribe_answer {
  std::vector<feed_position> frontier;
  static auto fields(auto& self) { return layout(at_most(self.frontier, max_frontier)); }
  bool operator==(const subscribe_answer&) const = default;
};

/// The answer is empty_body; its bulk: the frontier attachment.
struct feed_heads {
  static constexpr message_kind kind = message_kind::feed_heads;
  workspace_id workspace;
  user_id user;
  static auto fields(auto& self) { return layout(self.workspace, self.user); }
  bool operator==(const feed_heads&) const = default;
};

/// As feed_heads; and nothing of that user is taken there for a while. `signature`: ledger/fence.hpp.
struct feed_fence {
  static constexpr message_kind kind = message_kind::feed_fence;
  workspace_id workspace;
  user_id user;
  ledger_head head;
  bytes signature;
  static auto fields(auto& self) {
    return layout(self.workspace, self.user, self.head, at_most(self.signature, max_key));
  }
  bool operator==(const feed_fence&) const = default;
};

/// Bulk: the list of entries.
struct feed_push {
  static constexpr message_kind kind = message_kind::feed_push;
  workspace_id workspace;
  std::optional<ledger_seq> last_dropped;  ///< the last `objects dropped` that the author knows
  static auto fields(auto& self) { return layout(self.workspace, self.last_dropped); }
  bool operator==(const feed_push&) const = default;
};
struct feed_push_answer {
  std::uint64_t accepted = 0;     ///< entries taken, from the front of the list
  std::vector<object_id> wanted;  ///< objects that they need and the replica lacks
  static auto fields(auto& self) {
    return layout(self.accepted, at_most(self.wanted, max_object_ids));
  }
  bool operator==(const feed_push_answer&) const = default;
};

// 30, 31, 32 objects

struct object_have {
  static constexpr message_kind kind = message_kind::object_have;
  workspace_id workspace;
  std::vector<object_id> objects;
  static auto fields(auto& self) {
    return layout(self.workspace, at_most(self.objects, max_object_ids));
  }
  bool operator==(const object_have&) const = default;
};
struct object_have_answer {
  std::vector<object_id> lacking;
  static auto fields(auto& self) { return layout(at_most(self.lacking, max_object_ids)); }
  bool operator==(const object_have_answer&) const = default;
};

/// Bulk: the object. The answer, empty_body, comes once it is durable.
struct object_put {
  static constexpr message_kind kind = message_kind::object_put;
  workspace_id workspace;
  object_id object;
  static auto fields(auto& self) { return layout(self.workspace, self.object); }
  bool operator==(const object_put&) const = default;
};

struct object_get {
  static constexpr message_kind kind = message_kind::object_get;
  workspace_id workspace;
  object_id object;
  std::uint64_t first_cell = 0;
  std::uint64_t cells = 0;  ///< 0: to the end
  static auto fields(auto& self) {
    return layout(self.workspace, self.object, self.first_cell, self.cells);
  }
  bool operator==(const object_get&) const = default;
};
/// Bulk: the cells.
struct object_get_answer {
  std::uint64_t size = 0;           ///< of the whole object, in bytes
  std::vector<hash32> cell_hashes;  ///< of all its cells, when a part was asked for; else none
  static auto fields(auto& self) {
    return layout(self.size, at_most(self.cell_hashes, max_cell_hashes));
  }
  bool operator==(const object_get_answer&) const = default;
};

// 40 to 44 events

/// The receipt of the new head.
struct ledger_advanced {
  static constexpr message_kind kind = message_kind::ledger_advanced;
  bytes statement;
  bytes signature;
  static auto fields(auto& self) {
    return layout(at_most(self.statement, max_statement), at_most(self.signature, max_key));
  }
  bool operator==(const ledger_advanced&) const = default;
};
/// Bulk: the list of entries.
struct feed_advanced {
  static constexpr message_kind kind = message_kind::feed_advanced;
  workspace_id workspace;
  static auto fields(auto& self) { return layout(self.workspace); }
  bool operator==(const feed_advanced&) const = default;
};
struct presence {
  static constexpr message_kind kind = message_kind::presence;
  device_id device;
  bool online = false;
  static auto fields(auto& self) { return layout(self.device, self.online); }
  bool operator==(const presence&) const = default;
};

enum class invitation_state : std::uint8_t {
  guest_absent = 1,
  guest_present = 2,
  finished = 3,
  cancelled = 4,
  expired = 5,
};
template <>
struct enum_range<invitation_state> {
  static constexpr auto first = invitation_state::guest_absent, last = invitation_state::expired;
};
struct invitation_changed {
  static constexpr message_kind kind = message_kind::invitation;
  invitation_token token;
  invitation_state state = invitation_state::guest_absent;
  static auto fields(auto& self) { return layout(self.token, self.state); }
  bool operator==(const invitation_changed&) const = default;
};

/// The replica has lost these, which entries of the workspace need: whoever has one puts it again.
struct objects_wanted {
  static constexpr message_kind kind = message_kind::objects_wanted;
  workspace_id workspace;
  std::vector<object_id> objects;
  static auto fields(auto& self) {
    return layout(self.workspace, at_most(self.objects, max_object_ids));
  }
  bool operator==(const objects_wanted&) const = default;
};

// 50 to 52 invitations

enum class invitation_kind : std::uint8_t { user = 1, device = 2 };
template <>
struct enum_range<invitation_kind> {
  static constexpr auto first = invitation_kind::user, last = invitation_kind::device;
};

struct invitation_create {
  static constexpr message_kind kind = message_kind::invitation_create;
  invitation_token token;
  invitation_kind what = invitation_kind::user;
  std::uint64_t expires = 0;  ///< ms since 1970
  epoch_number epoch;
  bytes sealed_about;
  static auto fields(auto& self) {
    return layout(self.token, self.what, self.expires, self.epoch,
                  at_most(self.sealed_about, max_sealed_about));
  }
  bool operator==(const invitation_create&) const = default;
};
struct invitation_list : empty_body {
  static constexpr message_kind kind = message_kind::invitation_list;
};
struct invitation_row {
  invitation_token token;
  invitation_kind what = invitation_kind::user;
  std::uint64_t expires = 0;
  epoch_number epoch;
  bytes sealed_about;
  bool guest_present = false;
  static auto fields(auto& self) {
    return layout(self.token, self.what, self.expires, self.epoch,
                  at_most(self.sealed_about, max_sealed_about), self.guest_present);
  }
  bool operator==(const invitation_row&) const = default;
};
struct invitation_list_answer {
  std::vector<invitation_row> rows;
  static auto fields(auto& self) { return layout(at_most(self.rows, max_invitations)); }
  bool operator==(const invitation_list_answer&) const = default;
};
struct invitation_cancel {
  static constexpr message_kind kind = message_kind::invitation_cancel;
  invitation_token token;
  static auto fields(auto& self) { return layout(self.token); }
  bool operator==(const invitation_cancel&) const = default;
};

// 53 to 56 conduits

enum class conduit_role : std::uint8_t { greeter = 1, guest = 2 };
template <>
struct enum_range<conduit_role> {
  static constexpr auto first = conduit_role::greeter, last = conduit_role::guest;
};

struct conduit_open {
  static constexpr message_kind kind = message_kind::conduit_open;
  invitation_token token;
  conduit_role role = conduit_role::greeter;
  static auto fields(auto& self) { return layout(self.token, self.role); }
  bool operator==(const conduit_open&) const = default;
};
struct conduit_open_answer {
  std::uint64_t attempt = 0;
  bool peer_present = false;
  static auto fields(auto& self) { return layout(self.attempt, self.peer_present); }
  bool operator==(const conduit_open_answer&) const = default;
};
struct conduit_send {
  static constexpr message_kind kind = message_kind::conduit_send;
  invitation_token token;
  std::uint64_t attempt = 0;
  bytes payload;
  static auto fields(auto& self) {
    return layout(self.token, self.attempt, at_most(self.payload, max_conduit_payload));
  }
  bool operator==(const conduit_send&) const = default;
};
struct conduit_close {
  static constexpr message_kind kind = message_kind::conduit_close;
  invitation_token token;
  std::uint64_t attempt = 0;
  std::string reason;
  static auto fields(auto& self) {
    return layout(self.token, self.attempt, at_most(self.reason, max_text));
  }
  bool operator==(const conduit_close&) const = default;
};

enum class conduit_news : std::uint8_t {
  peer_came = 1,
  peer_left = 2,
  message = 3,
  closed = 4,
  replaced = 5,   ///< a newer attempt of the same role took the place
  restarted = 6,  ///< `attempt` is the new one
};
template <>
struct enum_range<conduit_news> {
  static constexpr auto first = conduit_news::peer_came, last = conduit_news::restarted;
};
struct conduit_event {
  static constexpr message_kind kind = message_kind::conduit_event;
  invitation_token token;
  std::uint64_t attempt = 0;
  conduit_news what = conduit_news::peer_came;
  bytes payload;  ///< of a message; the reason's text of `closed`; else empty
  static auto fields(auto& self) {
    return layout(self.token, self.attempt, self.what, at_most(self.payload, max_conduit_payload));
  }
  bool operator==(const conduit_event&) const = default;
};

// 60, 61 deliver

/// A message for another device of the organization, sealed for it: the relay hands it on as it is, or refuses
/// it with `peer_absent`. The answer is empty_body.
struct deliver {
  static constexpr message_kind kind = message_kind::deliver;
  device_id to;
  bytes payload;
  static auto fields(auto& self) { return layout(self.to, at_most(self.payload, max_delivery)); }
  bool operator==(const deliver&) const = default;
};
/// `from` is the relay's word; who wrote the payload is told by what is in it.
struct delivered {
  static constexpr message_kind kind = message_kind::delivered;
  device_id from;
  bytes payload;
  static auto fields(auto& self) { return layout(self.from, at_most(self.payload, max_delivery)); }
  bool operator==(const delivered&) const = default;
};

// 70 organization create

/// Bulk: the genesis certificate. The answer is empty_body; its bulk: the receipt.
struct organization_create {
  static constexpr message_kind kind = message_kind::organization_create;
  std::string name;
  std::optional<std::string> creation_token;
  static auto fields(auto& self) {
    return layout(at_most(self.name, max_text), at_most(self.creation_token, max_text));
  }
  bool operator==(const organization_create&) const = default;
};

/// Bulk: the list of records that come next. For who moves an organization to this relay.
struct organization_adopt {
  static constexpr message_kind kind = message_kind::organization_adopt;
  organization_id organization;
  std::optional<std::string> creation_token;
  std::optional<bytes> relay_set;  ///< a certificate that is to get this relay's receipt
  static auto fields(auto& self) {
    return layout(self.organization, at_most(self.creation_token, max_text),
                  at_most(self.relay_set, max_certificate));
  }
  bool operator==(const organization_adopt&) const = default;
};
/// Bulk: the receipt, if one was asked for.
struct organization_adopt_answer {
  ledger_seq head;
  std::uint64_t count = 0;  ///< records taken
  bool whole = false;       ///< the organization is served here from now on
  static auto fields(auto& self) { return layout(self.head, self.count, self.whole); }
  bool operator==(const organization_adopt_answer&) const = default;
};

/// A request or event of the body's own kind; events have request id 0.
template <has_fields Body>
[[nodiscard]] message make_message(const Body& body, std::uint64_t request_id = 0,
                                   shared_bytes bulk = {}) {
  return {Body::kind, request_id, encode(body), std::move(bulk)};
}
/// The answer to the request `request_id`.
template <has_fields Body>
[[nodiscard]] message make_reply(std::uint64_t request_id, const Body& body,
                                 shared_bytes bulk = {}) {
  return {message_kind::reply, request_id, encode(body), std::move(bulk)};
}
[[nodiscard]] inline message make_refusal(std::uint64_t request_id, const refusal& why) {
  return make_message(why, request_id);
}

}  // namespace keyfold::net
