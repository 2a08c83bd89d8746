// A damaged database of a device: set aside, and a new one built.
//
//   damaged ──set_aside──► damaged-<time>/db          nothing is deleted
//                              │ at the next opening: a repaired copy is searched
//                              ▼
//   new database: mirror settings, small objects, unsent changes;  objects' files are taken in again
//                              │ ledger and feeds come from the relay, the own feed too
//                              ▼
//   each workspace, once it has all that the relay holds: unsent changes go into its journal (in a new generation of
//   the feed), and its mirror is joined again: base is lost, so edits on disk stay as they are, or beside others
//
// What a repair makes of a database is not gone on with: it may lack pairs, and have erased ones.
#pragma once

#include <map>

#include "crypto/ids.hpp"
#include "store/db/kv.hpp"
#include "store/object/store.hpp"

namespace keyfold::actors {

/// Moves the database of the device in `folder` to `damaged-<time>`; gives that path. The next opening builds another.
/// Nobody may have it open. `errc::not_found` when there is none.
[[nodiscard]] expected<std::string> set_aside_database(const std::string& folder,
                                                       std::chrono::milliseconds now);

/// What is known of a rebuilding; lies in the new database.
struct rebuilding {
  std::string from;           ///< the folder of what was set aside
  std::uint64_t changes = 0;  ///< unsent ones that were saved
  std::string trouble;        ///< why nothing could be saved; else empty
};
/// nullopt: this database was never rebuilt.
[[nodiscard]] std::optional<rebuilding> find_rebuilding(const db::store& store);

/// Takes over what can be had of databases in `folder` that were set aside and not searched yet. A search in vain is
/// no failure; one of the new database is.
[[nodiscard]] expected<void> save_from_damaged(const std::string& folder,
                                               const symmetric_key& local_key, db::store& into,
                                               object::store& objects);

/// Another line of the ledger than the one held, which a person has chosen (LEDGER, "Two lines").
struct chosen_line {
  std::vector<bytes> ledger;    ///< its records, from genesis on
  std::vector<bytes> given_up;  ///< those that stood here instead of some of them
  /// By workspace: what own entries of the line that is given up say (workspace::engine::changes_since).
  std::map<workspace_id, std::vector<bytes>> changes;
};
/// Writes the choice into the database that is in use. Once that is set aside, the next one begins with the chosen
/// line, and the changes are journalled as unsent ones are. An opening without setting aside forgets the choice.
[[nodiscard]] expected<void> note_chosen_line(db::store& store, const chosen_line& line);
[[nodiscard]] expected<void> forget_chosen_line(db::store& store);
/// Records that were given up for another line: kept, and used for nothing.
[[nodiscard]] std::vector<bytes> given_up(const db::store& store);

/// True until finish_rebuilding(): the workspace's past is not back yet.
[[nodiscard]] bool is_rebuilding(const db::store& store, const workspace_id& workspace);
/// The changes saved for the workspace, for workspace::engine::restore().
[[nodiscard]] std::vector<bytes> saved_changes(const db::view& store,
                                               const workspace_id& workspace);
/// To be committed together with what was made of the changes.
void finish_rebuilding(db::view& store, const workspace_id& workspace);

}  // namespace keyfold::actors
