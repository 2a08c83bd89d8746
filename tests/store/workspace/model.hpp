// The rules of store/workspace/tree.hpp, told naively: everything in memory, every question
// answered by going through all operations in order. The incremental tree must show the same.
#pragma once

#include "tests/store/workspace/world.hpp"

namespace keyfold::tests {

class model {
 public:
  model(const world& causes, const std::set<std::size_t>& entries);
  /// As dump() of a tree.
  [[nodiscard]] std::vector<std::string> dump() const;
  [[nodiscard]] workspace::tree::totals count() const;
  /// Versions that were written, count, and were not replaced, dropped or split off where they were
  /// written.
  [[nodiscard]] std::map<version_id, entry_order> open_versions() const;
  /// All versions in what is shown.
  [[nodiscard]] std::set<version_id> shown_versions() const;

 private:
  struct node {
    bool folder = false;
    bool nameless = false;  ///< a write made it
    entry_order created;
    version_id origin;
    entry_order placed;
    entry_order last;  ///< placement, void or not
    node_id parent;
    bool parent_counts = false;
    std::string name;
    std::vector<entry_order> deletes;
  };
  struct write {
    entry_order written;
    workspace::write_operation what;
  };
  struct shown_branch {
    version_id tip;
    entry_order first;
    std::int64_t first_ms = 0;
    std::set<version_id> same;
  };
  void replay(const operation& o, const entry_order& at);
  void place(node_id id, node_id parent, const std::string& name, const entry_order& at);
  [[nodiscard]] bool below(node_id id, node_id ancestor) const;
  [[nodiscard]] bool knows(const entry_order& later, const entry_order& earlier) const;
  [[nodiscard]] node_id parent_of(node_id id) const;
  [[nodiscard]] std::set<version_id> current(node_id id) const;
  [[nodiscard]] std::set<version_id> ancestors(node_id id, version_id version) const;
  [[nodiscard]] bool belongs(node_id id, version_id version) const;
  [[nodiscard]] std::vector<shown_branch> branches(node_id id) const;
  [[nodiscard]] std::vector<entry_order> hidden_by(node_id id) const;
  [[nodiscard]] bool shown(node_id id) const;
  [[nodiscard]] std::vector<node_id> children(node_id folder) const;
  [[nodiscard]] std::vector<workspace::shown_entry> list(std::span<const node_id> folders) const;
  void visit(const std::string& path, std::span<const node_id> folders,
             const std::function<void(const std::string&, const workspace::shown_entry&)>& f) const;

  const world& causes_;
  std::map<node_id, node> nodes_;
  std::map<node_id, std::vector<entry_order>> all_deletes_;
  std::map<version_id, write> writes_;
  std::set<std::pair<node_id, version_id>> ended_;
};

}  // namespace keyfold::tests
