#include "tests/store/mirror/model_tree.hpp"

#include <fcntl.h>

#include <algorithm>

namespace keyfold::mirror {

namespace fs = std::filesystem;

namespace {

std::string words_for(node_kind kind, const std::string& bytes, bool executable) {
  if (kind == node_kind::folder) return "folder";
  if (kind == node_kind::symlink) return "link to " + bytes;
  return (executable ? "program " : "file ") + bytes;
}

template <class Id>
Id wide_id(std::uint64_t number) {
  Id out;
  out.value[14] = static_cast<std::uint8_t>(number >> 8U);
  out.value[15] = static_cast<std::uint8_t>(number);
  return out;
}

}  // namespace

// --- the tree
// ------------------------------------------------------------------------------------------

node_id model_tree::create(node_kind kind, const node_id& parent, const std::string& name) {
  revive(parent);
  touch(parent);
  nodes_.push_back({wide_id<node_id>(nodes_.size() + 1), kind, parent, name, {}, false});
  const auto out = nodes_.back().id;
  touch(out);
  return out;
}

version_id model_tree::write(const node_id& node, const std::vector<version_id>& replaces,
                             const std::string& bytes, std::int64_t mtime_ns, bool executable) {
  revive(node);
  touch(node_at(node).parent);
  const model_version version{wide_id<version_id>(history_.size() + 1), bytes, mtime_ns,
                              executable};
  history_[version.id] = version;
  auto& current = node_at(node).current;
  const auto replaced = std::find_if(current.begin(), current.end(), [&](const auto& v) {
    return std::find(replaces.begin(), replaces.end(), v.id) != replaces.end();
  });
  if (replaced == current.end())
    current.push_back(version);
  else
    *replaced = version;  // an edit keeps the place of its branch
  std::erase_if(current, [&](const auto& v) {
    return std::find(replaces.begin(), replaces.end(), v.id) != replaces.end();
  });
  return version.id;
}

void model_tree::move(const node_id& node, const node_id& parent, const std::string& name) {
  for (auto at = parent; at != workspace::root_node; at = find(at)->parent)
    if (at == node) return;
  const auto touch_all = [&] {
    touch(node);
    touch(node_at(node).parent);
  };
  touch_all();
  node_at(node).parent = parent;
  node_at(node).name = name;
  revive(node);
  touch_all();
}

void model_tree::remove(const node_id& node) {
  touch(node);
  touch(node_at(node).parent);
  node_at(node).deleted = true;
  for (auto& below : nodes_)
    if (below.parent == node && !below.deleted) remove(below.id);
}

void model_tree::drop(const node_id& node, const version_id& version) {
  touch(node_at(node).parent);
  std::erase_if(node_at(node).current, [&](const auto& v) { return v.id == version; });
}

node_id model_tree::split(const node_id& node, const version_id& version, const node_id& parent,
                          const std::string& name) {
  const auto copy = history_.at(version);
  drop(node, version);
  const auto out = create(find(node)->kind, parent, name);
  node_at(out).current = {copy};
  return out;
}

model_node& model_tree::node_at(const node_id& node) {
  return *std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& n) { return n.id == node; });
}

void model_tree::revive(const node_id& node) {
  for (auto at = node; at != workspace::root_node; at = find(at)->parent)
    if (std::exchange(node_at(at).deleted, false)) {
      touch(at);
      touch(node_at(at).parent);
    }
}

void model_tree::touch(const node_id& folder) {
  const auto* node = find(folder);
  if (folder != workspace::root_node && (node == nullptr || node->kind != node_kind::folder))
    return;
  touched_.insert(folder);
}

shown_folder model_tree::folder(const node_id& node) const {
  shown_folder out{merged_of(node), 0};
  for (auto at = node; at != workspace::root_node; at = find(at)->parent) ++out.depth;
  return out;
}

