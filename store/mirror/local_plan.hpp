// From disk to tree: what the user did, judged from base and a scan alone (pure).
//
// What a change means to the tree (row: base's; "parent": parent_row(plan, change)):
//
//   created     If the tree shows something of that name and kind whose node base has no row of (a
//               joined folder, a crash before base was written): a folder is taken as it is, and so is
//               a file of equal bytes; other bytes are written to that node and replace no version (a
//               conflict copy). Else create, and write; two folders of one name show as one.
//   modified    Read it. Equal content and attributes: only record(). Else write, replacing
//               row.version; if the tree has another version by now, both are current: that is
//               the conflict copy.
//   attributes  A version of the same content; replaces row.version.
//   moved       Move (of a conflict copy: split). The bytes are as base says.
//   deleted     What find_deletions (deletion.hpp) says: nothing that had not reached this disk.
//   refreshed   Only record(): a folder was made anew, or a name spelled anew.
//
// In the order given every folder comes before what is in it, and deletes come last. After each is
// journalled, record() brings base up.
//
// Things that the rules leave here (ignore.hpp) are told as ignored if they are new: base has nothing
// under their name in their folder, and they are none of its inodes. What is synced already is judged as
// anything else, wherever it is renamed to; only a folder that is left out is not looked into, so that
// what is moved there counts as moved out of the mirror. A new folder that holds nothing but what is
// ignored stays here too: else a folder deleted elsewhere would come back for the sake of what is left in it.
//
// A scan is no snapshot: a file moved while it runs, from a folder not visited yet to one visited
// before, looks deleted and, at the next scan, created. That loses the thread of its history, never
// its bytes.
#pragma once

#include <set>

#include "store/mirror/base.hpp"
#include "store/mirror/scan.hpp"

namespace keyfold::mirror {

enum class local_kind : std::uint8_t { created, modified, attributes, moved, deleted, refreshed };

struct local_change {
  local_kind what = local_kind::created;
  row_id row;                             ///< base's row; 0 for created until record()
  local_path path;                        ///< where it is now; deleted: where it was
  std::string name;                       ///< NFC
  row_id parent;                          ///< the row of its folder now, unless new_parent
  std::optional<std::size_t> new_parent;  ///< index of the change that creates its folder
  mirror::facts disk;                     ///< what the scan saw; deleted: what base said
};

struct local_plan {
  std::vector<local_change> changes;
  std::vector<ignored_item> ignored;  ///< ascending by path
  std::set<local_path> listed;        ///< folders whose content was seen
  std::uint64_t deleted_files = 0;
  std::set<local_path>
      deferred;  ///< new folders not looked into yet: scan them once this is published
  std::vector<row_id> restored;  ///< with brake::restore: forget these rows, then plan the disk
};

/// What to do when a scan finds more than half of base's files gone, and at least 20.
enum class brake : std::uint8_t {
  ask,      ///< `errc::mass_delete`
  accept,   ///< they were meant to go
  restore,  ///< they are written again
};
inline constexpr std::uint64_t brake_from_files = 20;

/// Why a new thing in a folder stays here (ignore.hpp); nullopt: it travels.
using judge_new = std::function<std::optional<ignore_reason>(const listed& entry)>;

/// Takes listings (a folder before those in it), then tells the changes. One use. `b` must outlive
/// it.
class local_planner {
 public:
  explicit local_planner(const base& b) : base_(b) {}

  /// `judge` is asked about what base does not know in this folder; empty: all of it travels.
  void add(const listing& seen, const judge_new& judge = {});
  /// Places (as the tree names them) where the tree shows something: what is there must not stay here.
  void set_wanted(std::set<local_path> places) { wanted_ = std::move(places); }
  void add_ignored(const ignored_item& item) { ignored_.push_back(item); }
  /// For a scan of some folders: whether this entry must be walked although nobody asked, because
  /// base does not know it there. True for any folder that is new or moved.
  [[nodiscard]] bool descend(const local_path& folder, const listed& entry) const;
  /// True for a folder just added of which base knows nothing, neither its place nor its inode.
  [[nodiscard]] bool is_new(const local_path& folder) const;
  [[nodiscard]] std::size_t arrivals() const { return arrivals_.size(); }
  /// True when something is not where base has it, and may turn up in a folder not listed yet.
  [[nodiscard]] bool misses() const;
  /// True for a folder just added that stays here, so that nothing in it is to be looked at.
  [[nodiscard]] bool is_left_out(const local_path& folder, const listed& entry) const;
  /// Folders that must be listed too before finish() may judge (where something moved from).
  [[nodiscard]] std::set<local_path> missing() const;
  [[nodiscard]] expected<local_plan> finish(brake answer = brake::ask);

