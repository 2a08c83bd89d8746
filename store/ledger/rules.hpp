// The rules of the ledger: one check per certificate kind, one errc per rule
// (DESIGN 4.2, 4.3, 4.5). Each looks at the header, the body and the folds before it, and at
// nothing else: attachments and keys that are bad are incidents (incident.hpp), never invalidity,
// since not everyone can check them.
#pragma once

#include "store/ledger/workspace.hpp"

namespace keyfold::ledger::rules {

/// Who signs: `errc::author_unknown` or `errc::author_revoked`. Not for genesis.
[[nodiscard]] expected<const user_record*> find_author(const organization_fold& org,
                                                       const header& h);

/// The scope fits the kind: `errc::wrong_scope`; genesis stands at 0 and nothing else does:
/// `errc::genesis_misplaced`.
[[nodiscard]] expected<void> check_scope(const header& h, const payload& what);

[[nodiscard]] expected<void> check(const header& h, const genesis& what);
[[nodiscard]] expected<void> check(const organization_fold& org, const user_record& author,
                                   const user_added& what);
[[nodiscard]] expected<void> check(const organization_fold& org, const user_record& author,
                                   const device_added& what);
[[nodiscard]] expected<void> check(const organization_fold& org, const user_record& author,
                                   const profile_changed& what);
[[nodiscard]] expected<void> check(const organization_fold& org, const user_record& author,
                                   const user_revoked& what);
[[nodiscard]] expected<void> check(const organization_fold& org, const user_record& author,
                                   const relay_set& what);
/// Of the directory.
[[nodiscard]] expected<void> check(const organization_fold& org, const user_record& author,
                                   const key_rotated& what);
// Of a workspace. `seq` is the certificate's position: the author's and target's profiles are those
// of before it.
[[nodiscard]] expected<void> check(const workspace_fold& workspace, const user_record& author,
                                   ledger_seq seq, const workspace_created& what);
[[nodiscard]] expected<void> check(const organization_fold& org, const workspace_fold& workspace,
                                   const user_record& author, ledger_seq seq,
                                   const role_changed& what);
[[nodiscard]] expected<void> check(const workspace_fold& workspace, const user_record& author,
                                   ledger_seq seq, const key_rotated& what);

/// Dispatches a body of organization scope. An unknown kind passes.
[[nodiscard]] expected<void> check_organization(const organization_fold& org, const header& h,
                                                const body& b);
/// Dispatches a body of workspace scope. An unknown kind passes.
[[nodiscard]] expected<void> check_workspace(const organization_fold& org,
                                             const workspace_fold& workspace, const header& h,
                                             const body& b);

/// Whether the author may take all of the user's rights in the workspace, by a role change at `seq` or by a revocation:
/// what these would be refused with.
[[nodiscard]] expected<void> check_taking(const organization_fold& org,
                                          const workspace_fold& workspace,
                                          const user_record& author, ledger_seq seq, user_id user);

/// Who may promote himself to Owner: no Owner is left, and no other remaining member who is not
/// External has a higher role (DESIGN 4.3).
[[nodiscard]] bool may_promote_himself(const organization_fold& org,
                                       const workspace_fold& workspace, user_id user,
                                       ledger_seq seq);

}  // namespace keyfold::ledger::rules
