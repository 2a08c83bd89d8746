// Pulling one workspace from one replica: subscribe with the own frontier, take what comes, notice
// gaps.
//
//   offline → subscribing → streaming ──(an entry before is missing)──→ subscribing, once; then:
//   withheld
//                               └──(a record is missing)──→ waiting for the ledger → subscribing
//
// A pure core over the index. Its caller applies what was taken, in the same transaction.
#pragma once

#include <variant>

#include "store/replica/deliver.hpp"

namespace keyfold::replica {

/// Send subscribe with this frontier; answered by subscribed(). Entries on the way are void.
struct subscribe {
  std::vector<feed_head> frontier;
};
/// Pull the ledger; answered by ledger_pulled().
struct pull_ledger {};
/// The replica names what it does not give: these entries (or records, when empty) are missing, and
/// asking again did not help. It is believed no further on this connection until the ledger
/// advances.
struct withheld {
  std::vector<entry_hash> entries;
};
using pull_effect = std::variant<subscribe, pull_ledger, withheld>;

class pull {
 public:
  explicit pull(feed::index& feeds) : feeds_(feeds) {}

  using effects = std::vector<pull_effect>;
  struct outcome {
    taken entries;  ///< what to apply, report or keep as evidence
    pull::effects effects;
  };

  [[nodiscard]] effects connected();
  void disconnected();
  /// The replica took the subscription, and holds `frontier` itself.
  void subscribed(std::vector<feed_head> frontier);
  [[nodiscard]] outcome received(std::span<const feed::entry> entries, const ledger::view& ledger);
  /// The ledger was pulled, or advanced otherwise.
  [[nodiscard]] effects ledger_pulled();

  /// Heads that the replica said it holds and that are not held here yet: what sync still waits
  /// for.
  [[nodiscard]] std::vector<feed_head> behind() const;
  [[nodiscard]] bool streaming() const { return state_ == state::streaming; }

 private:
  enum class state { offline, subscribing, streaming, awaiting_ledger, distrusting };
  effects start_over();

  feed::index& feeds_;
  state state_ = state::offline;
  bool gap_ = false;           ///< a gap was met, and subscribing again has brought nothing yet
  bool asked_ledger_ = false;  ///< the same with the ledger
  std::vector<feed_head> remote_;
};

}  // namespace keyfold::replica
