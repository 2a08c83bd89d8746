#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "store/mirror/applier.hpp"

namespace keyfold::mirror {

namespace {

// Tuning: how much one syncfs makes durable.
constexpr std::size_t batch_files = 256;  // each keeps its folder open
constexpr std::uint64_t batch_bytes = std::uint64_t{64} * 1024 * 1024;

}  // namespace

std::string own_name(std::string_view prefix, row_id row) {
  return std::string(prefix) + std::to_string(row.value);
}

tl::unexpected<error> changed(const local_path& path) {
  return fail(errc::changed_on_disk, path + " changed on disk since the last scan");
}

// --- one action after the other

expected<apply_report> applier::run() {
  expected<void> full;
  for (std::size_t i = 0; i < plan_.actions.size() && full; ++i) {
    if (plan_.actions[i].what == disk_kind::remove) KEYFOLD_CHECK(flush());
    const bool later = plan_.actions[i].what == disk_kind::write;
    if (!later && i >= intended_until_) KEYFOLD_CHECK(intend_from(i));
    const auto done = act(i);
    if (done)
      report_.done += later ? 0 : 1;
    else if (done.error().code == errc::disk_full)
      full = done;
    else
      skip(i, done.error());
    if (waiting_.size() >= batch_files || waiting_bytes_ >= batch_bytes) KEYFOLD_CHECK(flush());
  }
  KEYFOLD_CHECK(flush());
  if (report_.done > 0) KEYFOLD_CHECK(sync());
  base_.intend({});  // all of it is recorded
  if (!full) return fail(full);
  return std::move(report_);
}

expected<void> applier::act(std::size_t index) {
  const auto& action = plan_.actions[index];
  switch (action.what) {
    case disk_kind::make_folder:
      return make_folder(action);
    case disk_kind::write:
      return prepare(index);
    case disk_kind::note:
      return note(action);
    default:
      break;
  }
  KEYFOLD_TRY(auto row, row_of(action.row));
  switch (action.what) {
    case disk_kind::park:
      return park(std::move(row));
    case disk_kind::move:
      return move(action, std::move(row));
    case disk_kind::set_attributes:
      return set_attributes(action, row);
    default:
      return remove(row);
  }
}

expected<void> applier::note(const disk_action& action) {
  KEYFOLD_TRY(auto row, row_of(action.row));
  row.node = action.item.node;
  row.version = action.item.version;
  row.content = action.item.content;
  base_.put(std::move(row));
  return {};
}

base_row applier::parked(base_row row) {
  row.parent = root_row;
  row.name = row.local = own_name(park_prefix, row.id);
  return row;
}

expected<void> applier::park(base_row row) {
  row = parked(std::move(row));
  const auto to = row.local;
  return rename_row(std::move(row), to);
}

expected<void> applier::move(const disk_action& action, base_row row) {
  KEYFOLD_TRY(const auto folder, folder_of(action));
  KEYFOLD_TRY(const auto folder_path, path_of(folder));
  row = moved(action, std::move(row), folder.id);
  const auto to = join(folder_path, row.local);
  return rename_row(std::move(row), to);
}

base_row applier::moved(const disk_action& action, base_row row, row_id folder) {
  // A name whose spelling on disk is not the one that travels keeps it where the name stays.
  if (row.name != action.item.name) row.local = action.item.name;
  row.parent = folder;
  row.name = action.item.name;
  return row;
}

/// Renames what base has as `row.id` to `to`, and stores `row`.
expected<void> applier::rename_row(base_row row, const local_path& to) {
  KEYFOLD_TRY(const auto before, row_of(row.id));
  KEYFOLD_TRY(const auto from_path, path_of(before));
  KEYFOLD_TRY(const auto from, find_place(root_, from_path));
  KEYFOLD_TRY(const auto seen, look(from));
  if (!unchanged(row.facts, seen.facts)) return changed(from_path);
  KEYFOLD_TRY(const auto target, find_place(root_, to));
  KEYFOLD_CHECK(rename_new(from, target));
  row.local = target.name;
  row.facts = settled_facts(row.facts, target);
  base_.put(std::move(row));
  return {};
}

expected<void> applier::make_folder(const disk_action& action) {
  KEYFOLD_TRY(const auto parent, folder_of(action));
  KEYFOLD_TRY(const auto path, target_of(action));
  KEYFOLD_TRY(const auto at, find_place(root_, path));
  const bool made = ::mkdirat(at.folder.get(), at.name.c_str(), 0777) == 0;
  if (!made && errno != EEXIST) return fail_errno(errno, "cannot make", path);
  KEYFOLD_TRY(auto seen, look(at));
  if (seen.facts.kind != node_kind::folder || seen.odd != oddity::none) return changed(path);
  if (!made) report_.rescan.insert(path);  // the user made it too: one folder, with what is in it
  base_.put(row_for(action, root_row, parent.id, at.name, std::move(seen.facts)));
  return {};
}

expected<void> applier::set_attributes(const disk_action& action, const base_row& row) {
  KEYFOLD_TRY(const auto path, path_of(row));
  if (row.facts.kind == node_kind::symlink) {  // nothing else of a symlink travels
    base_.put(row_for(action, row.id, row.parent, row.local, row.facts));
    return {};
  }
  KEYFOLD_TRY(const auto file, root_.open_path(path, O_RDONLY | O_NONBLOCK));
  const write_guard guard(file.get());
  KEYFOLD_TRY(const auto seen, look(file.get()));
  if (guard.in_use() || !unchanged(row.facts, seen.facts)) return changed(path);
  KEYFOLD_CHECK(set_attributes_of(file.get(), seen.mode, action.item));
  KEYFOLD_TRY(auto now, look(file.get()));
  base_.put(row_for(action, row.id, row.parent, row.local, std::move(now.facts)));
  return {};
}

expected<void> applier::remove(const base_row& row) {
  KEYFOLD_TRY(const auto path, path_of(row));
  auto at = find_place(root_, path);
  auto seen = at ? look(*at) : tl::unexpected<error>(at.error());
  if (!seen && seen.error().code == errc::not_found) {
    base_.erase(row.id);  // the user removed it too
    return {};
  }
  if (!seen) return fail(seen);
  if (!unchanged(row.facts, seen->facts)) return changed(path);
  if (row.facts.kind != node_kind::folder) return remove_file(row, path, std::move(*at));

  auto removed = remove_name(*at, node_kind::folder);
  if (!removed && is_own_name(row.local)) {
    // Parked, so nobody sees what is still in it: it must not stay there.
    KEYFOLD_TRY(const auto rescued, rescue(root_, *at, "folder " + std::to_string(row.id.value)));
    report_.rescan.insert(parent_of(rescued));
  } else if (!removed && !holds_only_ignored(path)) {
    report_.rescan.insert(path);
    return removed;
  }
  base_.erase(row.id);
  return {};
}

bool applier::holds_only_ignored(const local_path& folder) const {
  const auto seen = list_folder(root_, folder);
  if (!seen || !seen->own.empty()) return false;
  return std::all_of(seen->entries.begin(), seen->entries.end(), [&](const listed& entry) {
    return ignored_.contains(join(folder, entry.local));
  });
}

expected<void> applier::remove_file(const base_row& row, const local_path& path, place at) {
  const bool parked = is_own_name(row.local);
  const auto aside_path = parked ? path : join(parent_of(path), own_name(gone_prefix, row.id));
  KEYFOLD_TRY(const auto aside, find_place(root_, aside_path));
  if (!parked) KEYFOLD_CHECK(rename_new(at, aside));
  const write_guard guard(aside);
  const auto seen = look(aside);
  if (seen && !guard.in_use() && unchanged_but_moved(row.facts, seen->facts)) {
    KEYFOLD_CHECK(remove_name(aside, row.facts.kind));
    base_.erase(row.id);
    return {};
  }
  if (parked || !rename_new(aside, at)) {
    KEYFOLD_TRY(const auto rescued, rescue(root_, aside, "file " + std::to_string(row.id.value)));
    report_.rescan.insert(parent_of(rescued));
    base_.erase(row.id);
  }
  return changed(path);
}

// --- small things

expected<void> applier::sync() {
  if (::syncfs(root_.fd()) != 0) return fail_errno(errno, "cannot make durable", root_.folder());
  synced_ = report_.done;
  return {};
}

expected<base_row> applier::row_of(row_id row) const {
  auto found = base_.get(row);
  if (!found || row == root_row) return fail(errc::changed_on_disk, "base has changed");
  return std::move(*found);
}

expected<local_path> applier::path_of(const base_row& row) const {
  auto path = base_.path_of(row.id);
  if (!path) return fail(errc::changed_on_disk, "base has changed");
  return std::move(*path);
}

expected<base_row> applier::folder_of(const disk_action& action) const {
  if (action.folder)
    if (auto row = base_.get(*action.folder)) return std::move(*row);
  for (auto& row : base_.rows_of(action.parent))
    if (row.facts.kind == node_kind::folder) return std::move(row);
  return fail(errc::changed_on_disk, "its folder is not on disk");
}

/// Where an action's item shall be: moved or new, under its name in its folder; else in the place of its row.
expected<local_path> applier::target_of(const disk_action& action) const {
  if (action.row != root_row && action.what != disk_kind::move) {
    KEYFOLD_TRY(const auto row, row_of(action.row));
    return path_of(row);
  }
  KEYFOLD_TRY(const auto folder, folder_of(action));
  KEYFOLD_TRY(const auto path, path_of(folder));
  return join(path, action.item.name);
}

base_row applier::row_for(const disk_action& action, row_id row, row_id parent,
                          const std::string& local, facts disk) {
  base_row out;
  out.id = row;
  out.parent = parent;
  out.name = action.item.name;
  out.local = local;
  out.node = action.item.node;
  out.version = action.item.version;
  out.content = action.item.content;
  out.facts = std::move(disk);
  return out;
}

local_path applier::where(std::size_t index) const {
  const auto& action = plan_.actions[index];
  const auto path = target_of(action);
  return path ? *path : action.item.name;
}

void applier::skip(std::size_t index, const error& why) {
  const auto path = where(index);
  const bool differs = why.code == errc::changed_on_disk || why.code == errc::not_found ||
                       why.code == errc::unsafe_path;
  if (differs) report_.rescan.insert(parent_of(path));
  const auto& action = plan_.actions[index];
  const auto row = base_.get(action.row);
  const auto from = row && differs ? path_of(*row) : expected<local_path>(fail(errc::not_found));
  if (from) report_.rescan.insert(parent_of(*from));  // of a move both ends may be what differs
  if (row && is_own_name(row->local)) report_.replan = true;
  const bool goes = action.what == disk_kind::park || action.what == disk_kind::remove;
  const auto folder = base_.get(goes && row ? row->parent : action.folder.value_or(root_row));
  report_.replan_folders.insert(!goes && !action.folder ? action.parent
                                : folder                ? folder->node
                                                        : workspace::root_node);
  report_.skipped.push_back({index, path, why});
}

expected<apply_report> apply(const root& r, base& b, const disk_plan& plan,
                             const apply_hooks& hooks, random_source& random,
                             const ignored_items& ignored) {
  return applier(r, b, plan, hooks, random, ignored).run();
}

}  // namespace keyfold::mirror
