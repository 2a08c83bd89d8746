// Bringing a relay forward that was restored from a backup: what a device gives it of its own
// records, until both hold the same.
//
//   answer of the relay (head, where it lacks) --next()--> records to put --> answer ...
//
// A pure core. Records beyond the relay's head go in order, as they are held here: a workspace's
// certificate without its body goes as a header, and whoever has the body brings it later.
#pragma once

#include "store/ledger/state.hpp"

namespace keyfold::ledger {

/// A replica lacks a body or attachment of that scope (nullopt: the organization's) at `first`, and
/// perhaps after it.
struct lack {
  std::optional<workspace_id> scope;
  ledger_seq first;
  bool operator==(const lack&) const = default;
};
/// Where `s` lacks bodies or attachments: the first position of each scope, at most `max` rows.
/// `incomplete` are the positions that are not complete().
[[nodiscard]] std::vector<lack> lacks_of(const state& s, const std::set<ledger_seq>& incomplete,
                                         std::size_t max);
/// True when the record at `seq`, which is held, has its body, and all that the body announces is
/// attached.
[[nodiscard]] bool complete(const state& s, ledger_seq seq);

/// How much goes in one put.
struct put_limits {
  std::size_t records = 500;
  std::size_t bytes = 3 * 1024 * 1024;
};

class forward {
 public:
  /// The records, encoded, that the relay gets next; none: it has all that could be brought from
  /// here. Nothing is given twice, unless the relay's head shows that it did not take it.
  [[nodiscard]] std::vector<bytes> next(const state& own, ledger_seq relay_head,
                                        std::span<const lack> lacking,
                                        const put_limits& limits = {});
  /// Another connection, or more is held here: everything may be given again.
  void begin_anew();

 private:
  std::optional<ledger_seq> tried_;  ///< the relay's head when records beyond it were given last
  std::map<std::optional<workspace_id>, ledger_seq> given_;  ///< of the scope, all before this one
};

}  // namespace keyfold::ledger
