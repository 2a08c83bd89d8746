// What the ledger actor is in a device: the verified ledger, pulled from the relay or another device; a relay brought
// forward that lost records; and statements that are made anew after a lost race (actors/ledger.cpp).
#pragma once

#include <deque>
#include <set>

#include "store/ledger/author.hpp"
#include "store/ledger/forward.hpp"
#include "store/ledger/log.hpp"
#include "tests/sim/network.hpp"

namespace keyfold::sim {

class device;

struct ledger_snapshot {
  ledger::state state;
  ledger::keyring keys;
};
using ledger_view = std::shared_ptr<const ledger_snapshot>;

/// Makes a certificate at the present head.
using statement = std::function<expected<ledger::certificate>(const ledger_snapshot&)>;

class ledger_shell {
 public:
  explicit ledger_shell(device& of);
  /// Folds what the database holds; `known` is the same, folded already.
  [[nodiscard]] expected<void> load(const std::shared_ptr<const ledger::state>& known);

  [[nodiscard]] const ledger_view& now() const { return current_; }
  /// Brings the ledger up to what is known at the other end, the relay's or a device's, and the relay's up to this one;
  /// `then` hears whether that went well. `greeted`: the relay has just greeted us.
  void refresh(
      link_number link, const std::function<void(bool)>& then = [](bool) {}, bool greeted = false);
  using done = std::function<void(const expected<void>&)>;
  void append(statement make, done then);

 private:
  struct queued {
    statement make;
    done then;
    int races_lost = 0;
  };
  /// One replica after the other is asked; who waits for it.
  struct pull {
    link_number link;
    std::vector<std::function<void(bool)>> waiting;
    bool greeted = false;      ///< the last record is compared too
    bool has_records = false;  ///< it has been asked for all after the head
    bool again = false;        ///< somebody came after that
    bool comparing = false;    ///< where two lines part
  };
  void begin_pull();
  void pull_records();
  void pull_bodies();
  void bring_forward();
  void request(sim::request what, const std::function<void()>& next);
  void failed(const error& why);
  [[nodiscard]] expected<void> take_all(const std::vector<bytes>& list);
  [[nodiscard]] expected<void> take(const ledger::record& r);
  [[nodiscard]] expected<void> publish();
  void report(const ledger::record& added) const;
  void end_pull(bool well);
  void append_first();
  void end_statement(const expected<void>& result);

  device& of_;
  db::transaction transaction_;
  db::prefixed part_;
  ledger::log log_;
  std::optional<ledger::state> state_;
  std::optional<ledger::keyring> keys_;
  ledger_view current_;
  std::deque<pull> pulls_;
  std::set<workspace_id> withheld_;
  std::set<workspace_id> readable_;
  sim::records said_;  ///< by the replica, of itself
  ledger::forward forward_;
  std::set<ledger_seq> refusals_told_;
  std::deque<queued> statements_;
};

}  // namespace keyfold::sim
