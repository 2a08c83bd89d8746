#include "store/workspace/editor.hpp"

namespace keyfold::workspace {
namespace {

bool names_a_special_node(const operation& o) {
  const auto special = [](node_id node) { return node == root_node || node == recovered_node; };
  return std::visit(
      [&](const auto& value) {
        if constexpr (requires { value.node; })
          return special(value.node);
        else
          return false;
      },
      o);
}

bool has_bad_name(const operation& o) {
  return std::visit(
      [](const auto& value) {
        if constexpr (requires { value.name; })
          return !check_name(value.name);
        else
          return false;
      },
      o);
}

/// Rules that an operation breaks by itself, whatever else counts.
bool is_void_alone(const operation& o) {
  return names_a_special_node(o) || has_bad_name(o);
}

}  // namespace

void editor::set(const bytes& key, bytes_view value, bool add) {
  if (add)
    state_.put(key, value);
  else
    state_.erase(key);
}

void editor::touch(node_id node) {
  touched_.insert(node);
}

void editor::apply(const entry_order& first, std::span<const operation> operations) {
  auto at = first;
  for (const auto& o : operations) {
    // In the log first: the tables point there.
    state_.put(key_of(table::operations, at), encode_payload({{o}}));
    index(o, at, true);
    ++at.index;
  }
  settle();
}

void editor::retract(const entry_order& entry) {
  const auto orders = operations_of(entry);
  for (auto at = orders.rbegin(); at != orders.rend(); ++at) {
    const auto o = operation_at(*at);
    if (o) index(*o, *at, false);
    state_.erase(key_of(table::operations, *at));
  }
  settle();
}

void editor::index(const operation& o, const entry_order& at, bool add) {
  if (is_void_alone(o)) return;
  if (const auto* create = std::get_if<create_operation>(&o)) {
    const auto what =
        create->kind == node_kind::folder ? placement::origin::folder : placement::origin::leaf;
    const auto made = make_node_id(workspace_, at.device, create->nonce);
    index_placement(made, {at, what, false, create->parent}, add);
    index_past_place(made, create->parent, create->name, add);
  } else if (const auto* move = std::get_if<move_operation>(&o)) {
    index_placement(move->node, {at, placement::origin::move, false, move->parent}, add);
    index_past_place(move->node, move->parent, move->name, add);
  } else if (const auto* remove = std::get_if<delete_operation>(&o)) {
    delete_rows(remove->node).set(encode_order(at), {}, add);
    touch(remove->node);
  } else if (const auto* write = std::get_if<write_operation>(&o)) {
    index_write(*write, at, add);
  } else if (const auto* drop = std::get_if<drop_operation>(&o)) {
    for (const auto& version : drop->versions) index_ending(drop->node, version, at, add);
  } else if (const auto* split = std::get_if<split_operation>(&o)) {
    const auto made = make_node_id(workspace_, at.device, split->nonce);
    index_placement(made, {at, placement::origin::leaf, false, split->parent}, add);
    index_split(*split, at, made, add);
    index_past_place(made, split->parent, split->name, add);
  } else if (const auto* time = std::get_if<time_operation>(&o)) {
    bytes ms;
    append_u64(ms, time->ms);
    set(key_of(table::times, at), ms, add);
  }
}

void editor::settle() {
  settle_creations();
  settle_folder_moves();
  settle_past_places();
  settle_places();
  settle_survivors();
  note_changes();
  records_.flush();
}

}  // namespace keyfold::workspace
