#include "store/replica/pull.hpp"

#include <algorithm>

namespace keyfold::replica {

pull::effects pull::connected() {
  gap_ = asked_ledger_ = false;
  return start_over();
}

void pull::disconnected() {
  state_ = state::offline;
  remote_.clear();
}

pull::effects pull::start_over() {
  state_ = state::subscribing;
  return {subscribe{feeds_.frontier()}};
}

void pull::subscribed(std::vector<feed_head> frontier) {
  if (state_ != state::subscribing) return;
  state_ = state::streaming;
  remote_ = std::move(frontier);
}

pull::outcome pull::received(std::span<const feed::entry> entries, const ledger::view& ledger) {
  outcome out;
  if (state_ != state::streaming) return out;
  out.entries = take(feeds_, ledger, entries);
  const auto& taken = out.entries;
  if (!taken.fresh.empty()) gap_ = asked_ledger_ = false;
  const bool waits =
      !taken.results.empty() && taken.results.back().verdict.standing == feed::standing::waiting;
  if (!waits) return out;

  // Each remedy is tried once; if nothing came of it, the replica does not give what it names.
  auto& tried = taken.results.back().verdict.needs_ledger ? asked_ledger_ : gap_;
  if (tried) {
    state_ = state::distrusting;
    out.effects.push_back(withheld{taken.lacks});
  } else if (&tried == &asked_ledger_) {
    state_ = state::awaiting_ledger;
    out.effects.push_back(pull_ledger{});
  } else {
    out.effects = start_over();
  }
  tried = true;
  return out;
}

pull::effects pull::ledger_pulled() {
  const bool waited = state_ == state::awaiting_ledger || state_ == state::distrusting;
  return waited ? start_over() : effects{};
}

std::vector<feed_head> pull::behind() const {
  std::vector<feed_head> out;
  std::copy_if(remote_.begin(), remote_.end(), std::back_inserter(out), [&](const auto& head) {
    return !feeds_.holds(head.hash) && !feeds_.is_invalid(head.hash);
  });
  return out;
}

}  // namespace keyfold::replica
