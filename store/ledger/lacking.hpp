// What lacks of the organization's own records: rows and earlier keys of the directory, which whoever passed a record on
// may have left out. (Of workspaces: state::first_lacking.)
#pragma once

#include "store/ledger/state.hpp"

namespace keyfold::ledger {

/// The first rotation of the directory's key that came without rows or earlier keys, though `user` may read the
/// directory: pull the organization's records from there on. nullopt: nothing lacks, or he may not.
[[nodiscard]] std::optional<ledger_seq> first_lacking_of_directory(const state& s, user_id user);

/// Where to go on, once records that were pulled from `from` on have been added. `errc::malformed` when that is no
/// further: a relay that does not give its records in order could be asked for ever.
[[nodiscard]] expected<ledger_seq> next_pull(const state& s, ledger_seq from);

}  // namespace keyfold::ledger
