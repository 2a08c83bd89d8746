#include "store/mirror/local_plan.hpp"

#include <tuple>

#include "store/mirror/ignore.hpp"

namespace keyfold::mirror {

namespace {

bool is_folder(const facts& f) {
  return f.kind == node_kind::folder;
}

/// What a user changed of a file or symlink that is still the same inode; nullopt: nothing.
std::optional<local_kind> difference(const facts& before, const facts& now, bool moved) {
  if (moved ? unchanged_but_moved(before, now) : unchanged(before, now)) return std::nullopt;
  const bool same_bytes = before.kind == now.kind && before.size == now.size &&
                          before.mtime_ns == now.mtime_ns && before.target == now.target;
  return same_bytes && before.executable != now.executable ? local_kind::attributes
                                                           : local_kind::modified;
}

local_change change_at(local_kind what, const local_path& path, const listed& entry, row_id row) {
  local_change out;
  out.what = what;
  out.row = row;
  out.path = path;
  out.name = entry.name;
  out.disk = entry.facts;
  return out;
}

}  // namespace

// --- taking listings
// -----------------------------------------------------------------------------------

std::optional<row_id> local_planner::row_of(const listing& seen) {
  if (const auto met = met_.find(seen.path); met != met_.end()) {
    const auto row = met->second;
    met_.erase(met);
    return row;
  }
  // A folder that the scan started at: base must have this very folder there, or its own folder
  // tells.
  const auto row = base_.find(seen.path);
  if (row && is_folder(row->facts) && (row->id == root_row || same_inode(row->facts, seen.folder)))
    return row->id;
  missing_.insert(parent_of(seen.path));
  skipped_.insert(seen.path);
  return std::nullopt;
}

void local_planner::add(const listing& seen, const judge_new& judge) {
  judge_ = &judge;
  const bool met = met_.contains(seen.path);
  const auto folder = row_of(seen);
  if (!met && !folder) return;
  seen_.insert(seen.path);

  const auto rows = folder ? base_.children(*folder) : std::vector<base_row>{};
  std::map<std::string_view, const base_row*> row_of_name;
  for (const auto& row : rows) row_of_name.try_emplace(row.name, &row);  // of two the older
  std::set<std::string> present;
  for (const auto& item : seen.ignored) {
    ignored_.push_back(item);
    if (auto name = workspace::normalize_name(name_of(item.path))) present.insert(*name);
  }
  for (const auto& entry : settle_twins(seen, folder)) {
    present.insert(entry.name);
    const auto path = join(seen.path, entry.local);
    const auto row = row_of_name.find(entry.name);
    if (folder)
      compare(path, *folder, entry, row == row_of_name.end() ? nullptr : row->second);
    else
      arrive(path, std::nullopt, entry);
  }
  if (folder) {
    listed_.insert(*folder);
    displace_absent(rows, present);
  } else {
    unknown_[seen.path] = std::move(present);
  }
}

std::vector<listed> local_planner::settle_twins(const listing& seen, std::optional<row_id> folder) {
  std::vector<listed> out;
  for (const auto& entry : seen.entries) {
    if (out.empty() || out.back().name != entry.name) {
      out.push_back(entry);
      continue;
    }
    // The spelling that base knows stays; else the one that is as it travels; else the first.
    const auto row = folder ? base_.child(*folder, entry.name) : std::nullopt;
    const auto& wanted = row ? row->local : entry.name;
    auto loser = entry;
    if (entry.local == wanted) std::swap(out.back(), loser);
    ignored_.push_back({join(seen.path, loser.local), ignore_reason::twin});
  }
  return out;
}

void local_planner::compare(const local_path& path, row_id folder, const listed& entry,
                            const base_row* row) {
  if (row && same_inode(row->facts, entry.facts)) return stay(path, entry, *row);
  if (row) displaced_.insert(row->id);
  arrive(path, folder, entry);
}

void local_planner::stay(const local_path& path, const listed& entry, const base_row& row) {
  const bool respelled = row.local != entry.local;
  auto what = respelled ? std::optional(local_kind::refreshed) : std::nullopt;
  if (is_folder(entry.facts))
    met_[path] = row.id;
  else if (const auto changed = difference(row.facts, entry.facts, false))
    what = changed;
  if (!what) return;
  auto& change = in_place_[row.id] = change_at(*what, path, entry, row.id);
  change.parent = row.parent;
}

void local_planner::arrive(const local_path& path, std::optional<row_id> folder,
                           const listed& entry) {
  const auto known = arrivals_.find(path);  // listed twice: what it is has been settled
  if (known != arrivals_.end() && known->second.entry.facts.inode == entry.facts.inode) return;
  arrival a;
  a.entry = entry;
  a.parent = folder;
  const auto has_place = [&] {
    return (folder ? base_.child(*folder, entry.name) : base_.find(path)).has_value();
  };
  if (*judge_) a.ignored = (*judge_)(entry);
  if (a.ignored && !has_place() && origins(a).empty()) {
    if (is_folder(entry.facts)) closed_.insert(path);
    return ignored_.push_back({path, *a.ignored, is_folder(entry.facts)});
  }
  if (is_folder(entry.facts)) {
    // A folder is at one place only: wherever base had this inode, it moved.
    for (const auto& origin : origins(a))
      if (!a.settled && !claimed_.contains(origin.id)) claim(a, origin.id);
    met_[path] = a.settled;
  }
  arrivals_[path] = std::move(a);
}

void local_planner::displace_absent(std::span<const base_row> rows,
                                    const std::set<std::string>& present) {
  for (const auto& row : rows)
    if (!present.contains(row.name) && !is_own_name(row.local)) displaced_.insert(row.id);
}

bool local_planner::descend(const local_path& folder, const listed& entry) const {
  const auto path = join(folder, entry.local);
  if (arrivals_.contains(path)) return true;
  const auto skipped = skipped_.lower_bound(path);  // asked for before it could be understood
  return skipped != skipped_.end() && is_within(*skipped, path);
}

bool local_planner::is_new(const local_path& folder) const {
  const auto at = arrivals_.find(folder);
  if (at == arrivals_.end() || at->second.settled) return false;
  return !at->second.parent || !base_.child(*at->second.parent, at->second.entry.name);
}

bool local_planner::misses() const {
  return std::ranges::any_of(displaced_, [&](row_id row) { return !claimed_.contains(row); });
}

bool local_planner::is_left_out(const local_path& folder, const listed& entry) const {
  return closed_.contains(join(folder, entry.local));
}

std::set<local_path> local_planner::missing() const {
  auto out = missing_;
  for (const auto& [path, a] : arrivals_) {
    if (is_folder(a.entry.facts)) continue;
    for (const auto& origin : origins(a)) {
      if (listed_.contains(origin.parent) || is_gone(origin)) continue;
      if (auto from = base_.path_of(origin.parent)) out.insert(std::move(*from));
    }
  }
  return out;
}

// --- judging
// -------------------------------------------------------------------------------------------

/// What base has where `a` is now, unless that has been found elsewhere.
std::optional<base_row> local_planner::holder(const arrival& a) const {
  auto row = a.parent ? base_.child(*a.parent, a.entry.name) : std::nullopt;
  if (!row || row->facts.kind != a.entry.facts.kind || claimed_.contains(row->id))
    return std::nullopt;
  return row;
}

/// The rows whose inode `a` is.
std::vector<base_row> local_planner::origins(const arrival& a) const {
  auto out = base_.with_inode(a.entry.facts.inode);
  std::erase_if(out, [&](const auto& row) { return !same_inode(row.facts, a.entry.facts); });
  return out;
}

/// True when the row's thing is not where base has it, by itself or with a folder above it.
bool local_planner::is_gone(const base_row& row) const {
  for (auto at = std::optional(row); at && at->id != root_row; at = base_.get(at->parent)) {
    if (displaced_.contains(at->id)) return at->id == row.id || !claimed_.contains(at->id);
    if (claimed_.contains(at->id)) return false;
  }
  return false;
}

void local_planner::claim(arrival& a, row_id row) {
  a.settled = row;
  claimed_.insert(row);
}

void local_planner::settle_folders() {
  for (auto& [path, a] : arrivals_) {  // ascending: a folder comes before what is in it
    if (!a.parent) a.parent = arrivals_.at(parent_of(path)).settled;
    if (!is_folder(a.entry.facts) || a.settled) continue;
    const auto row = holder(a);
    if (!row) continue;
    claim(a, row->id);  // made anew under its old name: the same folder
    displaced_.insert(row->id);
    const auto names = unknown_.find(path);
    if (names == unknown_.end()) continue;  // could not be listed: nothing is known of its content
    listed_.insert(row->id);
    displace_absent(base_.children(row->id), names->second);
    displace_present(path, row->id);
  }
}

/// Each thing in a folder made anew is itself to be judged, since the scan could not compare it.
void local_planner::displace_present(const local_path& folder, row_id row) {
  for (auto at = arrivals_.upper_bound(folder);
       at != arrivals_.end() && at->first.starts_with(folder); ++at)
    if (parent_of(at->first) == folder)
      if (const auto old = base_.child(row, at->second.entry.name)) displaced_.insert(old->id);
}

void local_planner::settle_files() {
  std::map<row_id, std::size_t> wanted;  // rows that some arrival is the inode of
  std::map<local_path, row_id> origin_of;
  for (const auto& [path, a] : arrivals_) {
    if (is_folder(a.entry.facts)) continue;
    for (const auto& origin : origins(a)) {
      if (!is_gone(origin)) continue;  // a hard link of what is still there
      ++wanted[origin.id];
      origin_of.emplace(path, origin.id);
    }
  }
  // An unknown inode under a known name: an editor saved by writing a new file and renaming it.
  for (auto& [path, a] : arrivals_)
    if (!is_folder(a.entry.facts) && !origin_of.contains(path))
      if (const auto row = holder(a)) claim(a, row->id);
  for (auto& [path, a] : arrivals_) {
    const auto origin = origin_of.find(path);
    if (origin == origin_of.end()) continue;
    const auto row = holder(a);
    if (row && (claimed_.contains(origin->second) || !wanted.contains(row->id)))
      claim(a, row->id);  // renamed over it: the old name's file has new bytes
    else if (!claimed_.contains(origin->second))
      claim(a, origin->second);
  }
}

/// Marks what stays here now that it is known what is new. A folder does only if nothing in it travels.
void local_planner::leave_out_new() {
  std::set<local_path> travel;               // folders with something that does
  std::map<local_path, ignore_reason> stay;  // folders with something that does not
  for (const auto& item : ignored_) stay.emplace(parent_of(item.path), item.reason);
  for (auto each = arrivals_.rbegin(); each != arrivals_.rend(); ++each) {  // what is in it first
    auto& [path, a] = *each;
    auto why = a.ignored;
    if (const auto held = stay.find(path); !why && is_folder(a.entry.facts) && held != stay.end())
      why = held->second;
    const bool wanted = wanted_.contains(join(parent_of(path), a.entry.name));
    a.stays_here = !a.settled && why && !wanted && !travel.contains(path);
    if (!a.stays_here) {
      travel.insert(parent_of(path));
      continue;
    }
    ignored_.push_back({path, *why});
    stay.emplace(parent_of(path), *why);
  }
}

void local_planner::tell_arrivals(local_plan& plan) {
  // Nearest to the root first, so that each folder is where it shall be before what is in it.
  std::vector<std::pair<const local_path, arrival>*> order;
  for (auto& each : arrivals_)
    if (!each.second.stays_here) order.push_back(&each);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return depth_of(a->first) < depth_of(b->first);
  });
  for (auto* each : order) tell_arrival(each->first, each->second, plan);
}

