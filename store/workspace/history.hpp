// What happened in a tree: who did what to a path, and what stands or stood there. Read from the log of operations and
// the raw tables; nothing here changes anything.
#pragma once

#include <map>

#include "store/workspace/projection.hpp"

namespace keyfold::workspace {

/// A name in a folder, as an operation gave it.
struct place_name {
  node_id parent;
  std::string name;
};

/// A node that stands at a path, or stood there.
struct stood {
  node_id node;
  std::optional<entry_order> until;  ///< the move by which it, or a folder above, left that path
};

class past : public projection {
 public:
  using projection::find;
  using projection::projection;

  [[nodiscard]] path_history history_at(std::span<const std::string> path, std::size_t limit) const;
  [[nodiscard]] std::optional<past_thing> find(std::span<const std::string> path,
                                               const std::optional<version_id>& version) const;
  [[nodiscard]] bool is_gone(node_id node) const;
  [[nodiscard]] std::vector<tree::gone_node> gone_with(std::span<const std::string> path,
                                                       node_id folder) const;

 private:
  /// An operation, and what it is to one node.
  struct event {
    entry_order at;
    node_id node;
    version_id version;  ///< written or dropped by it
    bool moved_away = false;
    bool operator<(const event& other) const {
      return std::tie(other.at, other.node, other.version) < std::tie(at, node, version);
    }
  };
  /// What makes two versions the same to a person.
  struct known_version {
    version_id version;
    entry_order written;
    node_kind kind = node_kind::file;
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;
    bool executable = false;
    bytes content;  ///< list hash, or a symlink's target
    [[nodiscard]] bool same_as(const known_version& other) const;
  };
  struct chain {
    std::vector<std::string> names;
    std::vector<node_id> nodes;  ///< the node first, the root or recovered_node last
  };

  // past_places.cpp
  [[nodiscard]] std::vector<stood> stood_at(std::span<const std::string> path) const;
  void stood_in(const stood& folder, const std::string& name, std::map<node_id, stood>& out) const;
  /// Creation and moves that are not void, the last one first.
  [[nodiscard]] std::vector<placement> effective_placements(node_id node) const;
  [[nodiscard]] std::optional<place_name> place_of(const placement& p) const;

  // history.cpp
  [[nodiscard]] std::vector<event> events_of(const stood& file) const;
  [[nodiscard]] std::vector<event> events_at(const entry_order& at) const;
  void add_log(std::span<const stood> folders, std::size_t limit, std::vector<event>& out,
               bool& more) const;
  [[nodiscard]] std::vector<past_change> deleted_from(std::span<const stood> folders,
                                                      std::size_t limit, bool& more) const;
  [[nodiscard]] past_change describe(const event& e) const;
  void describe_write(const write_operation& w, const event& e, past_change& out) const;
  void describe_move(const move_operation& m, const event& e, past_change& out) const;
  void set_version(const known_version& v, past_change& out) const;
  /// Where the node stood just after (`including`) or before an operation.
  [[nodiscard]] chain chain_at(node_id node, const entry_order& at, bool including) const;
  [[nodiscard]] const std::vector<known_version>& versions_of(node_id node) const;
  [[nodiscard]] std::optional<std::uint64_t> time_of(const entry_order& at) const;
  /// The last delete that hides a node, or took its last content.
  [[nodiscard]] std::optional<entry_order> went(node_id node) const;
  [[nodiscard]] bool together(const entry_order& one, const entry_order& other) const;

  mutable std::map<node_id, std::vector<known_version>> versions_;
};

}  // namespace keyfold::workspace
