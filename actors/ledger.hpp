// The ledger actor: the verified certificates of one organization, pulled from and appended at the
// relay.
#pragma once

#include "actors/interfaces.hpp"
#include "store/db/kv.hpp"
#include "store/incident/book.hpp"

namespace keyfold::actors {

struct ledger_options {
  std::shared_ptr<db::store> store;  ///< the device's database
  organization_id organization;
  user_id user;
  box_key user_key;
  std::shared_ptr<incident::book> incidents;  ///< for what is noticed; may be missing
};

/// Puts the first record, appended by the founder himself, into a device's database.
[[nodiscard]] expected<void> found_ledger(db::store& store, organization_id organization,
                                          const ledger::record& genesis);

/// The ledger as stored, before any actor runs. `errc::damaged` when it cannot be read.
[[nodiscard]] expected<ledger::state> load_ledger(db::store& store, organization_id organization);

/// Starts from `stored` (load_ledger). It runs on a thread of its own, since it writes to disk.
[[nodiscard]] ledger_actor spawn_ledger(caf::actor_system& system, ledger_options options,
                                        ledger::state stored, const link_actor& link,
                                        const ledger_owner& owner);

}  // namespace keyfold::actors