void local_planner::tell_arrival(const local_path& path, arrival& a, local_plan& plan) {
  const auto tell = [&](local_kind what) {
    auto change = change_at(what, path, a.entry, a.settled.value_or(root_row));
    if (a.parent)
      change.parent = *a.parent;
    else
      change.new_parent = arrivals_.at(parent_of(path)).change;
    if (!a.change) a.change = plan.changes.size();
    plan.changes.push_back(std::move(change));
  };
  if (!a.settled) return tell(local_kind::created);
  const auto row = base_.get(*a.settled);
  if (!row) return tell(local_kind::created);
  const bool stays = a.parent == row->parent && row->name == a.entry.name;
  if (stays && is_folder(a.entry.facts)) return tell(local_kind::refreshed);
  if (!stays) tell(local_kind::moved);
  if (is_folder(a.entry.facts)) return;
  if (const auto changed = difference(row->facts, a.entry.facts, !stays)) tell(*changed);
}

/// Displaced rows not found again, without those that go with a folder above them.
std::vector<row_id> local_planner::gone_rows() const {
  const auto lost = [&](row_id row) { return displaced_.contains(row) && !claimed_.contains(row); };
  std::vector<row_id> out;
  for (const auto id : displaced_) {
    if (!lost(id)) continue;
    bool covered = false;
    for (auto at = base_.get(id); at && at->parent != root_row && !covered;) {
      at = base_.get(at->parent);
      if (!at || claimed_.contains(at->id)) break;
      covered = lost(at->id);
    }
    if (!covered) out.push_back(id);
  }
  return out;
}

