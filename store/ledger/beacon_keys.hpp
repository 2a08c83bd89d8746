// The groups by which a device finds its neighbours in a local network (PROTOCOL.md, Discovery): Administrators and
// Members have the directory in common, and an External with others a workspace.
//
//   group key := derive(directory key or workspace epoch key, "beacon")
#pragma once

#include "store/ledger/keyring.hpp"

namespace keyfold::ledger {

inline constexpr std::size_t max_beacon_groups =
    16;  ///< under which a device says that it is there
inline constexpr std::size_t max_accepted_groups = 64;  ///< under which it listens, two epochs each

struct beacon_keys {
  std::vector<symmetric_key> mine;  ///< of the epochs in force: one beacon for each
  std::vector<symmetric_key>
      accepted;  ///< those, and of the epochs before, for who has not heard of a rotation yet
};

/// The groups of the keyring's user: the directory unless he is an External, and so many workspaces in which Externals
/// are (or he is one) that each of those whom the directory does not join to him is in one of them. He listens in all
/// such workspaces, also those in which he is silent and the other is not. None of an unknown or revoked user; keys that
/// are not held are left out.
[[nodiscard]] beacon_keys beacon_keys_of(const state& s, const keyring& keys);

}  // namespace keyfold::ledger
