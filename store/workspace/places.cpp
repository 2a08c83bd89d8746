// Where nodes stand: links between parents and children, the sums along them, and what survives
// deletes.
#include "store/workspace/editor.hpp"
#include "store/workspace/names.hpp"

namespace keyfold::workspace {

record editor::placed_record(node_id node) const {
  auto r = find(node);
  r.deletes.clear();
  r.contested = false;
  if (!r.exists) {
    r.placed = {};
    r.wanted_parent = r.parent = {};
    r.name.clear();
    r.own_files = r.own_bytes = 0;
    return r;
  }
  const auto place = effective_placement(node);
  r.placed = place ? place->order : r.created;
  r.wanted_parent = place ? place->parent : recovered_node;
  r.parent = parent_counts(r.wanted_parent, r.placed) ? r.wanted_parent : recovered_node;
  if (!place) r.name = nameless_file(node);
  const auto o = operation_at(r.placed);
  if (o)
    std::visit(
        [&](const auto& value) {
          if constexpr (requires { value.name; }) r.name = value.name;
        },
        *o);

  auto last = r.placed;  // void moves included, creations after the first not
  for (auto at = last_placement(node); at && last < at->order; at = last_placement(node, at->order))
    if (at->what == placement::origin::move) last = at->order;
  r.contested = last != r.placed;
  delete_rows(node).visit(encode_order(last), [&](bytes_view sub, bytes_view) {
    r.deletes.push_back(order_at_end(sub));
    return true;
  });
  std::erase_if(r.deletes, [&](const entry_order& mark) {
    return !knows(mark, last) || !knows(mark, r.placed);
  });
  count_own(node, r);
  return r;
}

void editor::settle_places() {
  // All that changes is taken out before any of it is put back: so the links are never a circle.
  std::vector<std::pair<node_id, record>> changed;
  for (const auto& node : touched_) {
    const auto& now = find(node);
    auto next = placed_record(node);
    if (now.linked) note_folders_to_root(node);
    const bool restructured =
        restructured_.contains(node) || now.linked != next.exists || now.parent != next.parent ||
        now.wanted_parent != next.wanted_parent || now.name != next.name ||
        now.placed != next.placed || now.contested != next.contested || now.deletes != next.deletes;
    if (!restructured && now.own_files == next.own_files && now.own_bytes == next.own_bytes)
      continue;
    if (restructured) restructured_.insert(node);
    changed.emplace_back(node, std::move(next));
  }
  for (const auto& [node, next] : changed)
    if (restructured_.contains(node)) detach(node);
  for (auto& [node, next] : changed) {
    auto& r = records_.edit(node);
    r.contested = next.contested;
    r.placed = next.placed;
    r.wanted_parent = next.wanted_parent;
    r.parent = next.parent;
    r.name = std::move(next.name);
    r.deletes = std::move(next.deletes);
    set(key_of(table::contested, node), {}, r.contested);
    const sums own{next.own_files - r.own_files, next.own_bytes - r.own_bytes, 0};
    r.own_files = next.own_files;
    r.own_bytes = next.own_bytes;
    add_to_sums(node, own);
  }
  for (const auto& node : restructured_) attach(node);
}

void editor::detach(node_id node) {
  detached_.insert(node);
  const auto& r = find(node);
  if (!r.linked) return;
  for (const auto t : {table::alive, table::dead, table::surviving})
    state_.erase(child_key(t, r, node));
  state_.erase(key_of(table::orphans, r.wanted_parent, node));
  add_to_sums(r.parent, sums{} - r.contribution());
}

void editor::attach(node_id node) {
  detached_.erase(node);
  auto& r = records_.edit(node);
  r.linked = r.exists;
  if (!r.linked) return;
  state_.put(child_key(r.marked() ? table::dead : table::alive, r, node), {});
  if (r.sums.survivors > 0) state_.put(child_key(table::surviving, r, node), {});
  if (r.parent != r.wanted_parent) state_.put(key_of(table::orphans, r.wanted_parent, node), {});
  add_to_sums(r.parent, r.contribution());
}

void editor::add_to_sums(node_id node, sums difference) {
  while (!difference.is_zero()) {
    auto& r = records_.edit(node);
    const auto survived = r.sums.survivors > 0;
    r.sums += difference;
    if (node == root_node || detached_.contains(node) || !r.linked) return;
    if (survived != (r.sums.survivors > 0) && node != recovered_node)
      set(child_key(table::surviving, r, node), {}, !survived);
    if (r.marked()) difference.files = difference.bytes = 0;
    node = r.parent;
  }
}

void editor::set_candidate(node_id node, bool candidate) {
  auto& r = records_.edit(node);
  if (r.candidate == candidate) return;
  r.candidate = candidate;
  add_to_sums(node, {0, 0, candidate ? std::uint64_t{1} : ~std::uint64_t{0}});
}

/// Brings the candidates up: the touched nodes; and for every delete that now acts somewhere new,
/// the nodes of those entries that its author did not know, and those whose author's move is void.
/// Nothing else can survive it (a superset; the projection looks again).
void editor::settle_survivors() {
  for (const auto& node : restructured_) {
    const auto& r = find(node);
    if (!r.linked || !r.folder || r.named == 0) continue;
    for (const auto& mark : hidden_by(node)) marks_to_trace_.insert(mark);
  }
  auto suspects = touched_;
  std::set<entry_order> entries;
  for (const auto& mark : marks_to_trace_)
    causes_.unknown_to(entry_of(mark), [&](const entry_order& o) { entries.insert(entry_of(o)); });
  for (const auto& entry : entries)
    for (const auto& at : operations_of(entry))
      if (const auto o = operation_at(at))
        for (const auto& node : nodes_of(*o, workspace_, at.device)) suspects.insert(node);
  if (!marks_to_trace_.empty())
    for (const auto& node : ids_below(key_of(table::contested))) suspects.insert(node);
  for (const auto& node : suspects) {
    const auto candidate = find(node).linked && survives_some_delete(node);
    if (candidate != find(node).candidate) touch(node);
    set_candidate(node, candidate);
  }
}

void editor::note_changes() {
  for (const auto& node : touched_) note_folders_to_root(node);
  for (const auto& node : restructured_) note_folders_below(node);
}

void editor::note_folders_to_root(node_id node) {
  // The folder that holds it; further up only when skeletons may come or go with it.
  const auto& r = find(node);
  if (!r.linked) return;
  changes_.folders.insert(r.parent);
  std::vector<node_id> above;
  bool skeletons = r.marked() || r.candidate || r.parent == recovered_node;
  for (auto at = r.parent; at != root_node;) {
    const auto& folder = find(at);
    skeletons = skeletons || folder.marked();
    above.push_back(folder.parent);
    at = folder.parent;
  }
  if (skeletons) changes_.folders.insert(above.begin(), above.end());
}

void editor::note_folders_below(node_id node) {
  std::vector<node_id> open{node};
  while (!open.empty()) {
    const auto at = open.back();
    open.pop_back();
    if (!find(at).folder) continue;
    changes_.folders.insert(at);
    const auto below = children(table::surviving, at);
    open.insert(open.end(), below.begin(), below.end());
  }
}

}  // namespace keyfold::workspace
