// A table at which a greeter and a guest meet in tests: a relay's conduit between them, a ledger,
// two people who talk, disks that survive a crash, and a clock.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "store/invitation/greeter.hpp"
#include "store/invitation/guest.hpp"
#include "store/invitation/link.hpp"

namespace keyfold::invitation::tests {

/// Everything that one side did, and what its disk holds.
struct seat {
  std::unique_ptr<side> machine;
  std::deque<effect> effects;
  bool here = false;  ///< has the conduit open
  progress stored;
  std::optional<guest_keys> keys;
  std::optional<admission> admitted;  ///< guest: stored
  std::optional<sas_code> told;
  std::optional<out::show_choose> choosing;
  std::vector<reason> ended;
  std::vector<error> refusals;
  std::optional<out::done> done;
  std::optional<out::failed> failed;
  unsigned reveals = 0;  ///< sent, in all runs
};

class table {
 public:
  explicit table(kind k = kind::user, std::uint64_t seed = 1);

  table(const table&) = delete;
  table& operator=(const table&) = delete;

  // What a test may change before or while it runs.
  terms greeter_terms;
  terms guest_terms;
  bool restart_after_wrong_code = false;
  std::optional<timestamp> expires;
  std::function<std::optional<sas_code>(party, const out::show_choose&)> pick;
  in::confirmed answer{0, true, {}, {}, {}};
  /// Sees each payload on its way, and may change or drop it (empty).
  std::function<bytes(party from, bytes payload)> relay = [](party, bytes p) { return p; };
  /// Called before each effect is carried out; false crashes that side there.
  std::function<bool(party, const effect&)> before = [](party, const effect&) { return true; };
  bool hold_append = false;  ///< the ledger does not answer
  bool refuse_append = false;

  void sit(party who);    ///< a new run of that side, with what its disk holds
  void leave(party who);  ///< killed: nothing is sent any more
  /// Runs until nothing moves.
  void run();
  /// Lets the time pass until the next time limit of either side; false when there is none.
  bool pass_time();
  void give(party who, const input& event);
  void append_now();  ///< answers a held append

  seat& at(party who) { return seats[who]; }
  std::map<party, seat> seats;
  std::vector<std::pair<claimed_keys, admission>> ledger;
  std::vector<append_request> appended;
  std::vector<bytes> wire;  ///< every payload that the relay saw
  std::uint64_t attempt = 0;
  timestamp now{1'000'000};
  std::unique_ptr<random_source> random;
  box_key user_key;  ///< of the greeter
  signing_key root;
  bool invitation_closed = false;

 private:
  static party other(party who) { return who == party::greeter ? party::guest : party::greeter; }
  void carry_out(party who, const effect& e);
  void answer_look_up(const out::look_up& question);
  bool people_act();
  std::optional<append_request> held_;
};

}  // namespace keyfold::invitation::tests
