// What lacks of the organization's own records: rows and earlier keys of the directory, which whoever passed a record on
// may have left out. (Of workspaces: state::first_lacking.)
#pragma once

#include "store/ledger/state.hpp"

namespace keyfold::ledger {

/// The first rotation of the directory's key that came without rows or earlier keys, though `user` may read the
/// directory: pull the organization's records from there on. nullopt: nothing lacks, or he may not.
[[nodiscard]] std::optional<ledger_seq> first_lacking_of_directory(const state& s, user_id user);

}  // namespace keyfold::ledger
