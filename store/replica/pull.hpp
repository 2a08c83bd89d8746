// Pulling one workspace from one replica: subscribe with the own frontier, take what comes, notice
// gaps.
//
//   offline → subscribing → streaming ──(an entry before is missing)──→ subscribing, once; then:
//   withheld
//                               └──(a record is missing)──→ waiting for the ledger → subscribing
//
// A pure core over the index. Its caller takes the entries and applies them, in one transaction.
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
/// The replica names what it does not give: these entries are missing (or records, when the list is empty), and
/// asking again did not help. It is believed no further until the ledger advances or it is connected anew.
struct withheld {
  std::vector<entry_hash> entries;
};
using pull_effect = std::variant<subscribe, pull_ledger, withheld>;

/// What became of a batch of entries that the replica sent.
struct arrived {
  bool fresh = false;          ///< some were taken that were not held
  bool lacks_entries = false;  ///< some wait for others before them,
  bool lacks_records = false;  ///< or for a record, body, frontier or key
  std::vector<entry_hash> lacks = {};
};

class pull {
 public:
  explicit pull(const feed::index& feeds) : feeds_(feeds) {}

  using effects = std::vector<pull_effect>;
  /// Connected; or to ask anew what the replica holds.
  [[nodiscard]] effects connected();
  void disconnected();
  /// The replica took the subscription, and holds `frontier` itself.
  void subscribed(std::vector<feed_head> frontier);
  /// True while entries of the replica are to be taken; at other times they are to be thrown away.
  [[nodiscard]] bool streaming() const { return state_ == state::streaming; }
  /// Entries were taken, as far as could be.
  [[nodiscard]] effects received(const arrived& batch);
  /// The ledger was pulled as far as the replica has it.
  [[nodiscard]] effects ledger_pulled();
  /// The ledger has more than before, perhaps as a part of what is being pulled: what still lacks may come yet.
  [[nodiscard]] effects ledger_advanced();

  /// Heads that the replica said it holds and that are not held here yet: what sync still waits for.
  [[nodiscard]] std::vector<feed_head> behind() const;

 private:
  enum class state { offline, subscribing, streaming, awaiting_ledger, distrusting };
  effects start_over();

  const feed::index& feeds_;
  state state_ = state::offline;
  bool gap_ = false;           ///< a gap was met, and subscribing again has brought nothing yet
  bool asked_ledger_ = false;  ///< the same with the ledger
  std::vector<feed_head> remote_;
};

}  // namespace keyfold::replica