std::uint64_t local_planner::count_gone_files(row_id row) const {
  std::uint64_t out = 0;
  std::vector<row_id> open{row};
  while (!open.empty()) {
    const auto next = base_.get(open.back());
    open.pop_back();
    if (!next || claimed_.contains(next->id)) continue;
    if (!is_folder(next->facts)) {
      ++out;
      continue;
    }
    for (const auto& below : base_.children(next->id)) open.push_back(below.id);
  }
  return out;
}

expected<local_plan> local_planner::finish(brake answer) {
  local_plan plan;
  settle_folders();
  settle_files();
  leave_out_new();
  tell_arrivals(plan);
  // What an earlier listing saw in its place may since have been met elsewhere.
  for (auto& [row, change] : in_place_)
    if (!claimed_.contains(row)) plan.changes.push_back(std::move(change));
  const auto by_path = [](const ignored_item& a, const ignored_item& b) { return a.path < b.path; };
  const auto same = [](const ignored_item& a, const ignored_item& b) { return a.path == b.path; };
  std::stable_sort(ignored_.begin(), ignored_.end(), by_path);
  ignored_.erase(std::unique(ignored_.begin(), ignored_.end(), same), ignored_.end());
  plan.ignored = std::move(ignored_);
  plan.listed = std::move(seen_);

  const auto gone = gone_rows();
  for (const auto row : gone) plan.deleted_files += count_gone_files(row);
  const bool most =
      plan.deleted_files >= brake_from_files && plan.deleted_files * 2 > base_.files();
  if (most && answer == brake::ask)
    return fail(errc::mass_delete,
                std::to_string(plan.deleted_files) + " of " + std::to_string(base_.files()) +
                    " files are gone from the mirror; --accept-deletes or --restore");
  for (const auto id : gone) {
    if (answer == brake::restore) {
      plan.restored.push_back(id);
      continue;
    }
    const auto row = base_.get(id);
    local_change change;
    change.what = local_kind::deleted;
    change.row = id;
    change.path = base_.path_of(id).value_or(row->local);
    change.name = row->name;
    change.parent = row->parent;
    change.disk = row->facts;
    plan.changes.push_back(std::move(change));
  }
  return plan;
}

