// The ledger on disk: one value per position, `u64 seq -> record`, written through a db::view of
// its own.
#pragma once

#include "store/db/kv.hpp"
#include "store/ledger/state.hpp"

namespace keyfold::ledger {

/// Thin: keeps records as they are held by a state. `below` must hold nothing else (use
/// db::prefixed) and outlive it.
class log {
 public:
  explicit log(db::view& below) : below_(below) {}

  /// Writes the record that `s` holds at `seq`: after each addition that advanced or filled.
  void put(const state& s, ledger_seq seq);
  /// The state of everything written; every record is verified anew. `errc::damaged` names the
  /// first position that cannot be read; nothing after it is believed.
  [[nodiscard]] expected<state> load(organization_id organization) const;
  /// The last position written.
  [[nodiscard]] std::optional<ledger_seq> last() const;

 private:
  db::view& below_;
};

/// Adds to the state and writes what changed. The caller commits.
[[nodiscard]] expected<addition> add(state& s, log& l, const record& r);

}  // namespace keyfold::ledger
