#include "store/workspace/tree.hpp"

#include "store/workspace/editor.hpp"
#include "store/workspace/history.hpp"
#include "store/workspace/projection.hpp"

namespace keyfold::workspace {
namespace {

/// Rewrites an entry's order wherever the tree keeps it.
class renaming : public lookup {
 public:
  renaming(const lookup& tree, const entry_order& from, const entry_order& to)
      : lookup(tree), from_(entry_of(from)), to_(entry_of(to)) {}

  void run() {
    for (const auto& at : operations_of(from_))
      if (const auto o = operation_at(at)) rename(*o, at);
    records_.flush();
  }

 private:
  [[nodiscard]] entry_order renamed(entry_order at) const {
    if (entry_of(at) != from_) return at;
    const auto index = at.index;
    at = to_;
    at.index = index;
    return at;
  }
  void rename_key(const bytes& from, const bytes& to) {
    const auto value = state_.get(from);
    if (!value) return;
    state_.erase(from);
    state_.put(to, *value);
  }
  void rename_row(rows in, const entry_order& at) {
    in.rename(encode_order(at), encode_order(renamed(at)));
  }
  void rename_current(node_id node, version_id version) {
    auto current = current_rows(node);
    if (const auto value = current.get(version.view()))
      current.put(version.view(), encode_order(renamed(order_at_end(*value))));
  }
  void rename_endings(node_id node, std::span<const version_id> versions, const entry_order& at) {
    for (const auto& version : versions) rename_row(ending_rows(node, version), at);
  }
  void rename(const operation& o, const entry_order& at) {
    for (const auto& node : nodes_of(o, workspace_, at.device)) {
      rename_row(placement_rows(node), at);
      rename_row(delete_rows(node), at);
      rename_record(node);
    }
    if (const auto* write = std::get_if<write_operation>(&o)) {
      rename_key(key_of(table::writes, write->node, at),
                 key_of(table::writes, write->node, renamed(at)));
      rename_row(use_rows(write->version), at);
      rename_endings(write->node, write->replaces, at);
      rename_current(write->node, write->version);
      for (const auto& node : nodes_split_off(write->version)) rename_current(node, write->version);
    } else if (const auto* drop = std::get_if<drop_operation>(&o)) {
      rename_endings(drop->node, drop->versions, at);
    } else if (const auto* split = std::get_if<split_operation>(&o)) {
      rename_endings(split->node, {&split->version, 1}, at);
      rename_row(split_rows(split->version), at);
    } else if (std::holds_alternative<move_operation>(o)) {
      rename_key(key_of(table::folder_moves, at), key_of(table::folder_moves, renamed(at)));
    } else if (std::holds_alternative<time_operation>(o)) {
      rename_key(key_of(table::times, at), key_of(table::times, renamed(at)));
    }
    rename_key(key_of(table::operations, at), key_of(table::operations, renamed(at)));
  }
  void rename_record(node_id node) {
    auto& r = records_.edit(node);
    r.created = renamed(r.created);
    r.placed = renamed(r.placed);
    for (auto& mark : r.deletes) mark = renamed(mark);
  }

  entry_order from_;
  entry_order to_;
};

}  // namespace

tree::tree(db::view& state, workspace_id workspace, const symmetric_key& name_key,
           const feed::causality& causes)
    : state_(state), workspace_(workspace), name_key_(name_key), causes_(causes) {}

void tree::apply(const entry_order& first, std::span<const operation> operations,
                 tree_changes& changes) {
  editor(state_, workspace_, name_key_, causes_, changes).apply(first, operations);
}

void tree::retract(const entry_order& entry, tree_changes& changes) {
  editor(state_, workspace_, name_key_, causes_, changes).retract(entry);
}

void tree::sign(const entry_order& unsigned_entry, const entry_order& signed_entry) {
  renaming(lookup(state_, workspace_, name_key_, causes_), unsigned_entry, signed_entry).run();
}

std::vector<shown_entry> tree::list(std::span<const node_id> merged) const {
  return projection(state_, workspace_, name_key_, causes_).list(merged);
}

std::optional<shown_entry> tree::find(std::span<const std::string> path) const {
  return projection(state_, workspace_, name_key_, causes_).find_path(path);
}

std::optional<std::vector<std::string>> tree::path_of(node_id node) const {
  return projection(state_, workspace_, name_key_, causes_).path_of(node);
}

std::vector<shown_version> tree::branches(node_id node) const {
  const lookup questions(state_, workspace_, name_key_, causes_);
  std::vector<shown_version> out;
  if (!questions.find(node).exists || questions.find(node).folder) return out;
  for (const auto& b : branches_of(questions, node)) out.push_back(to_shown(b));
  return out;
}

std::vector<shown_version> tree::history(node_id node) const {
  return projection(state_, workspace_, name_key_, causes_).history(node);
}

expected<node_content> tree::content_of(version_id version) const {
  const lookup known(state_, workspace_, name_key_, causes_);
  const auto use = known.use_of(version);
  auto write = use ? known.write_at(use->written) : std::nullopt;
  if (!write) return fail(errc::not_found, "no such version");
  return std::move(write->content);
}

path_history tree::history_at(std::span<const std::string> path, std::size_t limit) const {
  return past(state_, workspace_, name_key_, causes_).history_at(path, limit);
}

std::optional<past_thing> tree::past_at(std::span<const std::string> path,
                                        const std::optional<version_id>& version) const {
  return past(state_, workspace_, name_key_, causes_).find(path, version);
}

bool tree::is_gone(node_id node) const {
  return past(state_, workspace_, name_key_, causes_).is_gone(node);
}

std::vector<tree::gone_node> tree::gone_with(std::span<const std::string> path,
                                             node_id folder) const {
  return past(state_, workspace_, name_key_, causes_).gone_with(path, folder);
}

std::vector<version_id> tree::current_versions(node_id node) const {
  std::vector<version_id> out;
  for (const auto& current : lookup(state_, workspace_, name_key_, causes_).current_versions(node))
    out.push_back(current.version);
  return out;
}

bool tree::is_skeleton(node_id folder) const {
  const lookup questions(state_, workspace_, name_key_, causes_);
  return questions.find(folder).folder && !questions.hidden_by(folder).empty();
}

tree::totals tree::count() const {
  return projection(state_, workspace_, name_key_, causes_).count();
}

}  // namespace keyfold::workspace
