// What somebody did wrong, with the signed statements that prove it (FORMATS 9).
//
//   report     := [1, kind, when (ms), organization, about: device|nil, from: device|nil, why: str, evidence]
//   evidence   := [0, workspace|nil, position|nil, user|nil, [entry hash*]]               a note: proves nothing
//               | [1, [statement, signature], [statement, signature], header: bin|nil]    of the relay
//               | [2, record: bin]                                                        a certificate and its receipt
//               | [3, entry, entry]                                                       of one place of a feed
//               | [4, entry, seen: bin, [header: bin*]]                                   an entry, and what it names
//   entry      := [header: bin, signature]
//
// Nothing in it is secret: no contents, no names, no keys; of certificates only bodies of the organization's scope.
#pragma once

#include <variant>

#include "store/feed/entry.hpp"
#include "store/ledger/incident.hpp"
#include "store/ledger/receipt.hpp"

namespace keyfold::incident {

using incident_id = fixed_bytes<struct incident_tag, 16>;

/// The numbers stand in files. Those below 32 come with evidence.
enum class kind : std::uint8_t {
  relay_forked = 1,     ///< the relay signed two certificates for one position
  relay_stepped_back,   ///< within one start it signed a lower head, or one counter twice
  relay_restored,       ///< a lower head after a start: a backup was restored. Convicts nobody
  certificate_refused,  ///< its author signed, and the relay receipted, what the rules forbid
  feed_forked,          ///< a device signed two entries for one position of its feed
  entry_invalid,        ///< a device signed an entry that breaks a rule
  ledger_mismatch,  ///< an entry names another certificate at a position than the relay's receipt:
                    ///< one of the two lies
  certificate_unsigned =
      32,            ///< receipted, but its author's signature is wrong (receipts do not cover it)
  entry_unsigned,    ///< brought, but its author's signature is wrong
  entries_withheld,  ///< the relay does not give entries that others name
  payload_damaged,   ///< an entry does not open under its key, or is no list of operations
  attachment_mismatch,  ///< from here on as ledger::incident_kind
  bad_frontier,
  row_does_not_open,
  key_mismatch,
  row_missing,
  earlier_mismatch,
  /// A device found entries of its own that it did not know: it comes from a backup, or a copy of it runs.
  device_restored = 48,
};
inline constexpr kind all_kinds[] = {
    kind::relay_forked,        kind::relay_stepped_back,   kind::relay_restored,
    kind::certificate_refused, kind::feed_forked,          kind::entry_invalid,
    kind::ledger_mismatch,     kind::certificate_unsigned, kind::entry_unsigned,
    kind::entries_withheld,    kind::payload_damaged,      kind::attachment_mismatch,
    kind::bad_frontier,        kind::row_does_not_open,    kind::key_mismatch,
    kind::row_missing,         kind::earlier_mismatch,     kind::device_restored};
[[nodiscard]] std::string_view to_string(kind k);
/// Somebody lied for certain.
[[nodiscard]] bool convicts(kind k);

/// What was noticed, where nobody's signature proves it.
struct note {
  std::optional<workspace_id> workspace;
  std::optional<ledger_seq> position;
  std::optional<user_id> user;
  std::vector<entry_hash> entries;  ///< at most max_noted
};
/// Two statements of the relay; the first was held when the second came.
struct relay_words {
  ledger::signed_statement first;
  ledger::signed_statement second;
  /// Where the second stands just above the first: the header of its certificate, which extends another one.
  std::optional<bytes> header;
};
/// Only headers and signatures of these are kept.
struct entry_pair {
  feed::entry first;
  feed::entry second;
};
/// Header, signature and `seen` of an entry, and the headers of all entries that it names.
struct broken_entry {
  feed::entry entry;
  std::vector<bytes> past;
};
using evidence = std::variant<note, relay_words, ledger::record, entry_pair, broken_entry>;

inline constexpr std::size_t max_noted = 64;
inline constexpr std::size_t max_past = 256;
inline constexpr std::size_t max_seen_size = 64 * 1024;
inline constexpr std::size_t max_evidence_size = 512 * 1024;
inline constexpr std::size_t max_record_size =
    ledger::max_body_size + 4096;  ///< without attachments

/// One incident, as it is kept.
struct report {
  kind what{};
  std::uint64_t when = 0;  ///< noticed, in ms since 1970, by this device's clock
  organization_id organization;
  std::optional<device_id> about;  ///< nullopt: the relay
  std::optional<device_id> from;   ///< who brought it; nullopt: the relay
  errc why = errc::unknown;        ///< the rule that was broken, where there is one
  evidence proof;
};

/// The same evidence has the same id, whenever and from whomever it came.
[[nodiscard]] incident_id id_of(const report& r);
/// A sentence for a person. It holds ids, no names.
[[nodiscard]] std::string message_of(const report& r);

[[nodiscard]] bytes encode_evidence(const evidence& e);
/// Limits and form; nothing is verified: `errc::too_large`, `errc::malformed`, `errc::unknown_version`.
[[nodiscard]] expected<evidence> decode_evidence(bytes_view data);
[[nodiscard]] bytes encode_report(const report& r);
[[nodiscard]] expected<report> decode_report(bytes_view data);
/// The kind of that number; `errc::unknown_kind` for one of a later version.
[[nodiscard]] expected<kind> kind_from(std::uint64_t number);

}  // namespace keyfold::incident
