// The tree of one workspace: Kleppmann, Mulligan, Gomes, Beresford, "A highly-available move
// operation for replicated trees" (2022), with files as multi-value registers and deletes as
// projections (DESIGN 6). State lies in a db::view; every shown name is a pure function of it, the
// same on all devices.
//
// Rules (O(x) is the place of an operation in the total order):
//   creation   the create or split of lowest order that makes the node; without one, its write of
//   lowest order
//              makes it a file (what made it does not count); without that it does not exist. Moves
//              before it are void
//   place      the last effective placement (creation or move). A folder's move is void when the
//   new parent
//              lies in the folder itself as of that order. A parent counts when it is a folder made
//              before the placement; else the node shows under `Recovered/`, and so does a file that
//              a write made, under a name of its id
//   delete     D marks a node while O(D) > O(its last placement) and D's author knew that
//   placement. D hides
//              x when an ancestor or x itself is marked by D, D's author knew the creation and the
//              place of x and of everything between (and none of them was to be moved elsewhere by
//              a void move), and every current version of x
//   skeleton   a hidden folder shows for what is visible in it, and only that
//   version    current in a node while it was written there (or split off into it) and nothing
//   there
//              replaced, dropped or split it off. A version id's write of lowest order counts,
//              others are void
#pragma once

#include <set>

#include "store/db/kv.hpp"
#include "store/feed/causality.hpp"
#include "store/workspace/operation.hpp"

