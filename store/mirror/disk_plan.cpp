#include "store/mirror/disk_plan.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace keyfold::mirror {

std::optional<shown_item> shown_of(const workspace::shown_entry& entry) {
  shown_item out;
  out.name = entry.name;
  out.kind = entry.kind;
  out.node = entry.node;
  out.merged = entry.merged;
  if (entry.kind == node_kind::folder) {
    if (out.merged.empty()) out.merged = {entry.node};
    return out;
  }
  if (!entry.version) return std::nullopt;
  out.version = entry.version->version;
  if (const auto* file = std::get_if<workspace::file_content>(&entry.version->content)) {
    out.content = file->list_hash;
    out.size = file->size;
    out.mtime_ns = file->mtime_ns;
    out.executable = file->executable;
    out.chunks = std::make_shared<const workspace::file_content>(*file);
  } else {
    const auto& link = std::get<workspace::symlink_content>(entry.version->content);
    out.target = as_text(link.target);
    out.content = hash_of_target(out.target);
    out.mtime_ns = link.mtime_ns;
  }
  return out;
}

namespace {

bool is_folder(const shown_item& item) {
  return item.kind == node_kind::folder;
}

class disk_planner {
 public:
  disk_planner(const base& b, const list_shown& list, std::size_t most)
      : base_(b), list_(list), most_(most) {}

  void start_at_root() {
    whole_ = true;
    compare(root_row, workspace::root_node, std::array{workspace::root_node}, 0);
  }
  void start_at(std::span<const shown_folder> changed);
  /// After finish(): true when a changed folder was not met, so that the whole must be planned.
  bool overlooks() const;
  disk_plan finish();

 private:
  /// An action and the place that it needs.
  struct planned {
    disk_action action;
    std::size_t depth = 0;
    bool placed = false;  ///< takes a name that it does not have yet
  };

  std::vector<base_row> folder_rows(std::span<const node_id> merged) const;
  void compare(std::optional<row_id> folder, const node_id& node, std::span<const node_id> merged,
               std::size_t depth);
  bool can_carry(std::optional<row_id> folder, const shown_item& item);
  void place_folder(std::optional<row_id> folder, const node_id& parent, const shown_item& item,
                    std::size_t depth);
  void place_file(std::optional<row_id> folder, const node_id& parent, const shown_item& item,
                  std::size_t depth);
  std::optional<base_row> choose(std::optional<row_id> folder, const shown_item& item, bool exact);
  void add(disk_kind what, std::optional<row_id> folder, const node_id& parent,
           const shown_item& item, std::size_t depth, row_id row);
  void bring_up(const base_row& row, std::optional<row_id> folder, const node_id& parent,
                const shown_item& item, std::size_t depth);
  bool moves_into_itself(const disk_action& move) const;
  void find_removes();
  void free_names();
  bool is_at(const base_row& row, std::optional<row_id> folder, const std::string& name) const {
    return row.parent == folder && row.name == name && !is_own_name(row.local);
  }

