#include "store/db/kv.hpp"

#include <mutex>
#include <utility>

#include "store/db/keys.hpp"

namespace keyfold::db {
namespace {

using pair = std::pair<bytes, bytes>;

/// The first element of `map` after the pairs with `prefix` that are below `before`.
template <class Map>
auto bound_of(const Map& map, bytes_view prefix, bytes_view before) {
  const bytes limit = limit_of(prefix, before);
  return limit.empty() ? map.end() : map.lower_bound(limit);
}

/// A map behind a shared pointer: who scans keeps the map of that moment, who writes meanwhile
/// copies it.
class memory final : public store {
 public:
  expected<std::optional<bytes>> get(bytes_view key) const override {
    const std::lock_guard lock(mutex_);
    const auto at = pairs_->find(to_bytes(key));
    return at == pairs_->end() ? std::nullopt : std::optional(at->second);
  }

  expected<void> scan(bytes_view prefix, bytes_view from, const visitor& visit) const override {
    auto now = snapshot();
    for (auto at = now->lower_bound(start_of(prefix, from));
         at != now->end() && has_prefix(at->first, prefix); ++at)
      if (!visit(at->first, at->second)) break;
    const std::lock_guard lock(mutex_);  // write() asks for the number of holders under it
    now.reset();
    return {};
  }

  expected<std::optional<pair>> last(bytes_view prefix, bytes_view before) const override {
    const std::lock_guard lock(mutex_);
    auto at = bound_of(*pairs_, prefix, before);
    if (at == pairs_->begin() || !has_prefix((--at)->first, prefix)) return std::nullopt;
    return pair(*at);
  }

  expected<void> write(const batch& changes, bool) override {
    const std::lock_guard lock(mutex_);
    if (pairs_.use_count() > 1) pairs_ = std::make_shared<map>(*pairs_);
    for (const auto& [key, value] : changes) {
      if (value)
        pairs_->insert_or_assign(key, *value);
      else
        pairs_->erase(key);
    }
    return {};
  }

 private:
  using map = std::map<bytes, bytes>;
  std::shared_ptr<const map> snapshot() const {
    const std::lock_guard lock(mutex_);
    return pairs_;
  }
  mutable std::mutex mutex_;
  std::shared_ptr<map> pairs_ = std::make_shared<map>();
};

}  // namespace

std::unique_ptr<store> memory_store() {
  return std::make_unique<memory>();
}

template <class T>
T transaction::value_or_note(expected<T> result) const {
  if (result) return std::move(*result);
  if (!failure_) failure_ = std::move(result.error());
  return T{};
}

batch& transaction::own_changes() {
  if (changes_.use_count() > 1) changes_ = std::make_shared<batch>(*changes_);
  return *changes_;
}

std::optional<bytes> transaction::get(bytes_view key) const {
  if (const auto at = changes_->find(to_bytes(key)); at != changes_->end()) return at->second;
  return value_or_note(below_.get(key));
}

void transaction::put(bytes_view key, bytes_view value) {
  own_changes().insert_or_assign(to_bytes(key), to_bytes(value));
}

void transaction::erase(bytes_view key) {
  // What is not there needs no mark that it is gone: scans would have to step over these marks, one by one.
  if (value_or_note(below_.get(key)))
    own_changes().insert_or_assign(to_bytes(key), std::nullopt);
  else if (const auto at = changes_->find(to_bytes(key)); at != changes_->end())
    own_changes().erase(to_bytes(key));
}

void transaction::scan(bytes_view prefix, bytes_view from, const visitor& visit) const {
  const auto overlay = changes_;  // writes of `visit` go to a copy
  auto own = overlay->lower_bound(start_of(prefix, from));
  bool going = true;
  // Visits own pairs below `limit` (nullopt: all with the prefix).
  const auto visit_own = [&](std::optional<bytes_view> limit) {
    for (; going && own != overlay->end() && has_prefix(own->first, prefix); ++own) {
      if (limit && !key_below(own->first, *limit)) return;
      if (own->second) going = visit(own->first, *own->second);
    }
  };
  const auto result = below_.scan(prefix, from, [&](bytes_view key, bytes_view value) {
    visit_own(key);
    if (!going) return false;
    if (own == overlay->end() ||
        !std::equal(key.begin(), key.end(), own->first.begin(), own->first.end()))
      going = visit(key, value);
    return going;
  });
  if (result)
    visit_own(std::nullopt);
  else if (!failure_)
    failure_ = result.error();
}

std::optional<pair> transaction::last(bytes_view prefix, bytes_view before) const {
  // The last pair below that the overlay neither erases nor replaces, then the last of the overlay
  // above it.
  auto found = value_or_note(below_.last(prefix, before));
  while (found && changes_->contains(found->first)) {
    if (const auto& own = changes_->at(found->first)) {
      found->second = *own;
      break;
    }
    const bytes erased = std::move(found->first);
    found.reset();
    if (!erased.empty()) found = value_or_note(below_.last(prefix, erased));
  }
  for (auto at = bound_of(*changes_, prefix, before); at != changes_->begin();) {
    --at;
    if (!has_prefix(at->first, prefix) || (found && at->first <= found->first)) break;
    if (at->second) return pair(at->first, *at->second);
  }
  return found;
}

expected<void> transaction::commit(bool synced) {
  KEYFOLD_TRY(const auto changes, take());
  if (changes.empty()) return {};
  return below_.write(changes, synced);
}

expected<batch> transaction::take() {
  auto changes = std::move(own_changes());
  changes_ = std::make_shared<batch>();
  if (auto failure = std::exchange(failure_, std::nullopt))
    return tl::unexpected<error>(std::move(*failure));
  return changes;
}

void transaction::add(batch taken) {
  auto& changes = own_changes();
  for (auto& [key, value] : taken) changes.insert_or_assign(key, std::move(value));
}

void transaction::discard() {
  changes_ = std::make_shared<batch>();
  failure_.reset();
}

bytes prefixed::with_prefix(bytes_view key) const {
  bytes out = prefix_;
  append(out, key);
  return out;
}

std::optional<bytes> prefixed::get(bytes_view key) const {
  return below_.get(with_prefix(key));
}

void prefixed::put(bytes_view key, bytes_view value) {
  below_.put(with_prefix(key), value);
}

void prefixed::erase(bytes_view key) {
  below_.erase(with_prefix(key));
}

void prefixed::scan(bytes_view prefix, bytes_view from, const visitor& visit) const {
  below_.scan(with_prefix(prefix), with_prefix(from), [&](bytes_view key, bytes_view value) {
    return visit(key.subspan(prefix_.size()), value);
  });
}

std::optional<pair> prefixed::last(bytes_view prefix, bytes_view before) const {
  auto found = below_.last(with_prefix(prefix), before.empty() ? bytes{} : with_prefix(before));
  if (found)
    found->first.erase(found->first.begin(),
                       found->first.begin() + static_cast<std::ptrdiff_t>(prefix_.size()));
  return found;
}

}  // namespace keyfold::db