std::vector<shown_folder> model_tree::take_touched() {
  std::vector<shown_folder> out;
  for (const auto& node : std::exchange(touched_, {}))
    if (is_shown(node)) out.push_back(folder(node));
  return out;
}

const model_node* model_tree::find(const node_id& node) const {
  const auto found =
      std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& n) { return n.id == node; });
  return found == nodes_.end() ? nullptr : &*found;
}

const model_version* model_tree::find_version(const version_id& version) const {
  const auto found = history_.find(version);
  return found == history_.end() ? nullptr : &found->second;
}

bool model_tree::ever_had(const std::string& bytes) const {
  return std::any_of(history_.begin(), history_.end(),
                     [&](const auto& each) { return each.second.bytes == bytes; });
}

std::vector<version_id> model_tree::versions(const node_id& node) const {
  std::vector<version_id> out;
  const auto* found = find(node);
  if (found != nullptr && is_shown(node))
    for (const auto& version : found->current) out.push_back(version.id);
  return out;
}

bool model_tree::is_shown(const node_id& node) const {
  for (auto at = node; at != workspace::root_node; at = find(at)->parent)
    if (find(at)->deleted) return false;
  return true;
}

std::vector<node_id> model_tree::shown(bool folders) const {
  std::vector<node_id> out;
  for (const auto& node : nodes_)
    if ((node.kind == node_kind::folder) == folders && is_shown(node.id)) out.push_back(node.id);
  return out;
}

std::vector<node_id> model_tree::merged_of(const node_id& folder) const {
  if (folder == workspace::root_node) return {folder};
  const auto* node = find(folder);
  const auto parents = merged_of(node->parent);
  std::vector<node_id> out;
  for (const auto& other : nodes_)
    if (other.kind == node_kind::folder && other.name == node->name && !other.deleted &&
        std::find(parents.begin(), parents.end(), other.parent) != parents.end())
      out.push_back(other.id);
  return out;
}

std::vector<shown_item> model_tree::list(std::span<const node_id> merged) const {
  std::map<std::string, shown_item> out;
  const auto here = [&](const model_node& node) {
    return !node.deleted && std::find(merged.begin(), merged.end(), node.parent) != merged.end();
  };
  for (const auto& node : nodes_) {
    if (node.kind != node_kind::folder || !here(node)) continue;
    auto& item = out[node.name];
    if (item.merged.empty()) item.node = node.id;
    item.name = node.name;
    item.kind = node_kind::folder;
    item.merged.push_back(node.id);
  }
  for (const auto& node : nodes_) {
    if (node.kind == node_kind::folder || !here(node)) continue;
    for (const auto& version : node.current) {
      shown_item item;
      item.name = node.name;
      if (version.id != node.current.front().id)
        item.name += " (conflict " + std::to_string(version.id.value.back()) + ")";
      for (int i = 2; out.contains(item.name); ++i)
        item.name = node.name + " (" + std::to_string(i) + ")";
      item.kind = node.kind;
      item.node = node.id;
      item.version = version.id;
      item.mtime_ns = version.mtime_ns;
      item.executable = version.executable;
      if (node.kind == node_kind::file) {
        item.size = version.bytes.size();
        item.content = disk_fixture::hash_of(version.bytes);
      } else {
        item.target = version.bytes;
        item.content = hash_of_target(version.bytes);
      }
      out[item.name] = item;
    }
  }
  std::vector<shown_item> items;
  for (auto& [name, item] : out) items.push_back(std::move(item));
  return items;
}

void model_tree::paint(std::span<const node_id> merged, const std::string& path,
                       std::map<std::string, std::string>& out) const {
  for (const auto& item : list(merged)) {
    const auto* version = find_version(item.version);
    out[join(path, item.name)] =
        words_for(item.kind, version == nullptr ? "" : version->bytes, item.executable);
    if (item.kind == node_kind::folder) paint(item.merged, join(path, item.name), out);
  }
}

std::map<std::string, std::string> model_tree::picture() const {
  std::map<std::string, std::string> out;
  paint(std::array{workspace::root_node}, "", out);
  return out;
}

