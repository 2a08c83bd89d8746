// Questions about a tree's state, shared by what changes it (editor.hpp) and by what shows it
// (projection.hpp). Answers come from the raw tables and from the records as far as they are
// brought up.
#pragma once

#include "store/workspace/record.hpp"
#include "store/workspace/rows.hpp"

namespace keyfold::workspace {

/// A creation or move of a node, as its placements table has it.
struct placement {
  entry_order order;
  enum class origin : std::uint8_t { move = 0, folder = 1, leaf = 2 } what = origin::move;
  bool is_void = false;  ///< a move that would make a cycle
  node_id parent;
};
[[nodiscard]] bytes encode_placement(const placement& p);
/// The order comes from the sub key.
[[nodiscard]] placement decode_placement(bytes_view sub, bytes_view value);

/// A version and the operation that wrote it.
struct written_version {
  version_id version;
  entry_order written;
};

class lookup {
 public:
  lookup(db::view& state, workspace_id workspace, const symmetric_key& name_key,
         const feed::causality& causes)
      : state_(state),
        workspace_(workspace),
        name_key_(name_key),
        causes_(causes),
        records_(state) {}

  [[nodiscard]] const record& find(node_id node) const { return records_.find(node); }
  [[nodiscard]] std::optional<operation> operation_at(const entry_order& o) const;
  /// The orders of all operations of an entry, ascending.
  [[nodiscard]] std::vector<entry_order> operations_of(const entry_order& entry) const;
  /// The last placement of a node below `before` (all when nullopt), void or not.
  [[nodiscard]] std::optional<placement> last_placement(
      node_id node, const std::optional<entry_order>& before = {}) const;
  /// All placements of a node, the last one first, void or not.
  [[nodiscard]] std::vector<placement> placements_of(node_id node) const;
  /// The effective placement of an existing node as of `before`; its creation is always one.
  [[nodiscard]] std::optional<placement> effective_placement(
      node_id node, const std::optional<entry_order>& before = {}) const;
  /// True when a placement of order `placed` may have `parent`: a folder made before it.
  [[nodiscard]] bool parent_counts(node_id parent, const entry_order& placed) const;

  /// The write that counts for a version id, and the node that it writes to.
  struct version_use {
    entry_order written;
    node_id node;
  };
  [[nodiscard]] std::optional<version_use> use_of(version_id version) const;
  /// True when the version was written in the node, or the node was split off with it.
  [[nodiscard]] bool belongs(const version_use& use, version_id version, node_id node) const;
  [[nodiscard]] std::vector<node_id> nodes_split_off(version_id version) const;
  [[nodiscard]] std::vector<written_version> current_versions(node_id node) const;
  /// Of all writes to the node, void ones too, the one of lowest order.
  [[nodiscard]] std::optional<entry_order> first_write(node_id node) const;
  /// What replaced, dropped or split off versions of a node.
  struct ending {
    version_id version;
    entry_order at;
  };
  [[nodiscard]] std::vector<ending> endings_of(node_id node) const;
  [[nodiscard]] std::optional<write_operation> write_at(const entry_order& o) const;

  /// True when the author of `later` knew the operation `earlier`.
  [[nodiscard]] bool knows(const entry_order& later, const entry_order& earlier) const;
  /// The deletes that hide a node: of those that mark it or an ancestor, the ones whose authors
  /// knew it as it is now. Empty: it is visible.
  [[nodiscard]] std::vector<entry_order> hidden_by(node_id node) const;
  /// True when a delete marks the node or an ancestor but does not hide it.
  [[nodiscard]] bool survives_some_delete(node_id node) const;
  /// A node that a person sees: visible, and a file with content; or a folder with such nodes in
  /// it.
  [[nodiscard]] bool is_shown(node_id node) const;

  /// The children in one of the tables alive, dead, surviving; with `name`, only those of that
  /// name's hash.
  [[nodiscard]] std::vector<node_id> children(
      table t, node_id parent, const std::optional<std::string_view>& name = {}) const;
  [[nodiscard]] bytes child_key(table t, const record& child, node_id node) const;
  /// The last id of every key with the prefix.
  [[nodiscard]] std::vector<node_id> ids_below(const bytes& prefix) const;

 protected:
  // Their sub keys are orders, but those of current_rows: versions.
  [[nodiscard]] rows placement_rows(node_id node) const {
    return {state_, key_of(table::placements, node)};
  }
  [[nodiscard]] rows delete_rows(node_id node) const {
    return {state_, key_of(table::deletes, node)};
  }
  [[nodiscard]] rows use_rows(version_id version) const {
    return {state_, key_of(table::version_uses, version)};
  }
  [[nodiscard]] rows ending_rows(node_id node, version_id version) const {
    return {state_, key_of(table::endings, node, version)};
  }
  [[nodiscard]] rows split_rows(version_id version) const {
    return {state_, key_of(table::splits, version)};
  }
  [[nodiscard]] rows current_rows(node_id node) const {
    return {state_, key_of(table::current, node)};
  }

  db::view& state_;
  workspace_id workspace_;
  const symmetric_key& name_key_;
  const feed::causality& causes_;
  mutable record_cache records_;

 private:
  struct standing {
    std::vector<entry_order> marks;   ///< that reach the node from above, or mark it
    std::vector<entry_order> hiding;  ///< those of them that hide it
  };
  [[nodiscard]] standing standing_of(node_id node) const;
  [[nodiscard]] bool knows_all(const entry_order& mark, node_id node, const record& r) const;
};

}  // namespace keyfold::workspace
