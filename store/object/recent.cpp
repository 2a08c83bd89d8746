#include "store/object/recent.hpp"

namespace keyfold::object {
namespace {

constexpr std::size_t recent_bytes = 16 * 1024 * 1024;

}  // namespace

void recent_objects::add(owner of, std::span<const sealed_object> objects) {
  const std::lock_guard lock(mutex_);
  for (const auto& o : objects) {
    const auto [at, fresh] = by_name_.try_emplace({of, o.id()});
    if (!fresh) continue;
    at->second = objects_.insert(objects_.end(), {of, o});
    bytes_ += o.size();
  }
  while (bytes_ > recent_bytes)
    drop(by_name_.find({objects_.front().first, objects_.front().second.id()}));
}

void recent_objects::drop(std::map<name, std::list<entry>::iterator>::iterator at) {
  bytes_ -= at->second->second.size();
  objects_.erase(at->second);
  by_name_.erase(at);
}

void recent_objects::remove(owner of, const object_id& id) {
  const std::lock_guard lock(mutex_);
  if (const auto at = by_name_.find({of, id}); at != by_name_.end()) drop(at);
}

void recent_objects::remove_all(owner of) {
  const std::lock_guard lock(mutex_);
  for (auto at = by_name_.lower_bound({of, {}}); at != by_name_.end() && at->first.first == of;)
    drop(at++);
}

std::optional<sealed_object> recent_objects::find(owner of, const object_id& id) const {
  const std::lock_guard lock(mutex_);
  const auto at = by_name_.find({of, id});
  return at == by_name_.end() ? std::nullopt : std::optional(at->second->second);
}

recent_objects& recent() {
  static recent_objects all;
  return all;
}

}  // namespace keyfold::object