node_id model_tree::at(const std::string& path) const {
  std::vector<node_id> merged{workspace::root_node};
  node_id out;
  for (const auto& name : names_of(path)) {
    out = {};
    for (const auto& item : list(merged))
      if (item.name == name) {
        out = item.node;
        merged = item.merged;
        break;
      }
    if (out.is_zero()) FAIL("the tree does not show " << path);
  }
  return out;
}

std::map<std::string, std::string> picture_of(const disk_fixture& m) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(m.folder.path())) {
    const auto path =
        fs::relative(entry.path().parent_path(), m.folder.path()) / entry.path().filename();
    auto text = path.lexically_normal().string();
    if (text == ".keyfold" || text.starts_with(".keyfold/")) continue;
    if (entry.is_symlink())
      out[text] = words_for(node_kind::symlink, fs::read_symlink(entry.path()).string(), false);
    else if (entry.is_directory())
      out[text] = words_for(node_kind::folder, "", false);
    else
      out[text] =
          words_for(node_kind::file, test::read_file(entry.path()),
                    (entry.status().permissions() & fs::perms::owner_exec) != fs::perms::none);
  }
  return out;
}

// --- the actor
// -----------------------------------------------------------------------------------------

apply_report mirrored::apply_plan(const disk_plan& plan) {
  const content_source content = [this](const shown_item& item,
                                        const content_sink& sink) -> expected<void> {
    while_applying();
    const auto* version = tree.find_version(item.version);
    return sink(as_bytes(version->bytes));
  };
  // Every other version is there as a draft.
  const draft_source draft = [this](const shown_item& item, const place& to) -> expected<bool> {
    if (item.version.value.back() % 2 == 0) return false;
    while_applying();
    const file_descriptor file(
        ::openat(to.folder.get(), to.name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600));
    KEYFOLD_CHECK(write_all(file.get(), as_bytes(tree.find_version(item.version)->bytes)));
    return true;
  };
  auto report = get(apply(mirror_root, base, plan, {content, draft, commit}, *random, ignored_));
  for (const auto& skipped : report.skipped)
    if (skipped.why.code == errc::changed_on_disk) wanted_.insert(skipped.path);
  return report;
}

local_plan mirrored::plan_local(const std::vector<local_path>& starts) {
  const auto most = random->below(3) == 0 ? random->below(4) : most_new;  // seldom all at once
  auto plan = get(find_local_changes(mirror_root, base, starts, brake::accept,
                                     std::exchange(wanted_, {}), most));
  keep_ignored(ignored_, mirror_root, plan);
  return plan;
}

void mirrored::publish(local_plan& plan) {
  for (std::size_t i = 0; i < plan.changes.size(); ++i)
    if (const auto now = publish_one(plan, plan.changes[i])) record(base, plan, i, *now);
}

std::optional<published> mirrored::publish_one(const local_plan& plan, const local_change& change) {
  switch (change.what) {
    case local_kind::created:
      return publish_created(plan, change);
    case local_kind::modified:
    case local_kind::attributes:
      return publish_modified(change);
    case local_kind::moved:
      return publish_moved(plan, change);
    case local_kind::deleted:
      publish_deleted(change);
      return published{};
    case local_kind::refreshed:
      return published{};
  }
  return std::nullopt;
}

namespace {

struct local_content {
  std::string bytes;
  facts disk;
};
std::optional<local_content> content_of(const disk_fixture& m, const local_change& change) {
  if (change.disk.kind == node_kind::symlink) return local_content{change.disk.target, change.disk};
  local_content out;
  auto seen = read_file(
      m.mirror_root, change.path,
      [&](bytes_view piece) -> expected<void> {
        out.bytes += as_text(piece);
        return {};
      },
      much_later);
  if (!seen) return std::nullopt;  // changed again: the next scan tells
  out.disk = *seen;
  return out;
}

hash32 content_hash(const local_content& content) {
  return content.disk.kind == node_kind::symlink ? hash_of_target(content.bytes)
                                                 : disk_fixture::hash_of(content.bytes);
}

}  // namespace

