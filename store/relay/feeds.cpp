#include "store/relay/feeds.hpp"

#include <algorithm>
#include <set>

namespace keyfold::relay {
namespace {

bytes key_of(char part, bytes_view first, bytes_view second = {}) {
  bytes out{static_cast<std::uint8_t>(part)};
  append(out, first);
  append(out, second);
  return out;
}

}  // namespace

feed::index& feeds::index(workspace_id workspace) {
  auto& found = parts_[workspace];
  if (!found)
    found = std::make_unique<part>(state_, key_of('f', workspace.view()), organization_, workspace);
  return found->index;
}

bool feeds::holds(workspace_id workspace, const object_id& object) const {
  return state_.get(key_of('o', workspace.view(), object.view())).has_value();
}

void feeds::keep(workspace_id workspace, const object_id& object) {
  state_.put(key_of('o', workspace.view(), object.view()), {});
  state_.erase(key_of('w', workspace.view(), object.view()));
}

void feeds::lose(workspace_id workspace, const object_id& object) {
  state_.erase(key_of('o', workspace.view(), object.view()));
  state_.put(key_of('w', workspace.view(), object.view()), {});
}

bool feeds::is_lost(workspace_id workspace, const object_id& object) const {
  return state_.get(key_of('w', workspace.view(), object.view())).has_value();
}

std::vector<object_id> feeds::lost(workspace_id workspace, std::size_t max) const {
  std::vector<object_id> out;
  const auto prefix = key_of('w', workspace.view());
  state_.scan(prefix, {}, [&](bytes_view key, bytes_view) {
    if (const auto id = object_id::from(key.subspan(prefix.size()))) out.push_back(*id);
    return out.size() < max;
  });
  return out;
}

std::vector<object_id> feeds::wanted(workspace_id workspace, std::span<const feed::entry> entries,
                                     std::size_t max) const {
  std::set<object_id> out;
  for (const auto& e : entries) {
    const auto needed = feed::decode_needed(e.needed);
    if (!needed) continue;
    for (const auto& object : *needed) {
      if (out.size() >= max) break;
      if (!holds(workspace, object)) out.insert(object);
    }
  }
  return {out.begin(), out.end()};
}

std::uint64_t feeds::heads_of(user_id user) const {
  const auto stored = state_.get(key_of('h', user.view()));
  return stored && stored->size() == 8 ? read_u64(*stored) : 0;
}

void feeds::add_head(user_id user) {
  bytes value;
  append_u64(value, heads_of(user) + 1);
  state_.put(key_of('h', user.view()), value);
}

std::vector<feed::feed_head> feeds::heads(workspace_id workspace,
                                          std::span<const device_id> devices) {
  auto out = index(workspace).frontier();
  std::erase_if(out, [&](const auto& head) {
    return std::find(devices.begin(), devices.end(), head.device) == devices.end();
  });
  return out;
}

}  // namespace keyfold::relay
