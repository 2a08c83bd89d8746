// Local changes: what a person does, as operations. Planned wholly before anything is written.
#include <algorithm>
#include <map>
#include <set>

#include "store/workspace/engine.hpp"

namespace keyfold::workspace {
namespace {

/// Below what the journal refuses: nothing of a plan is written when a part of it cannot be.
constexpr std::size_t max_operation_size = feed::max_payload_size - 1024;
/// How long a time that was journalled holds for what follows it.
constexpr std::uint64_t time_precision_ms = 1000;

using path_view = std::span<const std::string>;

std::vector<std::string> normalized(path_view path) {
  std::vector<std::string> out;
  for (const auto& name : path) out.push_back(normalize_name(name).value_or(name));
  return out;
}

bool begins_with(path_view path, path_view prefix) {
  return path.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
}

/// The branch that shows a version; the number of branches when none does.
std::size_t branch_of(const std::vector<shown_version>& branches, version_id version) {
  std::size_t i = 0;
  while (i < branches.size() &&
         !std::binary_search(branches[i].same.begin(), branches[i].same.end(), version))
    ++i;
  return i;
}

}  // namespace

item item_of(const shown_entry& entry) {
  return {entry.node, entry.version ? entry.version->version : version_id{}};
}

expected<shown_entry> engine::find(path_view path) const {
  if (auto found = tree_.find(path)) return *std::move(found);
  const auto composed = normalized(path);
  if (auto found = tree_.find(composed)) return *std::move(found);
  for (std::size_t depth = 1; depth < composed.size(); ++depth) {
    const auto above = tree_.find(path_view(composed).first(depth));
    if (!above) break;
    if (above->kind != node_kind::folder)
      return fail(errc::not_a_folder, "'" + above->name + "' is not a folder");
  }
  return fail(errc::not_found, "no such file or folder");
}

std::vector<shown_entry> engine::list(const shown_entry& folder) const {
  return tree_.list(folder.merged);
}

expected<place> engine::free_place(path_view path) const {
  if (path.empty()) return fail(errc::name_taken, "the root is there already");
  KEYFOLD_TRY(auto name, normalize_name(path.back()));
  KEYFOLD_TRY(const auto folder, find(path.first(path.size() - 1)));
  if (folder.kind != node_kind::folder)
    return fail(errc::not_a_folder, "'" + folder.name + "' is not a folder");
  if (find(path)) return fail(errc::name_taken, "'" + name + "' is there already");
  return place{folder.node, std::move(name)};
}

expected<shown_entry> engine::shown_folder(node_id node) const {
  const auto path = tree_.path_of(node);
  auto entry = path ? tree_.find(*path) : std::nullopt;
  if (!entry || entry->kind != node_kind::folder)
    return fail(errc::not_found, "no such folder is shown");
  return *std::move(entry);
}

expected<void> engine::may_write() const {
  const auto author = ledger_.find_device(setup_.device);
  const auto head = ledger_.head();
  if (!author || !head ||
      !ledger::may_write(ledger_.role_at(setup_.workspace, author->user, head->seq)))
    return fail(errc::role_insufficient, "your role does not allow changes in this workspace");
  return {};
}

node_nonce engine::new_nonce() {
  return random_.id<node_id>().value;
}

expected<void> engine::record(const plan& changes) {
  KEYFOLD_CHECK(may_write());
  if (read_only())
    return fail(errc::unknown_critical_operation,
                "the workspace has changes of a later version; update Keyfold");
  for (const auto& change : changes)
    if (size_of(change.what) > max_operation_size || change.needed.size() > feed::max_needed)
      return fail(errc::too_large, "a change that no entry could hold");
  std::vector<operation> batch;
  entry_order first;
  const auto apply_batch = [&] {
    if (!batch.empty()) tree_.apply(first, batch, changes_);
    batch.clear();
  };
  const auto add = [&](const planned& change) -> expected<bool> {
    KEYFOLD_TRY(const auto at, journal_.append(encode_payload({{change.what}}),
                                               size_of(change.what), change.needed));
    if (batch.empty() || at.index == 0) {
      apply_batch();
      first = at;
    }
    batch.push_back(change.what);
    return at.index == 0;
  };
  const bool timed = setup_.clock && !changes.empty();
  const auto now = timed ? std::min(setup_.clock(), max_time_ms) : 0;
  const bool holds = told_ms_ && *told_ms_ <= now && now < *told_ms_ + time_precision_ms;
  if (timed && !holds) {
    KEYFOLD_CHECK(add({time_operation{now}, {}}));
    told_ms_ = now;
  }
  for (const auto& change : changes) {
    KEYFOLD_TRY(const bool begins, add(change));
    if (timed && begins) KEYFOLD_CHECK(add({time_operation{now}, {}}));  // each entry says its own
  }
  apply_batch();
  return {};
}

node_id engine::real_parent(node_id parent, plan& changes) {
  if (parent != recovered_node) return parent;
  // Recovered/ is no node; a folder of its name merges with it.
  return plan_folder({root_node, std::string(recovered_name)}, changes);
}

node_id engine::plan_folder(const place& at, plan& changes) {
  const auto parent = real_parent(at.parent, changes);
  const auto nonce = new_nonce();
  changes.push_back({create_operation{nonce, node_kind::folder, parent, at.name}, {}});
  return make_node_id(setup_.workspace, setup_.device, nonce);
}

item engine::plan_write(node_id node, std::vector<version_id> replaces, const node_content& content,
                        std::span<const object_id> more, plan& changes) {
  const auto version = random_.id<version_id>();
  const operation write = write_operation{node, version, std::move(replaces), content};
  auto needed = objects_of({{write}});
  needed.insert(needed.end(), more.begin(), more.end());
  std::sort(needed.begin(), needed.end());
  needed.erase(std::unique(needed.begin(), needed.end()), needed.end());
  changes.push_back({write, std::move(needed)});
  return {node, version};
}

expected<node_id> engine::make_folder(const place& at) {
  KEYFOLD_TRY(auto name, normalize_name(at.name));
  plan changes;
  const auto made = plan_folder({at.parent, std::move(name)}, changes);
  KEYFOLD_CHECK(record(changes));
  return made;
}

expected<item> engine::make_file(const place& at, const node_content& content,
                                 std::span<const object_id> more) {
  KEYFOLD_TRY(auto name, normalize_name(at.name));
  plan changes;
  const auto parent = real_parent(at.parent, changes);
  const auto kind =
      std::holds_alternative<symlink_content>(content) ? node_kind::symlink : node_kind::file;
  const auto nonce = new_nonce();
  changes.push_back({create_operation{nonce, kind, parent, std::move(name)}, {}});
  const auto node = make_node_id(setup_.workspace, setup_.device, nonce);
  const auto made = plan_write(node, {}, content, more, changes);
  KEYFOLD_CHECK(record(changes));
  return made;
}

expected<item> engine::write(const item& over, const node_content& content,
                             std::span<const object_id> more) {
  const auto branches = tree_.branches(over.node);
  const auto at = branch_of(branches, over.version);
  std::vector<version_id> replaces;
  if (at < branches.size())
    replaces = branches[at].same;
  else if (!over.version.is_zero())
    replaces = {over.version};
  plan changes;
  const auto written = plan_write(over.node, std::move(replaces), content, more, changes);
  KEYFOLD_CHECK(record(changes));
  return written;
}

void engine::plan_move_folder(std::span<const node_id> merged, const place& to, plan& changes) {
  // A skeleton stands only for what survived in it: that moves, and not what was deleted.
  std::vector<node_id> parted;
  std::optional<node_id> target;
  for (const auto& node : merged) {
    if (node == recovered_node || tree_.is_skeleton(node)) {
      parted.push_back(node);
      continue;
    }
    changes.push_back({move_operation{node, to.parent, to.name}, {}});
    if (!target) target = node;
  }
  if (parted.empty()) return;
  if (!target) target = plan_folder(to, changes);
  for (const auto& entry : tree_.list(parted)) {
    if (entry.kind == node_kind::folder)
      plan_move_folder(entry.merged, {*target, entry.name}, changes);
    else if (!entry.conflict_copy)  // copies go with their file
      changes.push_back({move_operation{entry.node, *target, entry.name}, {}});
  }
}

expected<item> engine::move(const item& what, const place& to) {
  plan changes;
  place there{real_parent(to.parent, changes), {}};
  KEYFOLD_TRY(there.name, normalize_name(to.name));
  if (what.version.is_zero()) {
    KEYFOLD_TRY(const auto folder, shown_folder(what.node));
    const auto from = tree_.path_of(what.node);
    const auto into = tree_.path_of(to.parent);
    if (!from || from->empty()) return fail(errc::not_found, "the root stays where it is");
    if (into && begins_with(*into, *from))
      return fail(errc::moved_into_itself, "a folder cannot be moved into itself");
    plan_move_folder(folder.merged, there, changes);
    KEYFOLD_CHECK(record(changes));
    return what;
  }
  const auto branches = tree_.branches(what.node);
  if (branches.empty()) return fail(errc::not_found, "no such file is shown");
  const auto at = branch_of(branches, what.version);
  auto moved = what;
  if (at == 0 || at == branches.size()) {
    changes.push_back({move_operation{what.node, there.parent, there.name}, {}});
  } else {
    const auto nonce = new_nonce();
    auto twins = branches[at].same;
    std::erase(twins, branches[at].version);
    moved = {make_node_id(setup_.workspace, setup_.device, nonce), branches[at].version};
    changes.push_back(
        {split_operation{what.node, moved.version, nonce, there.parent, there.name}, {}});
    if (!twins.empty()) changes.push_back({drop_operation{what.node, std::move(twins)}, {}});
  }
  KEYFOLD_CHECK(record(changes));
  return moved;
}

bool engine::plan_remove_versions(node_id node, std::span<const version_id> versions,
                                  plan& changes) const {
  const auto branches = tree_.branches(node);
  std::set<std::size_t> going;
  for (const auto& version : versions) going.insert(branch_of(branches, version));
  // A version that is not current was replaced by something newer: that was not meant.
  going.erase(branches.size());
  if (going.empty()) return branches.empty();
  if (going.size() == branches.size()) {
    changes.push_back({delete_operation{node}, {}});
    return true;
  }
  drop_operation drop{node, {}};
  for (const auto i : going)
    drop.versions.insert(drop.versions.end(), branches[i].same.begin(), branches[i].same.end());
  changes.push_back({std::move(drop), {}});
  return going.size() == versions.size();
}

bool engine::all_seen(std::span<const node_id> merged, const seen_by_user& seen) const {
  const auto entries = tree_.list(merged);
  return std::all_of(entries.begin(), entries.end(), [&](const shown_entry& entry) {
    return entry.kind == node_kind::folder ? all_seen(entry.merged, seen) : seen(item_of(entry));
  });
}

bool engine::plan_remove_folder(std::span<const node_id> merged, const seen_by_user& seen,
                                plan& changes) const {
  // As a whole where that takes nothing unseen with it; else, and in Recovered/, by what is in it.
  bool gone = !seen || all_seen(merged, seen);
  std::vector<node_id> by_content;
  for (const auto& node : merged) {
    if (gone && node != recovered_node)
      changes.push_back({delete_operation{node}, {}});
    else
      by_content.push_back(node);
  }
  if (by_content.empty()) return gone;
  std::map<node_id, std::vector<version_id>> files;
  for (const auto& entry : tree_.list(by_content)) {
    if (entry.kind == node_kind::folder)
      gone = plan_remove_folder(entry.merged, seen, changes) && gone;
    else if (!seen || seen(item_of(entry)))
      files[entry.node].push_back(entry.version->version);
  }
  for (const auto& [node, versions] : files)
    gone = plan_remove_versions(node, versions, changes) && gone;
  return gone;
}

expected<bool> engine::remove(const item& what, const seen_by_user& seen) {
  plan changes;
  bool gone = false;
  if (what.version.is_zero()) {
    KEYFOLD_TRY(const auto folder, shown_folder(what.node));
    if (folder.node == root_node) return fail(errc::not_found, "the root stays");
    gone = plan_remove_folder(folder.merged, seen, changes);
  } else {
    if (tree_.branches(what.node).empty()) return fail(errc::not_found, "no such file is shown");
    gone = plan_remove_versions(what.node, {&what.version, 1}, changes);
  }
  KEYFOLD_CHECK(record(changes));
  return gone;
}

expected<item> engine::write_at(path_view path, const node_content& content,
                                std::span<const object_id> more) {
  const auto there = find(path);
  if (there && there->kind == node_kind::folder)
    return fail(errc::is_a_folder, "a folder of that name is there");
  if (there) return write(item_of(*there), content, more);
  KEYFOLD_TRY(const auto at, free_place(path));
  return make_file(at, content, more);
}

expected<void> engine::move_at(path_view from, path_view to, bool replace,
                               std::span<const object_id> more) {
  KEYFOLD_TRY(const auto what, find(from));
  const auto there = find(to);
  if (!there) {
    KEYFOLD_TRY(const auto at, free_place(to));
    KEYFOLD_CHECK(move(item_of(what), at));
    return {};
  }
  if (item_of(*there) == item_of(what)) return {};
  if (what.kind == node_kind::folder && begins_with(normalized(to), normalized(from)))
    return fail(errc::moved_into_itself, "a folder cannot be moved into itself");
  if (!replace || what.kind == node_kind::folder || there->kind == node_kind::folder)
    return fail(errc::name_taken, "'" + there->name + "' is there already");
  // The file at `to` goes on with the new content: so its history stays in one piece.
  plan changes;
  plan_write(there->node, there->version->same, what.version->content, more, changes);
  const auto moved = item_of(what);
  (void)plan_remove_versions(moved.node, {&moved.version, 1}, changes);
  return record(changes);
}

expected<void> engine::remove_at(path_view path, bool recursive) {
  KEYFOLD_TRY(const auto what, find(path));
  if (what.kind == node_kind::folder && !recursive && !list(what).empty())
    return fail(errc::folder_not_empty, "the folder is not empty");
  KEYFOLD_CHECK(remove(item_of(what)));
  return {};
}

std::vector<bytes> engine::changes_since(ledger_seq from) const {
  std::vector<bytes> out;
  feeds_.visit_arrivals(0, [&](const feed::held_entry& held) {
    if (held.order.device != setup_.device || held.position < from) return true;
    const auto e = feeds_.find_entry(held.order.hash);
    const auto operations = e ? read_payload(*e) : fail(errc::not_found);
    if (!operations) return true;
    auto needed = feed::decode_needed(e->needed).value_or(std::vector<object_id>{});
    for (const auto& o : *operations) {
      if (std::holds_alternative<time_operation>(o)) continue;
      // All of the entry's objects with its first change: they are uploaded before it.
      out.push_back(feed::encode_pending({encode_payload({{o}}), std::exchange(needed, {})}));
    }
    return true;
  });
  return out;
}

expected<std::size_t> engine::restore(std::span<const bytes> saved) {
  std::set<bytes> known;
  feeds_.visit_arrivals(0, [&](const feed::held_entry& held) {
    if (held.order.device != setup_.device) return true;
    const auto e = feeds_.find_entry(held.order.hash);
    const auto operations = e ? read_payload(*e) : fail(errc::not_found);
    if (operations)
      for (const auto& o : *operations) known.insert(encode_payload({{o}}));
    return true;
  });
  plan changes;
  for (const auto& record : saved) {
    const auto pending = feed::decode_pending(record);
    const auto decoded = pending ? decode_payload(pending->operation) : fail(errc::malformed);
    if (!decoded || decoded->operations.size() != 1) continue;
    if (known.contains(encode_payload(*decoded))) continue;
    changes.push_back({decoded->operations.front(), pending->needed});
  }
  if (!changes.empty()) KEYFOLD_CHECK(record(changes));
  return changes.size();
}

}  // namespace keyfold::workspace
