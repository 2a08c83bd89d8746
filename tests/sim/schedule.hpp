// What will happen, in the order of the run's time; of one instant in the order of being planned.
#pragma once

#include <algorithm>
#include <functional>
#include <queue>
#include <tuple>
#include <vector>

#include "tests/sim/trace.hpp"

namespace keyfold::sim {

class schedule {
 public:
  using action = std::function<void()>;

  [[nodiscard]] instant now() const { return now_; }
  /// `background`: what repeats for ever while nothing changes; nobody waits for its end.
  void at(instant when, action what, bool background = false);
  /// Nothing is left but what repeats for ever.
  [[nodiscard]] bool at_rest() const { return foreground_ == 0; }
  /// When the next action is due; the far future when there is none.
  [[nodiscard]] instant next() const;
  /// Does the next action. There must be one.
  void step();
  /// Nothing happens before `when` any more.
  void skip_to(instant when) { now_ = std::max(now_, when); }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

 private:
  struct planned {
    instant when;
    std::uint64_t number;
    bool background;
    action what;
  };
  struct later {
    bool operator()(const planned& a, const planned& b) const {
      return std::tie(a.when, a.number) > std::tie(b.when, b.number);
    }
  };
  std::priority_queue<planned, std::vector<planned>, later> queue_;
  instant now_{0};
  std::uint64_t planned_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t foreground_ = 0;
};

}  // namespace keyfold::sim
