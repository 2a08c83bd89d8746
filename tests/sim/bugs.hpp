// Rules broken on purpose, to show that the oracle can fail. They are planted in the simulator's shells and at the seams of
// the cores (views, random sources), never in what ships.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace keyfold::sim {

enum class bug : std::uint8_t {
  none,
  acknowledges_unsaved,  ///< a device tells its user that a change is saved, and commits later
  signs_unsynced,        ///< what was signed leaves before it is synced
  push_untold,           ///< push does not hear of changes
  cut_dropped,           ///< a device's ledger view knows no removals
  segment_left_open,     ///< remote entries are applied without closing the journal's segment
  rows_lost,             ///< the database loses a row of the tree now and then
  older_content_wins,    ///< a version's id is used again, so that the older content stands
  deletes_unseen,        ///< what the user has not seen is deleted as well
  relay_commits_late,    ///< the relay answers before it has committed
  objects_never_put,     ///< a device takes every object as held by the relay
  object_unchecked,      ///< fetched bytes are not held against the object's id
  position_frozen,       ///< a device's ledger view stands still for what it signs
  entry_skipped,         ///< a device takes an entry as held that it lost
  removed_are_served,    ///< a device gives entries to one who may not read any more
  count_
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(bug::count_)> bug_names = {
    "none",
    "acknowledges-unsaved",
    "signs-unsynced",
    "push-untold",
    "cut-dropped",
    "segment-left-open",
    "rows-lost",
    "older-content-wins",
    "deletes-unseen",
    "relay-commits-late",
    "objects-never-put",
    "object-unchecked",
    "position-frozen",
    "entry-skipped",
    "removed-are-served"};

}  // namespace keyfold::sim
