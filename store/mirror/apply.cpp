#include "store/mirror/apply.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "store/mirror/disk.hpp"

namespace keyfold::mirror {

namespace {

// Tuning: how much one syncfs makes durable.
constexpr std::size_t batch_files = 256;  // each keeps its folder open
constexpr std::uint64_t batch_bytes = std::uint64_t{64} * 1024 * 1024;

std::string own_name(std::string_view prefix, row_id row) {
  return std::string(prefix) + std::to_string(row.value);
}

tl::unexpected<error> changed(const local_path& path) {
  return fail(errc::changed_on_disk, path + " changed on disk since the last scan");
}

timespec to_timespec(std::int64_t ns) {
  constexpr std::int64_t second = 1'000'000'000;
  const auto rest = ((ns % second) + second) % second;  // tv_nsec is never negative
  return {.tv_sec = (ns - rest) / second, .tv_nsec = rest};
}

mode_t mode_for(mode_t mode, bool executable) {
  return executable ? mode | ((mode & 0444U) >> 2U) : mode & ~mode_t{0111};
}

expected<void> set_attributes_of(int file, mode_t mode, const shown_item& item) {
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, to_timespec(item.mtime_ns)};
  if (::fchmod(file, mode_for(mode, item.executable)) != 0 || ::futimens(file, times) != 0)
    return fail_errno(errno, "cannot set the attributes of", item.name);
  return {};
}

class applier {
 public:
  applier(const root& r, base& b, const disk_plan& plan, const apply_hooks& hooks,
          random_source& random, const ignored_items& ignored)
      : root_(r), base_(b), plan_(plan), hooks_(hooks), random_(random), ignored_(ignored) {}

  expected<apply_report> run();

 private:
  /// A file written beside its target, to be renamed once it is durable.
  struct waiting {
    std::size_t index;
    local_path path;
    place temporary;
    facts ours;
  };

  expected<void> act(std::size_t index);
  expected<void> note(const disk_action& action);
  expected<void> park(const base_row& row);
  expected<void> make_folder(const disk_action& action);
  expected<void> move(const disk_action& action, base_row row);
  expected<void> rename_row(base_row row, const local_path& to);
  expected<void> set_attributes(const disk_action& action, const base_row& row);
  expected<void> remove(const base_row& row);
  bool holds_only_ignored(const local_path& folder) const;
  expected<void> remove_file(const base_row& row, const local_path& path, place at);

  expected<void> prepare(std::size_t index);
  expected<facts> write_temporary(const place& at, const shown_item& item, const looked* before);
  expected<void> fill(const shown_item& item, const content_sink& sink);
  expected<file_descriptor> take_draft(const shown_item& item, const place& to);
  expected<void> flush();
  expected<void> intend(const std::vector<waiting>& batch);
  expected<void> finish(const waiting& w);
  expected<void> put_in_place(const waiting& w);
  expected<void> replace(const waiting& w, const place& at);
  static expected<void> replace_plainly(const waiting& w, const place& at);

  expected<void> sync();
  expected<base_row> row_of(row_id row) const;
  expected<local_path> path_of(const base_row& row) const;
  expected<base_row> folder_of(const disk_action& action) const;
  expected<local_path> target_of(const disk_action& action) const;
  static base_row row_for(const disk_action& action, row_id row, row_id parent,
                          const std::string& local, facts disk);
  void skip(std::size_t index, const error& why);
  local_path where(std::size_t index) const;