std::optional<published> mirrored::publish_created(const local_plan& plan,
                                                   const local_change& change) {
  const auto parent = base.get(parent_row(plan, change));
  if (!parent) return std::nullopt;
  std::optional<shown_item> there;
  for (auto& item : tree.list(tree.merged_of(parent->node)))
    if (item.name == change.name && item.kind == change.disk.kind) there = item;
  if (change.disk.kind == node_kind::folder)
    return published{
        there ? there->node : tree.create(node_kind::folder, parent->node, change.name),
        {},
        {},
        {}};

  const auto content = content_of(*this, change);
  if (!content) return std::nullopt;
  published now{{}, {}, content_hash(*content), content->disk};
  const auto rows = there ? base.rows_of(there->node) : std::vector<base_row>{};
  if (there && rows.empty() && there->content == now.content) {
    now.node = there->node;
    now.version = there->version;
    return now;
  }
  now.node = there && rows.empty() ? there->node
                                   : tree.create(change.disk.kind, parent->node, change.name);
  now.version =
      tree.write(now.node, {}, content->bytes, content->disk.mtime_ns, content->disk.executable);
  return now;
}

std::optional<published> mirrored::publish_modified(const local_change& change) {
  const auto row = base.get(change.row);
  const auto content = content_of(*this, change);
  if (!row || !content) return std::nullopt;
  published now{row->node, row->version, content_hash(*content), content->disk};
  const auto* before = tree.find_version(row->version);
  if (before->bytes != content->bytes || before->executable != content->disk.executable)
    now.version = tree.write(row->node, {row->version}, content->bytes, content->disk.mtime_ns,
                             content->disk.executable);
  return now;
}

published mirrored::publish_moved(const local_plan& plan, const local_change& change) {
  const auto row = base.get(change.row);
  const auto parent = base.get(parent_row(plan, change));
  if (!row || !parent) return {};
  const auto current = tree.versions(row->node);
  const auto found = std::find(current.begin(), current.end(), row->version);
  if (row->facts.kind != node_kind::folder && found != current.end() && found != current.begin())
    return {tree.split(row->node, row->version, parent->node, change.name), {}, {}, {}};
  tree.move(row->node, parent->node, change.name);
  return {};
}

void mirrored::publish_deleted(const local_change& change) {
  if (const auto parent = base.get(change.parent)) tree.touch(parent->node);
  const auto versions = [this](const node_id& node) { return tree.versions(node); };
  for (const auto& gone : find_deletions(base, lister(), versions, change.row)) {
    if (gone.one_version)
      tree.drop(gone.row.node, gone.row.version);
    else
      tree.remove(gone.row.node);
  }
}

bool mirrored::sync() {
  auto local = plan_local({""});
  publish(local);
  const auto plan = plan_disk();
  const auto report = apply_plan(plan);
  return local.changes.empty() && plan.actions.empty() && report.skipped.empty();
}

bool mirrored::sync_told(watcher& w) {
  const auto dirty = get(w.read());
  auto starts = std::exchange(rescan_, {});
  starts.insert(dirty.folders.begin(), dirty.folders.end());
  if (dirty.all) starts = {""};
  auto local = plan_local({starts.begin(), starts.end()});
  publish(local);
  const auto folders = tree.take_touched();
  const auto report = apply_plan(mirror::plan_disk(base, lister(), folders));
  rescan_ = report.rescan;
  rescan_.insert(local.deferred.begin(), local.deferred.end());
  for (const auto& folder_again : report.replan_folders) tree.touch(folder_again);
  return starts.empty() && folders.empty();
}

void mirrored::settle() {
  for (int i = 0; i < 20; ++i)
    if (sync()) return;
  FAIL("mirror and tree do not come to rest");
}

}  // namespace keyfold::mirror
