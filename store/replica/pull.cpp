#include "store/replica/pull.hpp"

#include <algorithm>
#include <utility>

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
  return {subscribe{heads_to_tell(feeds_)}};
}

void pull::subscribed(std::vector<feed_head> frontier) {
  if (state_ != state::subscribing) return;
  state_ = state::streaming;
  remote_ = std::move(frontier);
}

pull::effects pull::received(const arrived& batch) {
  if (state_ != state::streaming) return {};
  if (batch.fresh) gap_ = asked_ledger_ = false;
  if (!batch.lacks_entries && !batch.lacks_records) return {};

  // Each remedy is tried once; if nothing came of it, the replica does not give what it names.
  auto& tried = batch.lacks_records ? asked_ledger_ : gap_;
  if (std::exchange(tried, true)) {
    state_ = state::distrusting;
    return {withheld{batch.lacks}};
  }
  if (!batch.lacks_records) return start_over();
  state_ = state::awaiting_ledger;
  return {pull_ledger{}};
}

pull::effects pull::ledger_pulled() {
  const bool waited = state_ == state::awaiting_ledger || state_ == state::distrusting;
  return waited ? start_over() : effects{};
}

pull::effects pull::ledger_advanced() {
  asked_ledger_ = false;
  return ledger_pulled();
}

std::vector<feed_head> pull::behind() const {
  std::vector<feed_head> out;
  std::copy_if(remote_.begin(), remote_.end(), std::back_inserter(out), [&](const auto& head) {
    return !feeds_.holds(head.hash) && !feeds_.is_invalid(head.hash);
  });
  return out;
}

}  // namespace keyfold::replica
