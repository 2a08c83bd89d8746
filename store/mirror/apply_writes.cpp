#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "store/mirror/applier.hpp"

namespace keyfold::mirror {

namespace {

constexpr std::size_t intended_at_once = 1000;  // actions other than writes

timespec to_timespec(std::int64_t ns) {
  constexpr std::int64_t second = 1'000'000'000;
  const auto rest = ((ns % second) + second) % second;  // tv_nsec is never negative
  return {.tv_sec = (ns - rest) / second, .tv_nsec = rest};
}

mode_t mode_for(mode_t mode, bool executable) {
  return executable ? mode | ((mode & 0444U) >> 2U) : mode & ~mode_t{0111};
}

}  // namespace

expected<void> set_attributes_of(int file, mode_t mode, const shown_item& item) {
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, to_timespec(item.mtime_ns)};
  if (::fchmod(file, mode_for(mode, item.executable)) != 0 || ::futimens(file, times) != 0)
    return fail_errno(errno, "cannot set the attributes of", item.name);
  return {};
}

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
  std::vector<intent> intents;
  for (const auto& w : batch) {
    const auto& action = plan_.actions[w.index];
    const auto folder = folder_of(action);
    if (folder)
      intents.push_back({row_for(action, action.row, folder->id, name_of(w.path), w.ours)});
  }
  intended_until_ = 0;
  return commit_intents(intents);
}

/// The actions from `index` on, as far as base knows already what they work on.
expected<void> applier::intend_from(std::size_t index) {
  std::vector<intent> intents;
  std::set<row_id> rows;
  for (intended_until_ = index; intended_until_ < plan_.actions.size(); ++intended_until_) {
    const auto& action = plan_.actions[intended_until_];
    if (action.what == disk_kind::write || action.what == disk_kind::note) continue;
    auto next = intent_of(action);
    const bool later = !next || intents.size() == intended_at_once ||
                       (action.row != root_row && !rows.insert(action.row).second);
    if (later && intended_until_ > index) break;
    if (next) intents.push_back(std::move(*next));
  }
  if (intents.empty()) return {};
  if (synced_ < report_.done) KEYFOLD_CHECK(sync());
  return commit_intents(intents);
}

/// What is not known yet, or any more, has none.
std::optional<intent> applier::intent_of(const disk_action& action) const {
  if (action.what == disk_kind::make_folder) {
    const auto folder = folder_of(action);
    if (!folder) return std::nullopt;
    facts made;
    made.kind = node_kind::folder;
    return intent{row_for(action, root_row, folder->id, action.item.name, made)};
  }
  auto row = row_of(action.row);
  if (!row) return std::nullopt;
  switch (action.what) {
    case disk_kind::park:
      return intent{parked(std::move(*row))};
    case disk_kind::move: {
      const auto folder = folder_of(action);
      if (!folder) return std::nullopt;
      return intent{moved(action, std::move(*row), folder->id)};
    }
    case disk_kind::set_attributes: {
      auto facts = row->facts;
      if (facts.kind == node_kind::file) {
        facts.mtime_ns = action.item.mtime_ns;
        facts.executable = action.item.executable;
      }
      return intent{row_for(action, row->id, row->parent, row->local, std::move(facts))};
    }
    default:
      return intent{std::move(*row), true};
  }
}

expected<void> applier::commit_intents(const std::vector<intent>& intents) {
  base_.intend(intents);
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

}  // namespace keyfold::mirror