 private:
  /// Something that base does not have at its place, or has as another inode.
  struct arrival {
    listed entry;
    std::optional<row_id> parent;       ///< row of its folder; none while base does not know that
    std::optional<row_id> settled;      ///< the row that it is
    std::optional<std::size_t> change;  ///< index of the change that tells of it
    std::optional<ignore_reason> ignored;  ///< what the rules say if it is new
    bool stays_here = false;               ///< it is, and left out
  };

  [[nodiscard]] std::optional<row_id> row_of(const listing& seen);
  [[nodiscard]] std::vector<listed> settle_twins(const listing& seen, std::optional<row_id> folder);
  /// `row`: base's of that name in the folder, or null.
  void compare(const local_path& path, row_id folder, const listed& entry, const base_row* row);
  void stay(const local_path& path, const listed& entry, const base_row& row);
  void arrive(const local_path& path, std::optional<row_id> folder, const listed& entry);
  void displace_absent(std::span<const base_row> rows, const std::set<std::string>& present);
  void displace_present(const local_path& folder, row_id row);

  [[nodiscard]] std::optional<base_row> holder(const arrival& a) const;
  [[nodiscard]] std::vector<base_row> origins(const arrival& a) const;
  [[nodiscard]] bool is_gone(const base_row& row) const;
  void claim(arrival& a, row_id row);
  void settle_folders();
  void settle_files();
  void leave_out_new();
  void tell_arrivals(local_plan& plan);
  void tell_arrival(const local_path& path, arrival& a, local_plan& plan);
  [[nodiscard]] std::vector<row_id> gone_rows() const;
  [[nodiscard]] std::uint64_t count_gone_files(row_id row) const;

  const base& base_;
  std::map<local_path, std::optional<row_id>> met_;  ///< folders met as entries, not listed yet
  std::map<local_path, std::set<std::string>>
      unknown_;  ///< names in folders that base does not know
  std::map<local_path, arrival> arrivals_;
  std::map<row_id, local_change> in_place_;
  std::set<row_id> listed_;     ///< folders listed
  std::set<row_id> displaced_;  ///< no longer where base has them
  std::set<row_id> claimed_;    ///< found again, or followed by what took their place
  std::set<local_path> missing_;
  std::set<local_path> skipped_;  ///< listed before it could be told what they are
  std::vector<ignored_item> ignored_;
  std::set<local_path> closed_;  ///< folders that stay here, not looked into
  std::set<local_path> seen_;
  const judge_new* judge_ = nullptr;  ///< during add()
  std::set<local_path> wanted_;
};

/// The row of the folder that holds `change`; valid once the changes before it are recorded.
[[nodiscard]] row_id parent_row(const local_plan& plan, const local_change& change);

/// What the tree knows of a change once it is journalled.
struct published {
  node_id node;
  version_id version;
  hash32 content;
  /// What was read (read.hpp); nullopt: as the scan saw it.
  std::optional<mirror::facts> disk;
};
/// Brings base up to a change that the tree now has. `now` is not looked at for deleted and
/// refreshed; for moved only its node is, unless it is zero.
void record(base& b, local_plan& plan, std::size_t index, const published& now = {});

/// True when an ignore file is among what changed, so that the whole mirror has to be scanned by its rules. Ask
/// before record().
[[nodiscard]] bool changes_rules(const base& b, const local_plan& plan);
/// Brings `items` up to what a scan has found: what it did not look at stays, if it is still there.
void keep_ignored(ignored_items& items, const root& r, const local_plan& plan);

/// The folders in which nothing is looked at.
[[nodiscard]] std::set<local_path> closed_folders(const ignored_items& items);

/// Things new on disk of which one plan tells, about: each takes half a KiB of memory until it is published.
inline constexpr std::size_t most_new = 20'000;

/// Scans `starts` ("" : everything) and plans: scan, rules, local_planner and its missing folders in
/// one. `wanted`: places where the tree shows something, so that no rule may leave out what is there
/// (folders as on disk, names as they travel). Beyond `most` new things, further new folders and
/// `starts` are put off, unless something is missing that might have been moved into them; of such a folder it is not
/// known yet whether it holds only what is ignored.
[[nodiscard]] expected<local_plan> find_local_changes(const root& r, const base& b,
                                                      std::span<const local_path> starts,
                                                      brake answer = brake::ask,
                                                      const std::set<local_path>& wanted = {},
                                                      std::size_t most = most_new);

}  // namespace keyfold::mirror
