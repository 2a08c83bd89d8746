#include "tests/sim/schedule.hpp"

namespace keyfold::sim {

void schedule::at(instant when, action what, bool background) {
  queue_.push({std::max(when, now_), planned_++, background, std::move(what)});
  if (!background) ++foreground_;
}

instant schedule::next() const {
  return queue_.empty() ? instant::max() : queue_.top().when;
}

void schedule::step() {
  // The queue gives out const references only; the action is taken, and the rest thrown away at once.
  auto due = std::move(
      const_cast<planned&>(queue_.top()));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  queue_.pop();
  now_ = due.when;
  if (!due.background) --foreground_;
  ++steps_;
  due.what();
}

}  // namespace keyfold::sim