  const root& root_;
  base& base_;
  const disk_plan& plan_;
  const apply_hooks& hooks_;
  random_source& random_;
  const ignored_items& ignored_;
  std::vector<waiting> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  apply_report report_;
};

// --- one action after the other
// ------------------------------------------------------------------------

expected<apply_report> applier::run() {
  expected<void> full;
  for (std::size_t i = 0; i < plan_.actions.size() && full; ++i) {
    if (plan_.actions[i].what == disk_kind::remove) KEYFOLD_CHECK(flush());
    const bool later = plan_.actions[i].what == disk_kind::write;
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
      return park(row);
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

expected<void> applier::park(const base_row& row) {
  auto parked = row;
  parked.parent = root_row;
  parked.name = own_name(park_prefix, row.id);
  return rename_row(std::move(parked), own_name(park_prefix, row.id));
}

expected<void> applier::move(const disk_action& action, base_row row) {
  KEYFOLD_TRY(const auto folder, folder_of(action));
  KEYFOLD_TRY(const auto folder_path, path_of(folder));
  // A name whose spelling on disk is not the one that travels keeps it where the name stays.
  const auto local = row.name == action.item.name ? row.local : action.item.name;
  row.parent = folder.id;
  row.name = action.item.name;
  return rename_row(std::move(row), join(folder_path, local));
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

// --- writing in batches
// --------------------------------------------------------------------------------

expected<void> applier::prepare(std::size_t index) {
  const auto& action = plan_.actions[index];
  KEYFOLD_TRY(const auto path, target_of(action));
  KEYFOLD_TRY(const auto at, find_place(root_, path));
  const auto before = look(at);
  if (!before && (before.error().code != errc::not_found || action.row != root_row))
    return fail(before);
  if (before && action.row == root_row) return changed(path);
  if (before) {
    KEYFOLD_TRY(const auto row, row_of(action.row));
    if (!unchanged(row.facts, before->facts)) return changed(path);
  }
  const auto temporary = action.row == root_row
                             ? std::string(temporary_prefix) + to_text(random_.id<version_id>())
                             : own_name(swap_prefix, action.row);
  KEYFOLD_TRY(auto beside, find_place(root_, join(parent_of(path), temporary)));
  KEYFOLD_TRY(auto ours, write_temporary(beside, action.item, before ? &*before : nullptr));
  waiting_.push_back({index, path, std::move(beside), std::move(ours)});
  waiting_bytes_ += action.item.size;
  return {};
}

expected<facts> applier::write_temporary(const place& at, const shown_item& item,
                                         const looked* before) {
  if (item.kind == node_kind::symlink) {
    if (::symlinkat(item.target.c_str(), at.folder.get(), at.name.c_str()) != 0)
      return fail_errno(errno, "cannot make", item.name);
    const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, to_timespec(item.mtime_ns)};
    // The time of a symlink is not worth a failure: some file systems cannot set it.
    static_cast<void>(::utimensat(at.folder.get(), at.name.c_str(), times, AT_SYMLINK_NOFOLLOW));
    KEYFOLD_TRY(auto seen, look(at));
    return std::move(seen.facts);
  }
  file_descriptor file;  // made with its first byte: what has no content now leaves nothing behind
  const auto make = [&]() -> expected<void> {
    if (file.get() >= 0) return {};
    file = file_descriptor(::openat(at.folder.get(), at.name.c_str(),
                                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    return file.get() < 0 ? fail_errno(errno, "cannot make", at.name) : expected<void>{};
  };
  auto written = [&]() -> expected<facts> {
    KEYFOLD_TRY(file, take_draft(item, at));
    if (file.get() < 0) {
      const auto filled = fill(item, [&](bytes_view piece) -> expected<void> {
        KEYFOLD_CHECK(make());
        return write_all(file.get(), piece);
      });
      KEYFOLD_CHECK(filled);
    }
    KEYFOLD_CHECK(make());
    KEYFOLD_TRY(const auto made, look(file.get()));
    const bool replaces_file = before != nullptr && before->facts.kind == node_kind::file;
    const auto mode = static_cast<mode_t>(replaces_file ? before->mode & 0777U : made.mode);
    KEYFOLD_CHECK(set_attributes_of(file.get(), mode, item));
    KEYFOLD_TRY(auto seen, look(file.get()));
    return std::move(seen.facts);
  }();
  if (!written && file.get() >= 0)
    static_cast<void>(remove_name(at, node_kind::file));  // the write's failure counts
  return written;
}

/// The item's draft, moved there and opened for writing; none if it has none.
expected<file_descriptor> applier::take_draft(const shown_item& item, const place& to) {
  if (!hooks_.draft) return file_descriptor();
  KEYFOLD_TRY(const bool moved, hooks_.draft(item, to));
  if (!moved) return file_descriptor();
  file_descriptor file(
      ::openat(to.folder.get(), to.name.c_str(), O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (file.get() < 0) return fail_errno(errno, "cannot open", to.name);
  return file;
}

expected<void> applier::fill(const shown_item& item, const content_sink& sink) {
  std::uint64_t written = 0;
  KEYFOLD_CHECK(hooks_.stream(item, [&](bytes_view piece) -> expected<void> {
    written += piece.size();
    if (written > item.size) return fail(errc::damaged, item.name + " is longer than its version");
    return sink(piece);
  }));
  if (written != item.size)
    return fail(errc::damaged, item.name + " is not as long as its version");
  return {};
}

expected<void> applier::flush() {
  if (waiting_.empty()) return {};
  KEYFOLD_CHECK(sync());
  const auto batch = std::exchange(waiting_, {});
  waiting_bytes_ = 0;
  KEYFOLD_CHECK(intend(batch));
  for (const auto& w : batch) {
    const auto done = finish(w);
    if (done)
      ++report_.done;
    else
      skip(w.index, done.error());
  }
  return {};
}

expected<void> applier::intend(const std::vector<waiting>& batch) {
  std::vector<base_row> rows;
  for (const auto& w : batch) {
    const auto& action = plan_.actions[w.index];
    const auto folder = folder_of(action);
    if (folder) rows.push_back(row_for(action, action.row, folder->id, name_of(w.path), w.ours));
  }
  base_.intend(rows);
  return hooks_.commit ? hooks_.commit() : expected<void>{};
}

expected<void> applier::finish(const waiting& w) {
  auto done = put_in_place(w);
  if (done) return done;
  // What was written goes, wherever its folder is by now; anything else under that name stays.
  const auto left = look(w.temporary);
  if (left && unchanged_but_moved(w.ours, left->facts))
    KEYFOLD_CHECK(remove_name(w.temporary, w.ours.kind));
  return done;
}

expected<void> applier::put_in_place(const waiting& w) {
  const auto& action = plan_.actions[w.index];
  // Opened anew: a folder that the user moved meanwhile, perhaps out of the mirror, is not written
  // to.
  KEYFOLD_TRY(const auto at, find_place(root_, w.path));
  KEYFOLD_TRY(const auto folder_now, look(at.folder.get()));
  KEYFOLD_TRY(const auto folder_then, look(w.temporary.folder.get()));
  if (folder_now.facts.inode != folder_then.facts.inode) return changed(w.path);
  KEYFOLD_TRY(const auto folder, folder_of(action));
  if (action.row == root_row)
    KEYFOLD_CHECK(rename_new(w.temporary, at));
  else
    KEYFOLD_CHECK(replace(w, at));
  base_.put(row_for(action, action.row, folder.id, at.name, settled_facts(w.ours, at)));
  return {};
}

expected<void> applier::replace(const waiting& w, const place& at) {
  KEYFOLD_TRY(const auto row, row_of(plan_.actions[w.index].row));
  const auto before = look(at);
  if (!before || !unchanged(row.facts, before->facts)) return changed(w.path);
  KEYFOLD_TRY(const bool exchanged, exchange(at.folder.get(), w.temporary.name, at.name));
  if (!exchanged) return replace_plainly(w, at);
  const write_guard guard(w.temporary);
  const auto old = look(w.temporary);
  if (old && !guard.in_use() && unchanged_but_moved(row.facts, old->facts))
    return remove_name(w.temporary, row.facts.kind);
  // Somebody changed it, or is about to, between the look and the exchange: it goes back to its
  // name.
  KEYFOLD_CHECK(exchange(at.folder.get(), w.temporary.name, at.name));
  return changed(w.path);
}

/// For file systems that cannot exchange: nobody may have it open for writing, then the rename
/// follows.
expected<void> applier::replace_plainly(const waiting& w, const place& at) {
  const write_guard guard(at);
  if (guard.in_use()) return changed(w.path);
  if (::renameat(w.temporary.folder.get(), w.temporary.name.c_str(), at.folder.get(),
                 at.name.c_str()) != 0)
    return fail_errno(errno, "cannot rename", w.path);
  return {};
}

// --- small things
// --------------------------------------------------------------------------------------

expected<void> applier::sync() {
  if (::syncfs(root_.fd()) != 0) return fail_errno(errno, "cannot make durable", root_.folder());
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

}  // namespace

expected<apply_report> apply(const root& r, base& b, const disk_plan& plan,
                             const apply_hooks& hooks, random_source& random,
                             const ignored_items& ignored) {
  return applier(r, b, plan, hooks, random, ignored).run();
}

}  // namespace keyfold::mirror
