#include "store/workspace/projection.hpp"

#include <algorithm>
#include <map>

#include "store/workspace/names.hpp"

namespace keyfold::workspace {
namespace {

node_kind kind_of(const node_content& content) {
  return std::holds_alternative<symlink_content>(content) ? node_kind::symlink : node_kind::file;
}

/// Gives the files of a folder their names, after its folders have theirs: first to the oldest that
/// wants a name, then made-up names to later files, then to conflict copies.
class naming {
 public:
  struct file {
    node_id node;
    const record* facts;
    std::vector<branch> branches;
  };
  explicit naming(std::map<std::string, shown_entry> folders) : out_(std::move(folders)) {}

  std::vector<shown_entry> run(std::vector<file> files) {
    std::sort(files.begin(), files.end(),
              [](const file& a, const file& b) { return a.facts->placed < b.facts->placed; });
    std::vector<const file*> later;
    for (const auto& f : files)
      if (!put(f.facts->name, f, 0)) later.push_back(&f);
    for (const auto* f : later)
      put_numbered(*f, 0, 2, f->facts->name,
                   [&](auto number) { return numbered_name(f->facts->name, number); });
    for (const auto& f : files)
      for (std::size_t i = 1; i < f.branches.size(); ++i) {
        const auto& b = f.branches[i];
        const auto name = [&](std::uint64_t number) {
          return conflict_name(f.facts->name, b.first.device, b.first_ms, number);
        };
        put_numbered(f, i, 1, name(1), name);
      }
    std::vector<shown_entry> sorted;
    for (auto& [name, entry] : out_) sorted.push_back(std::move(entry));
    return sorted;
  }
  static shown_entry entry_of(std::string name, const file& f, std::size_t index) {
    const auto& b = f.branches[index];
    shown_entry out;
    out.name = std::move(name);
    out.kind = kind_of(b.content);
    out.node = f.node;
    out.version = to_shown(b);
    out.conflict_copy = index > 0;
    out.versions = f.branches.size();
    return out;
  }

