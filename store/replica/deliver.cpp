#include "store/replica/deliver.hpp"

#include <algorithm>
#include <functional>

namespace keyfold::replica {
namespace {

void refuse(taken& out, errc code, std::string message) {
  if (!out.refusal) out.refusal = error{code, std::move(message)};
}

}  // namespace

taken take(feed::index& feeds, const ledger::view& ledger, std::span<const feed::entry> entries) {
  taken out;
  for (const auto& e : entries) {
    auto done = feeds.add(e, ledger);
    ++out.tried;
    const auto& verdict = done.verdict;
    const bool waits = verdict.standing == feed::standing::waiting;
    if (waits) {
      out.lacks = verdict.missing;
      out.refusal.reset();
      refuse(out, verdict.needs_ledger ? errc::lacks_records : errc::lacks_entries,
             "what an entry builds on is not held here");
    } else if (verdict.standing == feed::standing::invalid) {
      refuse(out, verdict.reason, "an entry breaks a rule");
    } else {
      ++out.accepted;
      if (done.fresh) out.fresh.push_back(e.head());
    }
    out.results.push_back(std::move(done));
    if (waits) break;
  }
  return out;
}

std::vector<feed_head> heads_to_tell(const feed::index& feeds, std::size_t most) {
  auto out = feeds.frontier();
  if (out.size() <= most) return out;
  std::vector<std::pair<std::uint64_t, feed_head>> by_arrival;
  for (const auto& head : out)
    if (const auto held = feeds.find(head.hash)) by_arrival.emplace_back(held->arrival, head);
  std::sort(by_arrival.begin(), by_arrival.end(), std::greater<>());
  by_arrival.resize(std::min(most, by_arrival.size()));
  out.clear();
  for (const auto& [arrival, head] : by_arrival) out.push_back(head);
  std::sort(out.begin(), out.end());
  return out;
}

/// A new branch may be that of a head of the frontier that was not held when it was read, or leave
/// its past.
void delivery::refresh(const feed::index& feeds) {
  if (branches_ == feeds.branches()) return;
  branches_ = feeds.branches();
  cursor_ = 0;
  have_ = feeds.known_by(frontier_);
  for (const auto branch : doubted_) have_.erase(branch);
  for (const auto& [branch, known] : told_) {
    auto& at = have_[branch];
    at = std::max(at, known);
  }
}

feed::slice delivery::peek(const feed::index& feeds, std::size_t max_bytes) {
  refresh(feeds);
  return feeds.lacking(have_, cursor_, max_bytes);
}

feed::slice delivery::next(const feed::index& feeds, std::size_t max_bytes) {
  auto out = peek(feeds, max_bytes);
  for (const auto& place : out.places) has(feeds, place.hash);
  cursor_ = out.next;
  return out;
}

void delivery::has(const feed::index& feeds, const entry_hash& hash) {
  feeds.learn(told_, hash);
  feeds.learn(have_, hash);
}

bool delivery::knows(const feed::index& feeds, const entry_hash& hash) {
  refresh(feeds);
  const auto at = feeds.find_branch(hash);
  const auto known = at ? have_.find(at->first) : have_.end();
  return known != have_.end() && at->second.value < known->second;
}

bool delivery::lacks(const feed::index& feeds, const entry_hash& hash) {
  const auto at = feeds.find_branch(hash);
  if (!at) return false;
  const auto [branch, seq] = *at;
  auto& step = steps_[branch];
  const auto back = seq.value > step ? seq.value - step : 0;
  step = step == 0 ? 1 : step * 2;
  doubted_.insert(branch);
  told_[branch] = std::min(told_[branch], back);
  have_[branch] = back;
  cursor_ = 0;
  return true;
}

}  // namespace keyfold::replica