  const base& base_;
  const list_shown& list_;
  const std::size_t most_;
  bool whole_ = false;
  std::span<const shown_folder> given_;
  std::set<node_id> changed_;  ///< all nodes of `given_`
  std::set<node_id> met_;      ///< nodes of the folders compared
  std::vector<planned> steps_;
  std::map<node_id, disk_action> made_;  ///< folders to be made, by all nodes behind them
  std::set<row_id> compared_;
  std::set<row_id> kept_;  ///< rows that the tree still shows
  std::set<row_id> moving_;
  std::set<row_id> vanished_;    ///< rows that their folder no longer shows
  std::vector<row_id> removes_;  ///< deepest first
  std::set<row_id> removed_;
  bool turned_ = false;  ///< something would move into itself
  disk_plan plan_;
};

void disk_planner::start_at(std::span<const shown_folder> changed) {
  given_ = changed;
  for (const auto& folder : changed) changed_.insert(folder.merged.begin(), folder.merged.end());
  for (const auto& folder : changed) {
    const auto rows = folder_rows(folder.merged);
    // None is made by its own folder; which of two is the one, its own folder tells.
    if (rows.size() == 1) compare(rows[0].id, rows[0].node, folder.merged, folder.depth);
  }
}

std::vector<base_row> disk_planner::folder_rows(std::span<const node_id> merged) const {
  std::vector<base_row> out;
  for (const auto& node : merged)
    for (auto& row : base_.rows_of(node))
      if (is_folder(row)) out.push_back(std::move(row));
  return out;
}

void disk_planner::compare(std::optional<row_id> folder, const node_id& node,
                           std::span<const node_id> merged, std::size_t depth) {
  met_.insert(merged.begin(), merged.end());
  if (folder && !compared_.insert(*folder).second) return;
  auto items = list_(merged);
  std::erase_if(items, [&](const auto& item) { return !can_carry(folder, item); });
  // Versions that are on disk already are found first, so that no other of the same file takes
  // them.
  std::set<std::string> found;
  for (const auto& item : items) {
    if (is_folder(item)) continue;
    const auto row = choose(folder, item, true);
    if (!row) continue;
    found.insert(item.name);
    if (!is_at(*row, folder, item.name)) add(disk_kind::move, folder, node, item, depth, row->id);
  }
  for (const auto& item : items) {
    if (is_folder(item))
      place_folder(folder, node, item, depth);
    else if (!found.contains(item.name))
      place_file(folder, node, item, depth);
  }
  if (!folder) return;
  for (const auto& row : base_.children(*folder))
    if (whole_ || !is_own_name(row.local)) vanished_.insert(row.id);
}

/// Names come from peers: what is no name, or would be one of our own files, stays in the tree
/// only.
bool disk_planner::can_carry(std::optional<row_id> folder, const shown_item& item) {
  const bool is_name = workspace::check_name(item.name).has_value();
  if (is_name && !is_own_name(item.name)) return true;
  const auto path = folder ? base_.path_of(*folder) : std::nullopt;
  plan_.ignored.push_back({join(path.value_or(""), item.name),
                           is_name ? ignore_reason::reserved : ignore_reason::bad_name});
  return false;
}

/// The base row that `item` is, not yet taken by another; the one already in place before any
/// other.
std::optional<base_row> disk_planner::choose(std::optional<row_id> folder, const shown_item& item,
                                             bool exact) {
  std::optional<base_row> out;
  const auto consider = [&](const node_id& node) {
    for (auto& row : base_.rows_of(node)) {
      if (row.facts.kind != item.kind || kept_.contains(row.id)) continue;
      if (exact && row.version != item.version) continue;
      if (!out || (is_at(row, folder, item.name) && !is_at(*out, folder, item.name)))
        out = std::move(row);
    }
  };
  if (is_folder(item))
    for (const auto& node : item.merged) consider(node);
  else
    consider(item.node);
  if (out) kept_.insert(out->id);
  return out;
}

void disk_planner::place_folder(std::optional<row_id> folder, const node_id& parent,
                                const shown_item& item, std::size_t depth) {
  const auto row = choose(folder, item, false);
  if (!row) {
    if (steps_.size() >= most_) {
      plan_.complete = false;
      return;
    }
    add(disk_kind::make_folder, folder, parent, item, depth, root_row);
    for (const auto& node : item.merged) made_.emplace(node, steps_.back().action);
    return compare(std::nullopt, item.node, item.merged, depth + 1);
  }
  if (!is_at(*row, folder, item.name)) add(disk_kind::move, folder, parent, item, depth, row->id);
  const bool another = row->node != item.node;
  if (another) {
    add(disk_kind::note, folder, parent, item, depth, row->id);
  }
  const bool changed = std::any_of(item.merged.begin(), item.merged.end(),
                                   [&](const auto& node) { return changed_.contains(node); });
  // Behind one name several folders may have come together, whose content then moves into this one.
  if (whole_ || changed || another || item.merged.size() > 1)
    compare(row->id, item.node, item.merged, depth + 1);
}

void disk_planner::place_file(std::optional<row_id> folder, const node_id& parent,
                              const shown_item& item, std::size_t depth) {
  if (const auto row = choose(folder, item, false)) {
    if (!is_at(*row, folder, item.name)) add(disk_kind::move, folder, parent, item, depth, row->id);
    return bring_up(*row, folder, parent, item, depth);
  }
  if (steps_.size() >= most_)
    plan_.complete = false;
  else
    add(disk_kind::write, folder, parent, item, depth, root_row);
}

/// Another version of what is on disk.
void disk_planner::bring_up(const base_row& row, std::optional<row_id> folder,
                            const node_id& parent, const shown_item& item, std::size_t depth) {
  const bool same_bytes = row.content == item.content && row.facts.size == item.size;
  const bool same_attributes =
      row.facts.mtime_ns == item.mtime_ns && row.facts.executable == item.executable;
  const auto what = !same_bytes        ? disk_kind::write
                    : !same_attributes ? disk_kind::set_attributes
                                       : disk_kind::note;
  add(what, folder, parent, item, depth, row.id);
}

void disk_planner::add(disk_kind what, std::optional<row_id> folder, const node_id& parent,
                       const shown_item& item, std::size_t depth, row_id row) {
  const bool placed = what == disk_kind::move || what == disk_kind::make_folder ||
                      (what == disk_kind::write && row == root_row);
  if (what == disk_kind::move) moving_.insert(row);
  steps_.push_back({{what, row, folder, parent, item}, depth, placed});
}

/// Whether the place to move to lies, on disk, in what is moved, and nothing between moves out before.
bool disk_planner::moves_into_itself(const disk_action& move) const {
  auto folder = move.folder;
  for (auto node = move.parent; !folder;) {
    const auto made = made_.find(node);
    if (made == made_.end()) return false;
    folder = made->second.folder;
    node = made->second.parent;
  }
  for (auto row = base_.get(*folder); row && row->id != root_row; row = base_.get(row->parent)) {
    if (row->id == move.row) return true;
    if (moving_.contains(row->id)) return false;
  }
  return false;
}

bool disk_planner::overlooks() const {
  // A folder that is not on disk, or is twice, and whose own folder is not known to have changed: a local
  // delete spared what the user had not seen.
  const auto is_overlooked = [&](const shown_folder& folder) {
    return std::none_of(folder.merged.begin(), folder.merged.end(),
                        [&](const auto& node) { return met_.contains(node); });
  };
  return turned_ || std::any_of(given_.begin(), given_.end(), is_overlooked);
}

/// What no folder shows any more, with all below it that went nowhere else.
void disk_planner::find_removes() {
  for (const auto id : vanished_) {
    if (kept_.contains(id)) continue;
    std::vector<row_id> below;  // a folder before its content
    std::vector<row_id> open{id};
    while (!open.empty()) {
      const auto next = open.back();
      open.pop_back();
      if (kept_.contains(next) || !removed_.insert(next).second) continue;
      below.push_back(next);
      for (const auto& row : base_.children(next)) open.push_back(row.id);
    }
    removes_.insert(removes_.end(), below.rbegin(), below.rend());
  }
}

/// For every action that needs a name which something on disk still has.
void disk_planner::free_names() {
  std::set<row_id> parked;
  const auto count = steps_.size();
  for (std::size_t i = 0; i < count; ++i) {
    auto& step = steps_[i];
    if (!step.placed || !step.action.folder) continue;
    const auto holder = base_.child(*step.action.folder, step.action.item.name);
    if (!holder || holder->id == step.action.row) continue;
    const bool goes = removed_.contains(holder->id);
    const bool writes = step.action.what == disk_kind::write;
    if (goes && writes && !is_folder(*holder)) {
      step.action.row = holder->id;  // another file of that name: written over it at once
      removed_.erase(holder->id);
      continue;
    }
    // Writes come after all moves.
    const bool in_the_way = goes || (moving_.contains(holder->id) && !writes);
    if (in_the_way && parked.insert(holder->id).second)
      plan_.actions.push_back({disk_kind::park, holder->id, {}, {}, {}});
  }
}

disk_plan disk_planner::finish() {
  // A folder moved into one within it: the user's move of the other was void in the tree.
  turned_ = std::any_of(steps_.begin(), steps_.end(), [&](const planned& step) {
    return step.action.what == disk_kind::move && moves_into_itself(step.action);
  });
  find_removes();
  free_names();
  const auto rank = [](const planned& s) {
    if (s.action.what == disk_kind::note) return 0;
    return s.action.what == disk_kind::make_folder || s.action.what == disk_kind::move ? 1 : 2;
  };
  std::stable_sort(steps_.begin(), steps_.end(), [&](const planned& a, const planned& b) {
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    return rank(a) == 1 && a.depth < b.depth;
  });
  auto parks = std::exchange(plan_.actions, {});
  for (auto& step : steps_) {
    plan_.actions.push_back(std::move(step.action));
  }
  const auto notes =
      std::count_if(steps_.begin(), steps_.end(), [&](const planned& s) { return rank(s) == 0; });
  plan_.actions.insert(plan_.actions.begin() + notes, parks.begin(), parks.end());
  // While not all was compared, what seems to have gone may only have moved.
  if (plan_.complete)
    for (const auto id : removes_)
      if (removed_.contains(id)) plan_.actions.push_back({disk_kind::remove, id, {}, {}, {}});
  return std::move(plan_);
}

}  // namespace

disk_plan plan_disk(const base& b, const list_shown& list, std::span<const shown_folder> folders,
                    std::size_t most_actions) {
  disk_planner planner(b, list, most_actions);
  planner.start_at(folders);
  auto plan = planner.finish();
  return planner.overlooks() ? plan_disk_whole(b, list, most_actions) : plan;
}

disk_plan plan_disk_whole(const base& b, const list_shown& list, std::size_t most_actions) {
  disk_planner planner(b, list, most_actions);
  planner.start_at_root();
  return planner.finish();
}

bool changes_rules(const base& b, const disk_plan& plan) {
  return std::any_of(plan.actions.begin(), plan.actions.end(), [&](const disk_action& action) {
    if (action.what == disk_kind::note) return false;
    if (action.item.name == ignore_file_name) return true;
    const auto row = action.row == root_row ? std::nullopt : b.get(action.row);
    return row && row->name == ignore_file_name;
  });
}

}  // namespace keyfold::mirror
