// A workspace's tree in small, and what a mirror's actor does with it: the reference that mirror
// tests compare the disk with. No clock, no feeds; an operation is applied at once.
#pragma once

#include <map>

#include "store/mirror/apply.hpp"
#include "store/mirror/deletion.hpp"
#include "store/mirror/watch.hpp"
#include "tests/store/mirror/fixture.hpp"

namespace keyfold::mirror {

struct model_version {
  version_id id;
  std::string bytes;  ///< of a symlink: its target
  std::int64_t mtime_ns = 0;
  bool executable = false;
};

struct model_node {
  node_id id;
  node_kind kind = node_kind::file;
  node_id parent;
  std::string name;
  std::vector<model_version> current;  ///< oldest first
  bool deleted = false;
};

class model_tree {
 public:
  node_id create(node_kind kind, const node_id& parent, const std::string& name);
  version_id write(const node_id& node, const std::vector<version_id>& replaces,
                   const std::string& bytes, std::int64_t mtime_ns = 0, bool executable = false);
  /// Void when it would put a folder into itself.
  void move(const node_id& node, const node_id& parent, const std::string& name);
  void remove(const node_id& node);
  void drop(const node_id& node, const version_id& version);
  node_id split(const node_id& node, const version_id& version, const node_id& parent,
                const std::string& name);

  std::vector<shown_item> list(std::span<const node_id> merged) const;
  std::vector<node_id> merged_of(const node_id& folder) const;
  std::vector<version_id> versions(const node_id& node) const;
  const model_node* find(const node_id& node) const;
  const model_version* find_version(const version_id& version) const;
  bool ever_had(const std::string& bytes) const;
  /// All nodes of one kind that are shown.
  std::vector<node_id> shown(bool folders) const;
  /// What each path shows, in words.
  std::map<std::string, std::string> picture() const;
  node_id at(const std::string& path) const;
  /// Folders whose shown children may differ since the last call, as far as they are shown.
  std::vector<shown_folder> take_touched();
  shown_folder folder(const node_id& node) const;
  void touch(const node_id& folder);

 private:
  model_node& node_at(const node_id& node);
  void revive(const node_id& node);
  bool is_shown(const node_id& node) const;
  void paint(std::span<const node_id> merged, const std::string& path,
             std::map<std::string, std::string>& out) const;

  std::vector<model_node> nodes_;
  std::map<version_id, model_version> history_;
  std::set<node_id> touched_;
};

/// What each path on disk is, in the words of model_tree::picture.
std::map<std::string, std::string> picture_of(const disk_fixture& m);

/// A mirror with its tree, and what the actor between them does.
struct mirrored : disk_fixture {
  model_tree tree;
  /// Called before each content that apply asks for.
  std::function<void()> while_applying = [] {};
  std::function<expected<void>()> commit;  ///< as apply_hooks has it
  std::unique_ptr<random_source> random = seeded_random(1);

  list_shown lister() const {
    return [this](std::span<const node_id> merged) { return tree.list(merged); };
  }
  disk_plan plan_disk() const { return plan_disk_whole(base, lister()); }
  apply_report apply_plan(const disk_plan& plan);
  void publish(local_plan& plan);
  /// Scan, publish, plan, apply; true when there was nothing to do.
  bool sync();
  /// Syncs until nothing is left to do.
  void settle();
  /// The same of what the watcher and the tree tell only; true when they told nothing.
  bool sync_told(watcher& w);

 private:
  std::optional<published> publish_one(const local_plan& plan, const local_change& change);
  std::optional<published> publish_created(const local_plan& plan, const local_change& change);
  std::optional<published> publish_modified(const local_change& change);
  local_plan plan_local(const std::vector<local_path>& starts);
  std::set<local_path> rescan_;
  std::set<local_path> wanted_;  ///< where something ignored stands in the tree's way
  ignored_items ignored_;
  published publish_moved(const local_plan& plan, const local_change& change);
  void publish_deleted(const local_change& change);
};

}  // namespace keyfold::mirror
