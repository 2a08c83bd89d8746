// Where nodes come from and where they go: creations, moves, and the moves that would make a cycle.
#include "store/workspace/editor.hpp"

namespace keyfold::workspace {

void editor::index_placement(node_id node, const placement& p, bool add) {
  placement_rows(node).set(encode_order(p.order), encode_placement(p), add);
  auto& named = records_.edit(p.parent).named;
  named += add ? std::uint64_t{1} : ~std::uint64_t{0};
  if (p.what == placement::origin::move) moved_.insert({p.order, node});
  touch(node);
}

void editor::reconsider_from(const entry_order& o) {
  if (!reconsider_ || o < *reconsider_) reconsider_ = o;
}

void editor::settle_creations() {
  const auto nodes = touched_;
  for (const auto& node : nodes) settle_creation(node);
}

void editor::settle_creation(node_id node) {
  std::optional<placement> created;
  placement_rows(node).visit({}, [&](bytes_view sub, bytes_view value) {
    const auto found = decode_placement(sub, value);
    if (found.what == placement::origin::move) return true;
    created = found;
    return false;
  });
  const auto order = created ? std::optional(created->order) : first_write(node);
  auto& r = records_.edit(node);
  const auto before = r;
  r.exists = order.has_value();
  r.folder = created && created->what == placement::origin::folder;
  r.created = order.value_or(entry_order{});
  r.origin = {};
  if (created && !r.folder)
    if (const auto o = operation_at(r.created); o && std::holds_alternative<split_operation>(*o))
      r.origin = std::get<split_operation>(*o).version;

  if (r.origin != before.origin) {
    recheck(node, before.origin);
    recheck(node, r.origin);
  }
  if (r.exists == before.exists && r.folder == before.folder && r.created == before.created) return;
  restructured_.insert(node);
  // Which of its moves count depends on the creation; so does whether it may be a parent.
  placement_rows(node).visit({}, [&](bytes_view sub, bytes_view value) {
    const auto found = decode_placement(sub, value);
    if (found.what == placement::origin::move) moved_.insert({found.order, node});
    return true;
  });
  if (r.named == 0) return;
  if (before.exists) reconsider_from(before.created);
  if (r.exists) reconsider_from(r.created);
  relink_children(node);
}

void editor::relink_children(node_id parent) {
  for (const auto t : {table::alive, table::dead})
    for (const auto& child : children(t, parent)) touch(child);
  for (const auto& child : ids_below(key_of(table::orphans, parent))) touch(child);
}

void editor::settle_folder_moves() {
  for (const auto& [order, node] : moved_) {
    const auto& r = find(node);
    const auto stored = placement_rows(node).get(encode_order(order)).has_value();
    const auto key = key_of(table::folder_moves, order);
    const auto counts = stored && r.exists && r.folder && r.created < order;
    if (!counts && !state_.get(key)) continue;
    set(key, node.view(), counts);
    if (!counts) judge_move(node, order, false);
    reconsider_from(order);
  }
  reconsider_moves();
}

void editor::reconsider_moves() {
  if (!reconsider_) return;
  std::vector<order_and_node> moves;
  state_.scan(key_of(table::folder_moves), key_of(table::folder_moves, *reconsider_),
              [&](bytes_view key, bytes_view value) {
                moves.emplace_back(order_at_end(key), id_at_end<node_id>(value));
                return true;
              });
  for (const auto& [order, node] : moves) judge_move(node, order, true);
}

void editor::judge_move(node_id node, const entry_order& order, bool may_be_void) {
  auto placements = placement_rows(node);
  const auto sub = encode_order(order);
  const auto stored = placements.get(sub);
  if (!stored) return;
  auto move = decode_placement(sub, *stored);
  const auto is_void = may_be_void && makes_cycle(node, move);
  if (is_void == move.is_void) return;
  move.is_void = is_void;
  placements.put(sub, encode_placement(move));
  touch(node);
}

bool editor::makes_cycle(node_id node, const placement& move) const {
  // Up from the new parent, as things stood just before the move.
  auto at = move.parent;
  auto edge = move.order;
  while (at != node) {
    if (at == root_node || !parent_counts(at, edge)) return false;
    const auto place = effective_placement(at, move.order);
    if (!place) return true;  // what made it was there just now: a read failed
    at = place->parent;
    edge = place->order;
  }
  return true;
}

}  // namespace keyfold::workspace
