// An incident as a file that convinces somebody who knows nothing but the organization's root key.
//
//   file := [body: bin, hash("incident-file", body)]
//   body := [1, kind, evidence, [record: bin*]]
//
// The records are the ledger from genesis up to what the evidence needs, so that receipt key and signing keys follow from
// the root key: without attachments, and without the bodies of workspaces, which are not for everybody. Whoever reads
// the file folds them anew, and judges the statements himself; he is told nothing that somebody signed not.
#pragma once

#include "store/incident/incident.hpp"
#include "store/ledger/state.hpp"

namespace keyfold::incident {

inline constexpr std::size_t max_proof_size = 64 * 1024 * 1024;

/// What a file proves.
struct judgement {
  report proven;  ///< `when` is 0, `from` empty: nobody signed these
  signing_public_key root;
  ledger::position ledger;          ///< the last record in the file
  bool relay = false;               ///< it is convicted
  std::optional<device_id> device;  ///< convicted
  bool one_of_both = false;         ///< relay or device, but nobody can tell which
};

/// Judges the file from its bytes alone. `errc::damaged` (its hash is wrong), `errc::too_large`, `errc::malformed`,
/// `errc::unknown_version`, `errc::unknown_kind`; what state::add() says of its records; `errc::bad_receipt` and
/// `errc::bad_signature` for statements that nobody signed; `errc::no_contradiction` when they prove nothing.
[[nodiscard]] expected<judgement> verify_proof(bytes_view file);

/// The file for a report. `errc::no_contradiction` when it would not convince anybody: a note, a restored relay, or a
/// rule that only who has the workspace's certificates can check. `errc::too_large` for a ledger that fits into no file.
[[nodiscard]] expected<bytes> make_proof(const report& r, const ledger::state& state);

}  // namespace keyfold::incident
