#include "store/replica/push.hpp"

#include <algorithm>

namespace keyfold::replica {

push::push(const feed::index& feeds, const feed::journal& journal, device_id own,
           size_lookup size_of, const push_tuning& tuning)
    : feeds_(feeds), journal_(journal), own_(own), size_of_(std::move(size_of)), tuning_(tuning) {}

push::effects push::connected(std::vector<feed_head> frontier) {
  disconnected();
  delivery_.emplace(std::move(frontier));
  effects out;
  // What a replica holds it got after the objects, so a head that it names is durable.
  if (const auto last = journal_.last_signed())
    if (const auto held = feeds_.find(last->hash); held && delivery_->knows(feeds_, last->hash))
      out.push_back(durable{held->order});
  auto next = step();
  out.insert(out.end(), next.begin(), next.end());
  return out;
}

void push::disconnected() {
  delivery_.reset();
  batch_.reset();
  objects_.clear();
  pending_needs_.clear();
  to_ask_.clear();
  to_put_.clear();
  queued_.clear();
  asked_.clear();
  under_way_.clear();
  put_bytes_ = 0;
  signing_ = pushing_ = stalled_ = idle_ = false;
}

push::effects push::changed() {
  return step();
}

push::effects push::upload_ahead(const std::vector<object_id>& objects) {
  if (!delivery_ || !tuning_.objects_first) return {};
  // Beyond that they go when their changes are looked at.
  if (objects_.size() + objects.size() > most_known()) return {};
  need(objects);
  return step();
}

void push::came_from_replica(const entry_hash& hash) {
  if (delivery_) delivery_->has(feeds_, hash);
}

push::effects push::have_answered(std::span<const object_id> lacking) {
  for (const auto& object : asked_) objects_[object] = object_state::acknowledged;
  asked_.clear();
  for (const auto& object : lacking) {
    const auto found = objects_.find(object);
    if (found == objects_.end()) continue;
    found->second = object_state::lacking;
    enqueue(object);
  }
  return step();
}

push::effects push::have_failed(const error& reason) {
  to_ask_.insert(to_ask_.begin(), asked_.begin(), asked_.end());
  asked_.clear();
  return stall(reason);
}

push::effects push::put_answered(const object_id& object) {
  const auto put = under_way_.find(object);
  if (put == under_way_.end()) return {};
  put_bytes_ -= put->second;
  under_way_.erase(put);
  if (const auto found = objects_.find(object); found != objects_.end())
    found->second = object_state::acknowledged;
  return step();
}

push::effects push::put_failed(const object_id& object, const error& reason) {
  const auto put = under_way_.find(object);
  if (put == under_way_.end()) return {};
  put_bytes_ -= put->second;
  under_way_.erase(put);
  if (queued_.insert(object).second) to_put_.push_front(object);
  return stall(reason);
}

push::effects push::sign_answered(const std::optional<error>& reason) {
  signing_ = false;
  return reason ? stall(*reason) : step();
}

push::effects push::push_answered(std::size_t accepted, std::span<const object_id> wanted) {
  if (!pushing_ || !batch_) return {};
  pushing_ = false;
  effects out;
  auto done = std::move(*batch_);
  batch_.reset();
  const auto& places = done.entries.places;
  accepted = std::min(accepted, places.size());
  for (std::size_t i = 0; i < accepted; ++i) delivery_->has(feeds_, places[i].hash);
  for (const auto& object : done.needed) objects_.erase(object);
  if (done.last_own && accepted == places.size()) out.push_back(durable{*done.last_own});
  if (accepted == 0) return stall({errc::unknown, "the replica took none of the entries"});
  auto next = this->wanted(wanted);
  out.insert(out.end(), next.begin(), next.end());
  return out;
}

push::effects push::wanted(std::span<const object_id> objects) {
  if (!delivery_) return {};
  for (const auto& object : objects)
    if (size_of_(object) && !under_way_.contains(object)) enqueue(object);
  return step();
}

void push::enqueue(const object_id& object) {
  if (queued_.insert(object).second) to_put_.push_back(object);
}

push::effects push::push_refused(const error& reason, std::span<const entry_hash> lacks) {
  if (!pushing_) return {};
  pushing_ = false;
  batch_.reset();
  bool can_help = reason.code == errc::lacks_entries && !lacks.empty();
  for (const auto& hash : lacks) can_help = delivery_->lacks(feeds_, hash) && can_help;
  return can_help ? step() : stall(reason);
}

push::effects push::ledger_advanced() {
  return retry();
}

push::effects push::retry() {
  stalled_ = false;
  return step();
}

push::effects push::stall(const error& reason) {
  if (!delivery_ || stalled_) return {};
  stalled_ = true;
  effects out;
  if (reason.code == errc::lacks_records || reason.code == errc::stale_head ||
      reason.code == errc::body_missing)
    out.push_back(sync_ledger{});
  out.push_back(stalled{reason});
  return out;
}

push::effects push::step() {
  effects out;
  if (!delivery_ || stalled_) return out;
  if (!batch_) load_batch();
  plan_needs();
  plan_question(out);
  plan_puts(out);
  plan_signing(out);
  plan_push(out);
  const bool busy = batch_ || signing_ || !asked_.empty() || !under_way_.empty();
  if (!busy && !idle_ && out.empty() && journal_.empty()) out.push_back(push_idle{});
  idle_ = !busy && journal_.empty();
  return out;
}

/// The next stored entries. Own ones need their objects there; who passes an entry on may lack
/// them.
void push::load_batch() {
  auto slice = delivery_->peek(feeds_, tuning_.batch_bytes);
  if (slice.entries.empty()) return;
  const auto count = std::min(slice.entries.size(), tuning_.batch_entries);
  slice.entries.resize(count);
  slice.places.resize(count);
  batch next;
  std::set<object_id> needed;
  for (const auto& place : slice.places) {
    if (place.device != own_) continue;
    if (const auto held = feeds_.find(place.hash)) next.last_own = held->order;
    if (!tuning_.objects_first) continue;
    const auto e = feeds_.find_entry(place.hash);
    const auto list = e ? feed::decode_needed(e->needed) : fail(errc::not_found);
    if (list) needed.insert(list->begin(), list->end());
  }
  next.entries = std::move(slice);
  next.needed = {needed.begin(), needed.end()};
  batch_ = std::move(next);
}

void push::need(const std::vector<object_id>& objects) {
  for (const auto& object : objects)
    if (objects_.try_emplace(object, object_state::asking).second) to_ask_.push_back(object);
}

bool push::all_acknowledged(const std::vector<object_id>& objects) const {
  return std::all_of(objects.begin(), objects.end(), [&](const auto& object) {
    const auto found = objects_.find(object);
    return found != objects_.end() && found->second == object_state::acknowledged;
  });
}

const std::vector<object_id>& push::needed_by(const feed::pending_entry& entry) {
  auto& known = pending_needs_[entry.number];
  if (known.operations != entry.operations) known = {entry.operations, journal_.needed(entry)};
  return known.objects;
}

/// Looks ahead for what has to be uploaded.
void push::plan_needs() {
  if (!tuning_.objects_first) return;
  if (batch_ && !pushing_) need(batch_->needed);
  std::size_t looked = 0;
  journal_.visit([&](const feed::pending_entry& entry) {
    if (looked == 0)
      pending_needs_.erase(pending_needs_.begin(), pending_needs_.lower_bound(entry.number));
    need(needed_by(entry));
    return ++looked < tuning_.lookahead && objects_.size() < most_known();
  });
}

void push::plan_question(effects& out) {
  if (!asked_.empty() || to_ask_.empty()) return;
  const auto count = std::min(to_ask_.size(), tuning_.have_batch);
  const auto end = to_ask_.begin() + static_cast<std::ptrdiff_t>(count);
  asked_.assign(to_ask_.begin(), end);
  to_ask_.erase(to_ask_.begin(), end);
  out.push_back(ask_have{asked_});
}

void push::plan_puts(effects& out) {
  while (!to_put_.empty()) {
    const auto object = to_put_.front();
    const auto size = size_of_(object);
    if (size && put_bytes_ != 0 && put_bytes_ + *size > tuning_.object_window) return;
    to_put_.pop_front();
    queued_.erase(object);
    if (under_way_.contains(object)) continue;
    const auto found = objects_.find(object);
    if (size) {
      under_way_[object] = *size;
      put_bytes_ += *size;
      if (found != objects_.end()) found->second = object_state::putting;
      out.push_back(put_object{object});
    } else if (found != objects_.end()) {
      found->second = object_state::acknowledged;
      out.push_back(object_missing{object});
    }
  }
}

/// Signs no more than one batch ahead, and only what may leave at once.
void push::plan_signing(effects& out) {
  if (signing_ || batch_) return;
  std::size_t count = 0;
  std::size_t bytes = 0;
  journal_.visit([&](const feed::pending_entry& entry) {
    if (tuning_.objects_first && !all_acknowledged(needed_by(entry))) return false;
    if (count > 0 && bytes + entry.size > tuning_.batch_bytes) return false;
    bytes += entry.size;
    return ++count < tuning_.lookahead;
  });
  if (count == 0) return;
  signing_ = true;
  out.push_back(sign_next{count});
}

void push::plan_push(effects& out) {
  if (pushing_ || !batch_ || !all_acknowledged(batch_->needed)) return;
  pushing_ = true;
  out.push_back(push_entries{batch_->entries.entries});
}

}  // namespace keyfold::replica
