// What a device answers to another device that asks it as a replica (PROTOCOL, "Between devices"): rights, and what
// became of entries that were pushed. Pure; the workspace actor is the shell.
#pragma once

#include "store/ledger/state.hpp"
#include "store/replica/deliver.hpp"

namespace keyfold::replica {

/// Whether a device of `user` may have what is in the workspace, as the ledger says now:
/// `errc::workspace_unknown`, `errc::user_is_revoked`, `errc::role_insufficient`.
[[nodiscard]] expected<void> check_reader(const ledger::state& s, workspace_id workspace,
                                          user_id user);

/// The answer to a push.
struct push_answer {
  std::size_t accepted = 0;       ///< entries held now, from the front
  std::optional<error> refusal;   ///< when the first is not held
  std::vector<entry_hash> lacks;  ///< with `errc::lacks_entries`
};
/// What was pushed has been taken as far as could be: `verdicts` are those of `entries`, in their order, up to the first
/// that head_counts::admit() kept out; `lacks` what has to come first; `lacks_keys` that some are under keys which are
/// not held yet.
[[nodiscard]] push_answer answer_push(const feed::index& feeds,
                                      std::span<const feed::entry> entries,
                                      std::span<const feed::verdict> verdicts,
                                      std::vector<entry_hash> lacks, bool lacks_keys);

}  // namespace keyfold::replica
