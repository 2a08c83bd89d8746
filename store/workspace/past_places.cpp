// Which nodes stood at a name once: of nodes that were moved, every place has a row. (Where a node that was never moved
// stands, or stood when it was deleted, the tables of children say.)
#include <algorithm>

#include "store/workspace/editor.hpp"
#include "store/workspace/history.hpp"

namespace keyfold::workspace {
namespace {

bytes past_key(const symmetric_key& name_key, node_id parent, std::string_view name) {
  return key_of(table::past_places, parent, bytes_view(hash_name(name_key, name)));
}

/// The place that an operation gives a node; nullopt when it gives none.
std::optional<place_name> place_in(const std::optional<operation>& o) {
  if (!o) return std::nullopt;
  return std::visit(
      [](const auto& value) -> std::optional<place_name> {
        if constexpr (requires { value.name; })
          return place_name{value.parent, value.name};
        else
          return std::nullopt;
      },
      *o);
}

}  // namespace

void editor::index_past_place(node_id node, node_id parent, std::string_view name, bool add) {
  if (add) return;  // settle_past_places() finds it, if the node was moved
  auto key = past_key(name_key_, parent, name);
  append_part(key, node);
  state_.erase(key);
  replaced_.insert(node);
}

void editor::settle_past_places() {
  auto nodes = replaced_;
  for (const auto& [order, node] : moved_) nodes.insert(node);
  for (const auto& node : nodes) {
    const auto all = placements_of(node);
    const bool moved = std::any_of(all.begin(), all.end(), [](const placement& p) {
      return p.what == placement::origin::move;
    });
    for (const auto& p : all) {
      const auto place = place_in(operation_at(p.order));
      if (!place) continue;
      auto key = past_key(name_key_, place->parent, place->name);
      append_part(key, node);
      set(key, {}, moved);
    }
  }
}

std::optional<place_name> past::place_of(const placement& p) const {
  auto out = place_in(operation_at(p.order));
  if (out && !parent_counts(out->parent, p.order)) out->parent = recovered_node;
  return out;
}

std::vector<placement> past::effective_placements(node_id node) const {
  const auto& r = find(node);
  std::vector<placement> out;
  if (!r.exists) return out;
  for (const auto& p : placements_of(node)) {
    const bool move = p.what == placement::origin::move && !p.is_void && r.created < p.order;
    if (move || p.order == r.created) out.push_back(p);
  }
  return out;
}

void past::stood_in(const stood& folder, const std::string& name,
                    std::map<node_id, stood>& out) const {
  const auto add = [&](const stood& found) {
    const auto [at, fresh] = out.try_emplace(found.node, found);
    if (fresh || !at->second.until) return;
    if (!found.until || *at->second.until < *found.until) at->second.until = found.until;
  };
  for (const auto t : {table::alive, table::dead})
    for (const auto& node : children(t, folder.node, name))
      if (find(node).name == name) add({node, folder.until});
  for (const auto& node : ids_below(past_key(name_key_, folder.node, name))) {
    std::optional<entry_order>
        left;  // when it went from the place that is looked at, the last first
    for (const auto& p : effective_placements(node)) {
      const auto place = place_of(p);
      if (place && place->parent == folder.node && place->name == name) {
        auto until = left;
        if (folder.until && (!until || *folder.until < *until)) until = folder.until;
        add({node, until});
        break;
      }
      left = p.order;
    }
  }
  if (folder.node == root_node && name == recovered_name) add({recovered_node, folder.until});
}

std::vector<stood> past::stood_at(std::span<const std::string> path) const {
  std::vector<stood> at{{root_node, std::nullopt}};
  for (std::size_t depth = 0; depth < path.size(); ++depth) {
    std::map<node_id, stood> next;
    for (const auto& folder : at) stood_in(folder, path[depth], next);
    // A name that nobody gave: of a conflict copy, or of a later file of a name.
    if (const auto shown = find_path(path.first(depth + 1))) {
      next.insert_or_assign(shown->node, stood{shown->node, std::nullopt});
      for (const auto& node : shown->merged) next.insert_or_assign(node, stood{node, std::nullopt});
    }
    at.clear();
    for (const auto& [node, found] : next) at.push_back(found);
  }
  return at;
}

}  // namespace keyfold::workspace
