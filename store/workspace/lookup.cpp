#include "store/workspace/lookup.hpp"

#include <algorithm>

namespace keyfold::workspace {

bytes encode_placement(const placement& p) {
  bytes out{static_cast<std::uint8_t>(p.what), static_cast<std::uint8_t>(p.is_void)};
  append(out, p.parent.view());
  return out;
}

placement decode_placement(bytes_view sub, bytes_view value) {
  placement out;
  out.order = order_at_end(sub);
  if (value.size() != 2 + node_id::size) return out;
  out.what = static_cast<placement::origin>(value[0]);
  out.is_void = value[1] != 0;
  out.parent = id_at_end<node_id>(value);
  return out;
}

std::optional<operation> lookup::operation_at(const entry_order& o) const {
  const auto stored = state_.get(key_of(table::operations, o));
  if (!stored) return std::nullopt;
  auto decoded = decode_payload(*stored);
  if (!decoded || decoded->operations.size() != 1) return std::nullopt;
  return std::move(decoded->operations.front());
}

std::vector<entry_order> lookup::operations_of(const entry_order& entry) const {
  const auto order = encode_order(entry);
  const auto without_index = bytes_view(order).first(order_size - sizeof(entry.index));
  const auto prefix = key_of(table::operations, without_index);
  std::vector<entry_order> out;
  state_.scan(prefix, {}, [&](bytes_view key, bytes_view) {
    out.push_back(order_at_end(key));
    return true;
  });
  return out;
}

std::optional<placement> lookup::last_placement(node_id node,
                                                const std::optional<entry_order>& before) const {
  const auto found = placement_rows(node).last(before ? encode_order(*before) : bytes{});
  if (!found) return std::nullopt;
  return decode_placement(found->sub, found->value);
}

std::vector<placement> lookup::placements_of(node_id node) const {
  std::vector<placement> out;
  for (auto at = last_placement(node); at; at = last_placement(node, at->order)) out.push_back(*at);
  return out;
}

std::optional<placement> lookup::effective_placement(
    node_id node, const std::optional<entry_order>& before) const {
  const auto& created = find(node).created;
  for (auto at = last_placement(node, before); at; at = last_placement(node, at->order)) {
    if (at->order == created) return at;
    if (at->order < created) break;
    if (at->what == placement::origin::move && !at->is_void) return at;
  }
  return std::nullopt;
}

bool lookup::parent_counts(node_id parent, const entry_order& placed) const {
  if (parent == root_node) return true;
  if (parent == recovered_node) return false;
  const auto& r = find(parent);
  return r.exists && r.folder && r.created < placed;
}

std::optional<lookup::version_use> lookup::use_of(version_id version) const {
  const auto first = use_rows(version).first();
  if (!first) return std::nullopt;
  return version_use{order_at_end(first->sub), id_at_end<node_id>(first->value)};
}

bool lookup::belongs(const version_use& use, version_id version, node_id node) const {
  return use.node == node || find(node).origin == version;
}

std::vector<node_id> lookup::nodes_split_off(version_id version) const {
  std::vector<node_id> out;
  split_rows(version).visit({}, [&](bytes_view, bytes_view value) {
    out.push_back(id_at_end<node_id>(value));
    return true;
  });
  return out;
}

std::optional<entry_order> lookup::first_write(node_id node) const {
  std::optional<entry_order> out;
  state_.scan(key_of(table::writes, node), {}, [&](bytes_view key, bytes_view) {
    out = order_at_end(key);
    return false;
  });
  return out;
}

std::vector<written_version> lookup::current_versions(node_id node) const {
  std::vector<written_version> out;
  current_rows(node).visit({}, [&](bytes_view version, bytes_view order) {
    out.push_back({id_at_end<version_id>(version), order_at_end(order)});
    return true;
  });
  return out;
}

std::vector<lookup::ending> lookup::endings_of(node_id node) const {
  const auto prefix = key_of(table::endings, node);
  std::vector<version_id> versions;
  state_.scan(prefix, {}, [&](bytes_view key, bytes_view) {
    if (key.size() == prefix.size() + version_id::size)  // a longer one is a further row
      versions.push_back(id_at_end<version_id>(key));
    return true;
  });
  std::vector<ending> out;
  for (const auto& version : versions)
    ending_rows(node, version).visit({}, [&](bytes_view at, bytes_view) {
      out.push_back({version, order_at_end(at)});
      return true;
    });
  return out;
}

std::optional<write_operation> lookup::write_at(const entry_order& o) const {
  auto found = operation_at(o);
  if (!found || !std::holds_alternative<write_operation>(*found)) return std::nullopt;
  return std::get<write_operation>(std::move(*found));
}

bool lookup::knows(const entry_order& later, const entry_order& earlier) const {
  const auto later_entry = entry_of(later);
  const auto earlier_entry = entry_of(earlier);
  if (later_entry == earlier_entry) return earlier.index < later.index;
  return causes_.knows(later_entry, earlier_entry);
}

bool lookup::knows_all(const entry_order& mark, node_id node, const record& r) const {
  if (!knows(mark, r.created) || !knows(mark, r.placed)) return false;
  if (r.folder) return true;
  const auto versions = current_versions(node);
  return std::all_of(versions.begin(), versions.end(),
                     [&](const auto& version) { return knows(mark, version.written); });
}

lookup::standing lookup::standing_of(node_id node) const {
  // The chain up to the root; most have no mark on it, and then there is nothing to ask.
  std::vector<node_id> chain;
  bool any_mark = false;
  for (auto at = node; at != root_node && at != recovered_node;) {
    const auto& r = find(at);
    if (!r.linked) break;
    any_mark = any_mark || r.marked();
    chain.push_back(at);
    at = r.parent;
  }
  standing out;
  if (!any_mark) return out;
  for (auto at = chain.rbegin(); at != chain.rend(); ++at) {
    const auto& r = find(*at);
    out.marks = std::move(out.hiding);
    out.hiding.clear();
    const auto from_above = out.marks.size();
    out.marks.insert(out.marks.end(), r.deletes.begin(), r.deletes.end());
    for (std::size_t i = 0; i < out.marks.size(); ++i) {
      const bool misplaced = r.contested && i < from_above;  // its author moved it elsewhere
      if (!misplaced && knows_all(out.marks[i], *at, r)) out.hiding.push_back(out.marks[i]);
    }
  }
  return out;
}

std::vector<entry_order> lookup::hidden_by(node_id node) const {
  return standing_of(node).hiding;
}

bool lookup::survives_some_delete(node_id node) const {
  const auto found = standing_of(node);
  return found.hiding.size() < found.marks.size();
}

bool lookup::is_shown(node_id node) const {
  const auto visible = [this](node_id n, const record& r) {
    return hidden_by(n).empty() && (r.folder || !current_versions(n).empty());
  };
  std::vector<node_id> open{node};
  while (!open.empty()) {
    const auto at = open.back();
    open.pop_back();
    const auto& r = find(at);
    if (!r.linked) continue;
    if (visible(at, r)) return true;
    if (!r.folder) continue;
    const auto below = children(table::surviving, at);
    open.insert(open.end(), below.begin(), below.end());
  }
  return false;
}

std::vector<node_id> lookup::ids_below(const bytes& prefix) const {
  std::vector<node_id> out;
  state_.scan(prefix, {}, [&](bytes_view key, bytes_view) {
    out.push_back(id_at_end<node_id>(key));
    return true;
  });
  return out;
}

std::vector<node_id> lookup::children(table t, node_id parent,
                                      const std::optional<std::string_view>& name) const {
  if (!name) return ids_below(key_of(t, parent));
  return ids_below(key_of(t, parent, bytes_view(hash_name(name_key_, *name))));
}

bytes lookup::child_key(table t, const record& child, node_id node) const {
  return key_of(t, child.parent, bytes_view(hash_name(name_key_, child.name)), node);
}

}  // namespace keyfold::workspace
