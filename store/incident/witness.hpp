// What a device remembers of the relay's word: every statement is held against the ledger, against the one before it,
// and once more when the ledger gets to its position. A pure core; callers verify signatures.
//
//   hello, or receipt in an event ──► heard() ──► contradictions
//                                       │ ahead of the ledger: kept
//   the ledger advanced ──────────► advanced() ──► contradictions
#pragma once

#include <deque>

#include "store/ledger/state.hpp"

namespace keyfold::incident {

/// So many statements ahead of the ledger are remembered; beyond, the oldest goes.
inline constexpr std::size_t max_ahead = 64;

class witness {
 public:
  using contradictions = std::vector<ledger::evidence>;
  /// A statement that the relay signed, just heard; of this organization.
  [[nodiscard]] contradictions heard(const ledger::state& ledger,
                                     const ledger::signed_statement& said);
  /// The ledger has more records than before.
  [[nodiscard]] contradictions advanced(const ledger::state& ledger);

 private:
  std::optional<ledger::signed_statement> last_;
  std::deque<ledger::signed_statement> ahead_;  ///< of positions that the ledger has not
};

}  // namespace keyfold::incident
