// The relay's side of the ledger: what it lets stand after the head, and what it gives to whom
// (PROTOCOL, "Rights at the relay"). It holds all bodies and folds them with the same state as
// everybody.
#pragma once

#include <functional>

#include "store/ledger/state.hpp"

namespace keyfold::ledger {

/// Limits of the relay's own, so that nobody can make himself unrevokable: the frontiers of a user
/// must fit into one certificate. max_heads_of_user is over all workspaces; devices keep to it for
/// what they take of each other (store/replica/heads.hpp).
inline constexpr std::size_t max_heads_of_user = 2000;
inline constexpr std::size_t max_writable_workspaces = 1000;

/// The heads of all feeds of a user in a workspace that the relay has accepted.
using accepted_heads = std::function<std::vector<feed_head>(workspace_id, user_id)>;

/// Whether the relay takes `c` after its head: `errc::stale_head`, the rules' errors,
/// `errc::body_missing`, `errc::attachment_missing` or `errc::attachment_mismatch`; for a frontier
/// `errc::bad_frontier` (heads that are not signed by that user for that workspace) and
/// `errc::frontier_behind` (it does not cover what was accepted); `errc::too_many_workspaces`. For
/// genesis `s` is empty.
[[nodiscard]] expected<void> check_append(const state& s, const certificate& c,
                                          const accepted_heads& accepted);

/// Whether `user` may have the bodies of that scope now; everybody may have the organization's.
[[nodiscard]] bool may_have_bodies(const state& s, user_id user,
                                   const std::optional<workspace_id>& scope);
/// Positions that somebody new in the workspace needs: its own certificates, and the revocations
/// that name a frontier there. Ascending.
[[nodiscard]] std::vector<ledger_seq> positions_about(const state& s, workspace_id workspace);
/// The record at `seq` as `user` may have it: without body and attachments, or with those that are
/// his: who could read in the workspace until then, the removal included, gets the body. `seq` must be held.
[[nodiscard]] record strip_for(const state& s, ledger_seq seq, user_id user);

inline constexpr std::size_t max_pull_bytes = 3584 * 1024;  ///< a message has 4 MiB
inline constexpr std::size_t max_pull_records = 1000;
inline constexpr std::size_t max_readable_told = 4000;
/// What a replica answers to a pull.
struct pulled {
  ledger_seq head;             ///< its own
  std::vector<bytes> records;  ///< encoded, as the reader may have them
  /// With the head as last record: workspaces that the user may read, up to max_readable_told. He may have got a
  /// certificate that gives him a role without its body, while the replica had lost it.
  std::vector<workspace_id> readable{};
};
/// The records from `from` on, at most `max` of them, within these bounds; with a workspace those of its scope, and the
/// revocations about it: `errc::role_insufficient` for a user who never had a role there. Of a ledger
/// that is not empty.
[[nodiscard]] expected<pulled> pull_for(const state& s, user_id user, ledger_seq from,
                                        const std::optional<workspace_id>& workspace,
                                        std::size_t max);

}  // namespace keyfold::ledger