// --- bringing base up
// ----------------------------------------------------------------------------------

row_id parent_row(const local_plan& plan, const local_change& change) {
  return change.new_parent ? plan.changes.at(*change.new_parent).row : change.parent;
}

namespace {

/// Facts after a move: what may have changed besides stays as base had it, for the change that
/// tells.
facts moved_facts(const facts& before, facts now) {
  if (!unchanged_but_moved(before, now)) now.ctime_ns = 0;
  now.size = before.size;
  now.mtime_ns = before.mtime_ns;
  now.executable = before.executable;
  now.target = before.target;
  return now;
}

}  // namespace

void record(base& b, local_plan& plan, std::size_t index, const published& now) {
  auto& change = plan.changes.at(index);
  if (change.what == local_kind::deleted) return b.erase(change.row);
  auto row = change.what == local_kind::created ? std::optional(base_row{}) : b.get(change.row);
  if (!row) return;
  row->local = name_of(change.path);
  switch (change.what) {
    case local_kind::moved:
      row->facts = moved_facts(row->facts, change.disk);
      if (!now.node.is_zero()) row->node = now.node;
      row->parent = parent_row(plan, change);
      row->name = change.name;
      break;
    case local_kind::refreshed:
      row->facts = change.disk;
      break;
    default:
      row->parent = parent_row(plan, change);
      row->name = change.name;
      row->node = now.node;
      row->version = now.version;
      row->content = now.content;
      row->facts = now.disk.value_or(change.disk);
  }
  change.row = b.put(std::move(*row));
}

