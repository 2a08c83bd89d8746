#include "tests/sim/disk.hpp"

#include "store/db/keys.hpp"

namespace keyfold::sim {
namespace {

expected<void> check_write(const disk_health& health) {
  if (health.full) return fail(errc::disk_full, "the simulated disk is full");
  if (health.fails) return fail(errc::io_failed, "the simulated disk fails");
  return {};
}

}  // namespace

expected<void> disk::check_read() const {
  ++reads_;
  if (health.bad_reads != 0 && reads_ % health.bad_reads == 0)
    return fail(errc::io_failed, "the simulated disk cannot be read");
  return {};
}

expected<std::optional<bytes>> disk::get(bytes_view key) const {
  KEYFOLD_CHECK(check_read());
  const auto at = pairs_.find(to_bytes(key));
  return at == pairs_.end() ? std::nullopt : std::optional(at->second);
}

expected<void> disk::scan(bytes_view prefix, bytes_view from, const db::visitor& visit) const {
  KEYFOLD_CHECK(check_read());
  for (auto at = pairs_.lower_bound(db::start_of(prefix, from));
       at != pairs_.end() && db::has_prefix(at->first, prefix); ++at)
    if (!visit(at->first, at->second)) break;
  return {};
}

expected<std::optional<std::pair<bytes, bytes>>> disk::last(bytes_view prefix,
                                                            bytes_view before) const {
  KEYFOLD_CHECK(check_read());
  const auto limit = db::limit_of(prefix, before);
  auto at = limit.empty() ? pairs_.end() : pairs_.lower_bound(limit);
  if (at == pairs_.begin() || !db::has_prefix((--at)->first, prefix)) return std::nullopt;
  return std::pair<bytes, bytes>(*at);
}

expected<void> disk::write(const db::batch& changes, bool synced) {
  effect_();
  KEYFOLD_CHECK(check_write(health));
  db::batch before;
  for (const auto& [key, value] : changes) {
    const auto at = pairs_.find(key);
    if (!synced) before[key] = at == pairs_.end() ? std::nullopt : std::optional(at->second);
    if (value)
      pairs_.insert_or_assign(key, *value);
    else if (at != pairs_.end())
      pairs_.erase(at);
  }
  if (synced)
    undo_.clear();
  else
    undo_.push_back(std::move(before));
  effect_();
  return {};
}

void disk::lose_power(std::uint64_t kept) {
  kept %= undo_.size() + 1;
  while (undo_.size() > kept) {
    for (auto& [key, value] : undo_.back()) {
      if (value)
        pairs_.insert_or_assign(key, std::move(*value));
      else
        pairs_.erase(key);
    }
    undo_.pop_back();
  }
  undo_.clear();
}

void disk::restore(pairs contents) {
  pairs_ = std::move(contents);
  undo_.clear();
}

object_files::shared object_files::get(const object_id& id) const {
  const auto at = files_.find(id);
  return at == files_.end() ? nullptr : at->second;
}

expected<void> object_files::put(const object_id& id, shared data) {
  KEYFOLD_CHECK(check_write(*health));
  if (files_.insert_or_assign(id, std::move(data)).second) unsynced_.push_back(id);
  return {};
}

expected<void> object_files::sync() {
  effect_();
  KEYFOLD_CHECK(check_write(*health));
  unsynced_.clear();
  effect_();
  return {};
}

void object_files::lose_power() {
  for (const auto& id : unsynced_) files_.erase(id);
  unsynced_.clear();
}

}  // namespace keyfold::sim
