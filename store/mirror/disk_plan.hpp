// From tree to disk: what must be done so that the disk shows what the tree shows, judged from base
// and the tree alone (pure). Whether the disk still is as base says is looked at again by apply.
//
// Order of actions: notes; parks; folders made and things moved, nearest to the root first; files
// written; things removed, deepest first. A name that is wanted while its holder still moves or
// goes is freed by parking the holder under one of Keyfold's own names in the root: so swaps,
// cycles and chains need no further thought.
#pragma once

#include <memory>
#include <set>

#include "store/mirror/base.hpp"
#include "store/mirror/scan.hpp"
#include "store/workspace/tree.hpp"

namespace keyfold::mirror {

/// One name in a folder as the tree shows it (from workspace::shown_entry). A file without a
/// current version is not given.
struct shown_item {
  std::string name;
  node_kind kind = node_kind::file;
  node_id node;
  std::vector<node_id> merged;  ///< folders: all nodes behind the name, `node` included
  version_id version;           ///< files and symlinks
  hash32 content;               ///< list hash, or hash_of_target
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  bool executable = false;
  std::string target;  ///< symlinks
  /// Of a file: where its bytes lie.
  std::shared_ptr<const workspace::file_content> chunks{};
};
/// Of the tree's entry; nullopt for a file or symlink without a version.
[[nodiscard]] std::optional<shown_item> shown_of(const workspace::shown_entry& entry);

/// What a folder shows, given all nodes behind its name. Called with {root_node} for the root.
using list_shown = std::function<std::vector<shown_item>(std::span<const node_id> merged)>;

enum class disk_kind : std::uint8_t {
  note,  ///< only base changes: another id for what is there already
  park,  ///< moved aside under one of Keyfold's own names
  make_folder,
  move,
  write,           ///< a file or symlink; over `row` if that is set, else where nothing may be
  set_attributes,  ///< same bytes, other mtime or executable bit
  remove,
};

struct disk_action {
  disk_kind what = disk_kind::note;
  row_id row;                    ///< what is there already; 0: nothing
  std::optional<row_id> folder;  ///< base's row of the folder where it shall be; if none:
  node_id parent;                ///< the node of that folder, which an action before makes
  shown_item item;               ///< what it shall be; empty for park and remove
};

struct disk_plan {
  std::vector<disk_action> actions;
  std::vector<ignored_item> ignored;  ///< shown names that the disk cannot carry
  bool complete = true;  ///< false: `most_actions` was reached; apply these, then plan again
};

/// True when an ignore file is written, moved or removed, so that the whole mirror has to be scanned by
/// its rules. Ask before the plan is applied.
[[nodiscard]] bool changes_rules(const base& b, const disk_plan& plan);

/// A folder of the tree whose shown children may differ from base.
struct shown_folder {
  std::vector<node_id> merged;  ///< all nodes behind its name
  std::size_t depth = 0;        ///< number of names in its shown path
};

/// Plans for the folders given, all of them shown now (workspace::tree_changes; after local changes were
/// published also the folders where something was deleted on disk; and apply's `replan_folders`). Where
/// a node moved, both folders must be given. Plans the whole where these turn out not to be enough.
[[nodiscard]] disk_plan plan_disk(const base& b, const list_shown& list,
                                  std::span<const shown_folder> folders,
                                  std::size_t most_actions = 20'000);
[[nodiscard]] disk_plan plan_disk_whole(const base& b, const list_shown& list,
                                        std::size_t most_actions = 20'000);

}  // namespace keyfold::mirror