namespace keyfold::workspace {

/// Which entry an operation stands in: its order (index 0) is the entry's identity.
using entry_order = feed::operation_order;

/// The folder `Recovered/` at the root: nodes whose parent does not count. It shows while something
/// is in it, and merges with a real folder of that name. No operation names it.
inline constexpr node_id recovered_node{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
inline constexpr std::string_view recovered_name = "Recovered";

/// One current version of a file or symlink.
struct shown_version {
  version_id version;
  node_content content;
  entry_order written;  ///< the write operation
  std::int64_t written_ms =
      0;             ///< mtime of the branch's first version, in ms: names a conflict copy
  device_id device;  ///< author of the branch's first version
  /// All current versions with the same bytes, `version` included: what a write over it replaces.
  std::vector<version_id> same;
};

/// One name in a folder, as every device shows it.
struct shown_entry {
  std::string name;  ///< unique in its folder; conflict copies and clashes already renamed
  node_kind kind = node_kind::file;
  node_id node;
  std::vector<node_id>
      merged;  ///< folders: all nodes behind the name, `node` first, skeletons last
  std::optional<shown_version> version;  ///< files and symlinks with content
  bool conflict_copy = false;            ///< a branch other than the oldest of a file
  std::size_t versions = 1;              ///< current versions of the node, equal bytes counted once
};

/// Writes of what a batch of applied operations changed, for the mirror and for status.
struct tree_changes {
  std::set<node_id> folders;  ///< folders whose shown children may differ now
};

/// One thing that somebody did, as history tells it. Everything in it is the same on all devices.
struct past_change {
  enum class kind : std::uint8_t { created, written, renamed, moved, deleted, restored };
  kind what = kind::written;
  entry_order at;                        ///< the operation; its device is the author
  std::optional<std::uint64_t> when_ms;  ///< by the author's clock, since 1970; nullopt: not told
  node_id node;
  node_kind of = node_kind::file;
  /// Written by it, or the last one written before it; zero for a folder, and before a file's first.
  version_id version;
  std::uint64_t size = 0;  ///< of that version
  std::int64_t mtime_ns = 0;
  bool current = false;  ///< that version is shown now, and was written by this
  std::vector<std::string>
      path;  ///< as names were given: where it stood then (and now if not moved)
  std::vector<std::string> from;  ///< of renamed and moved: where it stood before
};

/// What happened at a path, or in the folder there. Newest first, in operation order.
struct path_history {
  std::vector<past_change> changes;
  std::vector<past_change> deleted;  ///< from that very folder, and not there now
  bool more = false;                 ///< there was more than was asked for
  bool known = false;                ///< something stands or stood there
};

/// Something that stands or stood at a path: a file's or symlink's version, or a folder.
struct past_thing {
  node_id node;
  version_id version;                   ///< of a folder: its node's id
  std::optional<node_content> content;  ///< nullopt: a folder
};

class tree {
 public:
  /// `state` is this workspace's own part of the database; `name_key` is a device-local secret that
  /// hides names in keys. All referenced objects must outlive the tree.
  tree(db::view& state, workspace_id workspace, const symmetric_key& name_key,
       const feed::causality& causes);

  /// Adds operations of an entry that counts, `first.index` being the order of the first of them (a
  /// journal adds to its pending entry one by one). Any order of arrival gives the same state. An
  /// operation that breaks a rule is void alone.
  void apply(const entry_order& first, std::span<const operation> operations,
             tree_changes& changes);
  /// Takes an entry out again: it was quarantined after it had counted.
  void retract(const entry_order& entry, tree_changes& changes);
  /// The entry of that order (hash zero) has been signed: its final hash is known. The order of
  /// operations does not change.
  void sign(const entry_order& unsigned_entry, const entry_order& signed_entry);

  /// What folder `parent` (any of the nodes merged into one name) shows, ascending by name.
  /// `merged` are the nodes that its name stands for.
  [[nodiscard]] std::vector<shown_entry> list(std::span<const node_id> merged) const;
  /// The entry at a path of names from the root; nullopt when there is none. The empty path is the
  /// root folder.
  [[nodiscard]] std::optional<shown_entry> find(std::span<const std::string> path) const;
  /// The shown path of a node, for status and conflict messages; nullopt when it is not shown.
  [[nodiscard]] std::optional<std::vector<std::string>> path_of(node_id node) const;
  /// What a file shows: its branches, the oldest first. Empty for a folder and what has no content.
  [[nodiscard]] std::vector<shown_version> branches(node_id node) const;
  /// Every version of the node ever written and counted, current or not, in operation order:
  /// history.
  [[nodiscard]] std::vector<shown_version> history(node_id node) const;
  /// What a version says, current or not: `errc::not_found`.
  [[nodiscard]] expected<node_content> content_of(version_id version) const;
  /// What happened at a path, to whatever stands or stood there, and below it: at most `limit` changes. Of a file
  /// that was moved away what happened until then, and that. A node's part in it is bounded by nothing but its own
  /// versions; of a folder's the log is looked through from its end, at most some 20,000 operations of it.
  [[nodiscard]] path_history history_at(std::span<const std::string> path, std::size_t limit) const;
  /// The version or folder of that id among what stands or stood at the path; without one, what was deleted there
  /// last, with the last version that it had.
  [[nodiscard]] std::optional<past_thing> past_at(std::span<const std::string> path,
                                                  const std::optional<version_id>& version) const;
  /// True when the node is in the tree but not shown as itself: deleted, or without any content. (Of a folder what
  /// survived in it may show.)
  [[nodiscard]] bool is_gone(node_id node) const;
  /// What went together with a deleted folder: others of its name that stood at `path`, and what was deleted in it
  /// by the same device in the minute before, with the place of each. The folder itself is the first.
  struct gone_node {
    node_id node;
    node_id parent;
    std::string name;
    bool at_path = true;  ///< stood at the path itself, not in a folder there
  };
  [[nodiscard]] std::vector<gone_node> gone_with(std::span<const std::string> path,
                                                 node_id folder) const;
  /// The ids of all current versions of a node, of every branch, ascending.
  [[nodiscard]] std::vector<version_id> current_versions(node_id node) const;
  /// True for a folder that was deleted, and shows only for what survived in it: moving it as a
  /// whole would bring back what was deleted.
  [[nodiscard]] bool is_skeleton(node_id folder) const;
  /// Number of files shown, and the sum of their sizes (kept, not counted anew).
  struct totals {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] totals count() const;

 private:
  db::view& state_;
  workspace_id workspace_;
  symmetric_key name_key_;
  const feed::causality& causes_;
};

}  // namespace keyfold::workspace