 private:
  bool put(const std::string& name, const file& f, std::size_t index) {
    const auto [at, fresh] = out_.try_emplace(name);
    if (fresh) at->second = entry_of(name, f, index);
    return fresh;
  }
  /// Takes the first free name of a series. Where the search in it stands is kept, by what names
  /// the series: many files may want one name.
  template <class Name>
  void put_numbered(const file& f, std::size_t index, std::uint64_t from, const std::string& series,
                    const Name& name) {
    auto& next = next_.try_emplace(series, from).first->second;
    while (!put(name(next), f, index)) ++next;
  }
  std::map<std::string, shown_entry> out_;
  std::map<std::string, std::uint64_t> next_;
};

}  // namespace

std::vector<node_id> projection::shown_children(node_id folder,
                                                const std::optional<std::string_view>& name) const {
  std::vector<node_id> out;
  const bool hidden = !hidden_by(folder).empty();
  if (!hidden) out = children(table::alive, folder, name);
  // What a delete marks or hides is looked at only where something may survive.
  for (const auto& node : children(table::surviving, folder, name))
    if (hidden || find(node).marked()) out.push_back(node);
  std::erase_if(out, [&](node_id node) {
    const auto& r = find(node);
    if (name && r.name != *name) return true;
    if (hidden || r.marked()) return !is_shown(node);
    return !r.folder && current_versions(node).empty();
  });
  return out;
}

std::vector<node_id> projection::shown_children(std::span<const node_id> folders,
                                                const std::optional<std::string_view>& name) const {
  std::vector<node_id> out;
  for (const auto& folder : folders) {
    const auto some = shown_children(folder, name);
    out.insert(out.end(), some.begin(), some.end());
    const bool at_root = folder == root_node && (!name || *name == recovered_name);
    if (at_root && !shown_children(recovered_node).empty()) out.push_back(recovered_node);
  }
  return out;
}

shown_entry projection::folder_entry(std::string name, std::vector<node_id> merged) const {
  // New children go to the first: the oldest that is really there.
  const auto rank = [this](node_id node) {
    return std::make_tuple(node == recovered_node, !hidden_by(node).empty(), find(node).created,
                           node);
  };
  std::sort(merged.begin(), merged.end(), [&](node_id a, node_id b) { return rank(a) < rank(b); });
  shown_entry out;
  out.name = std::move(name);
  out.kind = node_kind::folder;
  out.node = merged.front();
  out.merged = std::move(merged);
  return out;
}

std::vector<shown_entry> projection::list(std::span<const node_id> folders) const {
  std::map<std::string, std::vector<node_id>> merged;
  std::vector<naming::file> files;
  for (const auto& node : shown_children(folders)) {
    const auto& r = find(node);
    if (r.folder) {
      merged[r.name].push_back(node);
    } else if (auto branches = branches_of(*this, node); !branches.empty()) {
      files.push_back({node, &r, std::move(branches)});
    }  // else what was written there cannot be read: the disk fails
  }
  std::map<std::string, shown_entry> entries;
  for (auto& [name, nodes] : merged) entries.emplace(name, folder_entry(name, std::move(nodes)));
  return naming(std::move(entries)).run(std::move(files));
}

std::optional<shown_entry> projection::find_child(std::span<const node_id> folders,
                                                  const std::string& name) const {
  // A name that somebody gave shows as the folders of that name, or else as the first file.
  std::vector<node_id> same;
  std::optional<node_id> first;
  for (const auto& node : shown_children(folders, name)) {
    const auto& r = find(node);
    if (r.folder)
      same.push_back(node);
    else if (!first || r.placed < find(*first).placed)
      first = node;
  }
  if (!same.empty()) return folder_entry(name, std::move(same));
  if (first) {
    auto branches = branches_of(*this, *first);
    if (branches.empty()) return std::nullopt;  // as in list()
    return naming::entry_of(name, {*first, &find(*first), std::move(branches)}, 0);
  }
  if (!may_be_made_up(name)) return std::nullopt;
  for (auto& entry : list(folders))
    if (entry.name == name) return std::move(entry);
  return std::nullopt;
}

std::optional<shown_entry> projection::find_path(std::span<const std::string> path) const {
  std::optional<shown_entry> at = folder_entry({}, {root_node});
  for (const auto& name : path) {
    if (at->kind != node_kind::folder) return std::nullopt;
    at = find_child(std::vector(at->merged), name);
    if (!at) return std::nullopt;
  }
  return at;
}

std::optional<std::vector<std::string>> projection::path_of(node_id node) const {
  std::vector<std::string> path;
  for (auto at = node; at != root_node; at = find(at).parent) {
    const auto& r = find(at);
    if (!r.linked) return std::nullopt;
    path.push_back(r.name);
  }
  std::reverse(path.begin(), path.end());
  const auto is_it = [node](const shown_entry& entry) {
    if (entry.kind != node_kind::folder) return entry.node == node && !entry.conflict_copy;
    return std::find(entry.merged.begin(), entry.merged.end(), node) != entry.merged.end();
  };
  const auto found = find_path(path);
  if (found && is_it(*found)) return path;
  if (path.empty()) return std::nullopt;
  // A file that had to take another name.
  const auto folder = find_path(std::span(path).first(path.size() - 1));
  if (!folder || folder->kind != node_kind::folder) return std::nullopt;
  for (const auto& entry : list(folder->merged))
    if (is_it(entry)) {
      path.back() = entry.name;
      return path;
    }
  return std::nullopt;
}

std::vector<written_version> projection::written_versions(node_id node) const {
  std::vector<written_version> versions;
  const auto& origin = find(node).origin;
  if (const auto use = use_of(origin); use && !origin.is_zero() && use->node != node)
    versions.push_back({origin, use->written});
  state_.scan(key_of(table::writes, node), {}, [&](bytes_view key, bytes_view value) {
    versions.push_back({id_at_end<version_id>(value), order_at_end(key)});
    return true;
  });
  std::erase_if(versions, [this](const written_version& v) {
    const auto use = use_of(v.version);
    return !use || use->written != v.written;
  });
  return versions;
}

std::vector<shown_version> projection::history(node_id node) const {
  std::vector<shown_version> out;
  for (const auto& [version, written] : written_versions(node)) {
    auto write = write_at(written);
    if (!write) continue;
    const auto ms = mtime_ms(write->content);
    out.push_back({version, std::move(write->content), written, ms, written.device, {version}});
  }
  return out;
}

tree::totals projection::count() const {
  // The root's sums leave out what lies below marked nodes; of that, what is visible is added here.
  const auto& root = find(root_node);
  tree::totals out{root.sums.files, root.sums.bytes};
  struct step {
    node_id node;
    bool counted;  ///< its sums are in `out`
  };
  std::vector<step> open{{root_node, true}, {recovered_node, true}};
  while (!open.empty()) {
    const auto at = open.back();
    open.pop_back();
    for (const auto& node : children(table::surviving, at.node)) {
      const auto& r = find(node);
      bool counted = at.counted && !r.marked();
      if (!counted && hidden_by(node).empty()) {
        out.files += r.sums.files;
        out.bytes += r.sums.bytes;
        counted = true;
      }
      open.push_back({node, counted});
    }
  }
  return out;
}

}  // namespace keyfold::workspace
