#include "store/replica/fetch.hpp"

#include <algorithm>

namespace keyfold::replica {

fetch::queue_key fetch::key_of(const object_id& object, const want_state& want) {
  return {~want.urgency, want.since, object};
}

fetch::effects fetch::want(const object_id& object, std::size_t size, std::uint64_t urgency) {
  auto [found, fresh] = wanted_.try_emplace(object);
  auto& want = found->second;
  if (fresh) {
    want.size = size;
    want.since = next_since_++;
  } else if (want.unavailable) {
    want.unavailable = false;
    for (auto& [number, at] : replicas_) at.lacking.erase(object);
  } else if (urgency <= want.urgency) {
    return {};
  }
  queue_.erase(key_of(object, want));
  want.urgency = std::max(want.urgency, urgency);
  if (!want.asked && !want.unavailable) queue_.insert(key_of(object, want));
  return plan();
}

fetch::effects fetch::unwant(const object_id& object) {
  const auto found = wanted_.find(object);
  if (found == wanted_.end()) return {};
  queue_.erase(key_of(object, found->second));
  wanted_.erase(found);
  return plan();
}

fetch::effects fetch::replica_up(replica_number replica, rank where) {
  replicas_.try_emplace(replica).first->second.where = where;
  requeue_unavailable();
  return plan();
}

fetch::effects fetch::replica_down(replica_number replica) {
  const auto found = replicas_.find(replica);
  if (found == replicas_.end()) return {};
  while (!found->second.under_way.empty())
    settle(replica, object_id(found->second.under_way.begin()->first));
  replicas_.erase(found);
  return plan();
}

fetch::effects fetch::got(replica_number replica, const object_id& object, bool good) {
  const auto found = replicas_.find(replica);
  if (!good) {
    if (found != replicas_.end()) found->second.wrong.insert(object);
    return lacks(replica, object);
  }
  if (found != replicas_.end()) settle(replica, object);
  return unwant(object);
}

fetch::effects fetch::lacks(replica_number replica, const object_id& object) {
  const auto found = replicas_.find(replica);
  if (found == replicas_.end() || !found->second.under_way.contains(object)) return {};
  settle(replica, object);
  found->second.lacking.insert(object);
  return plan();
}

fetch::effects fetch::maybe_has(replica_number replica) {
  const auto found = replicas_.find(replica);
  if (found == replicas_.end()) return {};
  found->second.lacking.clear();
  requeue_unavailable();
  return plan();
}

/// The request is over: its window is free, and the object is to be asked for again.
void fetch::settle(replica_number replica, const object_id& object) {
  auto& at = replicas_.at(replica);
  const auto request = at.under_way.find(object);
  if (request == at.under_way.end()) return;
  at.bytes -= request->second;
  at.under_way.erase(request);
  const auto found = wanted_.find(object);
  if (found == wanted_.end() || found->second.asked != replica) return;
  found->second.asked.reset();
  queue_.insert(key_of(object, found->second));
}

/// The nearest replica that may have the object and has room, of those the one with the least under way; `lacking` says
/// that none has it at all.
std::optional<replica_number> fetch::choose(const object_id& object, std::size_t size,
                                            bool& lacking) const {
  std::optional<replica_number> best;
  std::pair<rank, std::size_t> least;
  lacking = true;
  for (const auto& [number, at] : replicas_) {
    if (at.lacking.contains(object) || at.wrong.contains(object)) continue;
    lacking = false;
    const bool room = at.under_way.size() < tuning_.requests &&
                      (at.bytes == 0 || at.bytes + size <= tuning_.window) &&
                      !at.under_way.contains(object);
    const std::pair load{at.where, at.bytes};
    if (!room || (best && load >= least)) continue;
    best = number;
    least = load;
  }
  return best;
}

bool fetch::is_unavailable(const object_id& object) const {
  const auto found = wanted_.find(object);
  return found != wanted_.end() && found->second.unavailable;
}

bool fetch::any_room() const {
  for (const auto& [number, at] : replicas_)
    if (at.under_way.size() < tuning_.requests && at.bytes < tuning_.window) return true;
  return false;
}

/// Something changed about who may have what: all are looked for again.
void fetch::requeue_unavailable() {
  for (auto& [object, want] : wanted_) {
    if (!want.unavailable) continue;
    want.unavailable = false;
    queue_.insert(key_of(object, want));
  }
}

fetch::effects fetch::plan() {
  effects out;
  std::size_t passed_over = 0;
  auto at = queue_.begin();
  while (at != queue_.end() && passed_over < tuning_.lookahead &&
         (replicas_.empty() || any_room())) {
    const auto object = std::get<object_id>(*at);
    auto& want = wanted_.at(object);
    bool lacking = false;
    const auto replica = choose(object, want.size, lacking);
    if (!replica && !lacking) {
      ++at;
      ++passed_over;
      continue;
    }
    at = queue_.erase(at);
    if (lacking) {
      want.unavailable = true;
      out.push_back(object_unavailable{object});
      continue;
    }
    want.asked = replica;
    auto& chosen = replicas_.at(*replica);
    chosen.under_way[object] = want.size;
    chosen.bytes += want.size;
    out.push_back(get_object{*replica, object});
  }
  return out;
}

}  // namespace keyfold::replica
