// A fence: the word of one who may take a user's right to write that the relay shall take nothing more of his
// for a while, so that a frontier can be made that covers everything (DESIGN 4.2).
//
//   fence := [1, organization, workspace, user, ledger seq, ledger hash]     signed by the device, context "fence"
//
// The ledger position is the relay's head when the fence is put up: so one of yesterday is worth nothing.
#pragma once

#include "store/ledger/state.hpp"

namespace keyfold::ledger {

struct fence {
  organization_id organization;
  workspace_id workspace;
  user_id user;
  position head;
};
[[nodiscard]] bytes sign_fence(const fence& f, const signing_key& device);

/// Whether `device` may put it up at the ledger's head: `errc::stale_head`, `errc::bad_signature`, or what the
/// rules say of one who takes that user's role, or revokes him.
[[nodiscard]] expected<void> check_fence(const state& s, const fence& f, device_id device,
                                         bytes_view signature);

}  // namespace keyfold::ledger