bool changes_rules(const base& b, const local_plan& plan) {
  return std::any_of(plan.changes.begin(), plan.changes.end(), [&](const local_change& change) {
    if (change.name == ignore_file_name) return true;
    const auto row = change.what == local_kind::moved ? b.get(change.row) : std::nullopt;
    return row && row->name == ignore_file_name;
  });
}

void keep_ignored(ignored_items& items, const root& r, const local_plan& plan) {
  ignored_items now;
  for (const auto& item : plan.ignored)
    now.emplace(item.path, ignored_thing{std::string(to_string(item.reason)), item.closed});
  const auto is_left_out = [&](local_path folder) {
    for (; !folder.empty(); folder = parent_of(folder))
      if (now.contains(folder)) return true;
    return false;
  };
  for (auto& [path, thing] : items) {
    const auto folder = parent_of(path);
    if (!plan.listed.contains(folder) && !is_left_out(folder) && look(r, path))
      now.emplace(path, std::move(thing));
  }
  items = std::move(now);
}

std::set<local_path> closed_folders(const ignored_items& items) {
  std::set<local_path> out;
  for (const auto& [path, thing] : items)
    if (thing.closed) out.insert(path);
  return out;
}

expected<local_plan> find_local_changes(const root& r, const base& b,
                                        std::span<const local_path> starts, brake answer,
                                        const std::set<local_path>& wanted, std::size_t most) {
  const bool whole = std::find(starts.begin(), starts.end(), "") != starts.end();
  local_planner planner(b);
  planner.set_wanted(wanted);
  ignore_chain rules([&](const local_path& folder) { return read_ignore_file_of(r, folder); });
  scan_hooks hooks;
  hooks.visit = [&](const listing& seen) {
    rules.enter(seen.path);
    if (rules.cut())
      planner.add_ignored({join(seen.path, ignore_file_name), ignore_reason::ignore_limit});
    planner.add(seen, [&](const listed& entry) {
      if (wanted.contains(join(seen.path, entry.name))) return std::optional<ignore_reason>();
      return rules.judge(entry.name, is_folder(entry.facts));
    });
  };
  hooks.ignored = [&](const ignored_item& item) { planner.add_ignored(item); };
  std::set<local_path> deferred;
  bool may_defer = true;
  hooks.descend = [&](const local_path& folder, const listed& entry) {
    return !planner.is_left_out(folder, entry) && (whole || planner.descend(folder, entry));
  };
  std::vector<local_path> next(starts.begin(), starts.end());
  if (whole) next = {""};
  std::sort(next.begin(), next.end());  // a folder before those in it
  std::set<local_path> asked(next.begin(), next.end());
  auto may_wait = asked;
  hooks.put_off = [&](const local_path& folder) {
    const bool later = may_defer && planner.arrivals() > most &&
                       (may_wait.contains(folder) || planner.is_new(folder));
    if (later) {
      deferred.insert(folder);
      asked.erase(folder);
    }
    return later;
  };
  while (!next.empty()) {
    KEYFOLD_CHECK(scan(r, next, hooks));
    next.clear();
    may_wait.clear();
    for (const auto& path : planner.missing()) {
      if (!asked.insert(path).second) continue;
      deferred.erase(path);
      next.push_back(path);
    }
    if (next.empty() && planner.misses()) {
      may_defer = false;
      next.assign(deferred.begin(), deferred.end());
      deferred.clear();
    }
  }
  KEYFOLD_TRY(auto plan, planner.finish(answer));
  plan.deferred = std::move(deferred);
  return plan;
}

}  // namespace keyfold::mirror
