#include "store/workspace/history.hpp"

#include <algorithm>

#include "store/workspace/names.hpp"

namespace keyfold::workspace {
namespace {

constexpr std::size_t max_looked_at = 20'000;  ///< operations of the log, and children of a folder
constexpr std::uint64_t together_ms = 60'000;  ///< between the deletes of one `rm -r`
constexpr std::size_t max_depth = 10'000;

/// Just after an operation: what is below counts.
entry_order after(entry_order at) {
  ++at.index;
  return at;
}

/// `out` becomes its `limit` newest, in order; true when there were more.
template <class T, class Newer>
bool keep_newest(std::vector<T>& out, std::size_t limit, Newer newer) {
  std::sort(out.begin(), out.end(), newer);
  const bool more = out.size() > limit;
  if (more) out.erase(out.begin() + static_cast<std::ptrdiff_t>(limit), out.end());
  return more;
}

}  // namespace

bool past::known_version::same_as(const known_version& other) const {
  return std::tie(kind, size, mtime_ns, executable, content) ==
         std::tie(other.kind, other.size, other.mtime_ns, other.executable, other.content);
}

const std::vector<past::known_version>& past::versions_of(node_id node) const {
  const auto [at, fresh] = versions_.try_emplace(node);
  if (!fresh) return at->second;
  for (const auto& [version, written] : written_versions(node)) {
    const auto write = write_at(written);
    if (!write) continue;
    known_version v;
    v.version = version;
    v.written = written;
    if (const auto* file = std::get_if<file_content>(&write->content)) {
      v.size = file->size;
      v.mtime_ns = file->mtime_ns;
      v.executable = file->executable;
      v.content = to_bytes(file->list_hash.view());
    } else {
      const auto& link = std::get<symlink_content>(write->content);
      v.kind = node_kind::symlink;
      v.size = link.target.size();
      v.mtime_ns = link.mtime_ns;
      v.content = link.target;
    }
    at->second.push_back(std::move(v));
  }
  return at->second;
}

std::optional<std::uint64_t> past::time_of(const entry_order& at) const {
  auto entry = key_of(table::times, at);
  entry.resize(entry.size() - sizeof(at.index));
  std::optional<std::uint64_t> out;
  if (const auto before = state_.last(entry, key_of(table::times, after(at))))
    return read_u64(before->second);
  state_.scan(entry, {}, [&](bytes_view, bytes_view value) {
    out = read_u64(value);
    return false;
  });
  return out;
}

past::chain past::chain_at(node_id node, const entry_order& at, bool including) const {
  const auto bound = including ? after(at) : at;
  chain out{{}, {node}};
  while (node != root_node && out.nodes.size() < max_depth) {
    if (node == recovered_node) {
      out.names.emplace_back(recovered_name);
      node = root_node;
    } else {
      const auto placed = effective_placement(node, bound);
      auto place = placed ? place_of(*placed) : std::nullopt;
      const auto& r = find(node);
      if (!place && r.exists && !placement_rows(node).get(encode_order(r.created)))
        place = place_name{recovered_node, nameless_file(node)};  // a write made it
      if (!place) break;
      out.names.push_back(place->name);
      node = place->parent;
    }
    out.nodes.push_back(node);
  }
  std::reverse(out.names.begin(), out.names.end());
  return out;
}

bool past::is_gone(node_id node) const {
  const auto& r = find(node);
  if (!r.linked || node == root_node || node == recovered_node) return false;
  return !hidden_by(node).empty() || (!r.folder && current_versions(node).empty());
}

std::optional<entry_order> past::went(node_id node) const {
  if (!is_gone(node)) return std::nullopt;
  const auto hiding = hidden_by(node);
  std::optional<entry_order> own;  // what was deleted in a folder went before the folder did
  for (const auto& mark : find(node).deletes)
    if (std::find(hiding.begin(), hiding.end(), mark) != hiding.end() && (!own || *own < mark))
      own = mark;
  if (own) return own;
  if (!hiding.empty()) return *std::max_element(hiding.begin(), hiding.end());
  // All versions were dropped one by one.
  std::optional<entry_order> last;
  for (const auto& ended : endings_of(node))
    if (!last || *last < ended.at) last = ended.at;
  return last;
}

bool past::together(const entry_order& one, const entry_order& other) const {
  if (entry_of(one) == entry_of(other)) return true;
  if (one.device != other.device) return false;
  const auto a = time_of(one);
  const auto b = time_of(other);
  return a && b && std::max(*a, *b) - std::min(*a, *b) <= together_ms;
}

// -- what happened --------------------------------------------------------------------------------

/// Of a file or symlink: its writes, moves, deletes (those that hide it now from above too) and drops.
std::vector<past::event> past::events_of(const stood& file) const {
  const auto node = file.node;
  std::vector<event> out;
  std::set<entry_order> writes;
  for (const auto& v : written_versions(node)) {
    writes.insert(v.written);
    if (find(node).origin != v.version) out.push_back({v.written, node, v.version});
  }
  for (const auto& p : effective_placements(node))
    if (p.what == placement::origin::move || !find(node).origin.is_zero())
      out.push_back({p.order, node, {}});
  std::set<entry_order> deletes;
  delete_rows(node).visit({}, [&](bytes_view at, bytes_view) {
    deletes.insert(order_at_end(at));
    return true;
  });
  for (const auto& at : hidden_by(node)) deletes.insert(at);
  for (const auto& at : deletes) out.push_back({at, node, {}});
  for (const auto& ended : endings_of(node)) {
    if (writes.contains(ended.at)) continue;
    const auto o = operation_at(ended.at);
    if (o && std::holds_alternative<drop_operation>(*o))
      out.push_back({ended.at, node, ended.version});
  }
  if (!file.until) return out;
  std::erase_if(out, [&](const event& e) { return !(e.at < *file.until); });
  if (!out.empty()) out.push_back({*file.until, node, {}});  // perhaps of a folder above
  for (auto& e : out) e.moved_away = true;
  return out;
}

/// Of an operation of the log, if it counts.
std::vector<past::event> past::events_at(const entry_order& at) const {
  const auto o = operation_at(at);
  if (!o) return {};
  if (const auto* w = std::get_if<write_operation>(&*o)) {
    const auto use = use_of(w->version);
    if (!use || use->written != at) return {};
    return {{at, w->node, w->version}};
  }
  if (const auto* drop = std::get_if<drop_operation>(&*o)) {
    std::vector<event> out;
    for (const auto& version : drop->versions) out.push_back({at, drop->node, version});
    return out;
  }
  if (const auto* remove = std::get_if<delete_operation>(&*o)) return {{at, remove->node, {}}};
  // A creation of a file is told by its first write.
  const auto* create = std::get_if<create_operation>(&*o);
  if (create != nullptr && create->kind != node_kind::folder) return {};
  const auto nodes = nodes_of(*o, workspace_, at.device);
  if (nodes.empty()) return {};
  const auto node = nodes.back();  // of a split the one that it makes
  const auto placed = effective_placement(node, after(at));
  if (!placed || placed->order != at) return {};
  return {{at, node, {}}};
}

void past::set_version(const known_version& v, past_change& out) const {
  out.version = v.version;
  out.of = v.kind;
  out.size = v.size;
  out.mtime_ns = v.mtime_ns;
}

void past::describe_write(const write_operation& w, const event& e, past_change& out) const {
  const auto& all = versions_of(e.node);
  const auto self = std::find_if(all.begin(), all.end(), [&](const known_version& v) {
    return v.version == e.version && v.written == e.at;
  });
  if (self == all.end()) return;
  const auto again = std::any_of(all.begin(), self, [&](const known_version& v) {
    const bool replaced =
        std::find(w.replaces.begin(), w.replaces.end(), v.version) != w.replaces.end();
    return !replaced && v.same_as(*self);
  });
  out.what = again                 ? past_change::kind::restored
             : self == all.begin() ? past_change::kind::created
                                   : past_change::kind::written;
  set_version(*self, out);
  const auto current = current_versions(e.node);
  out.current = !e.moved_away && is_shown(e.node) &&
                std::any_of(current.begin(), current.end(),
                            [&](const written_version& v) { return v.version == e.version; });
}

void past::describe_move(const move_operation& m, const event& e, past_change& out) const {
  const auto before = effective_placement(e.node, e.at);
  out.what = past_change::kind::moved;
  out.from = chain_at(e.node, e.at, false).names;
  bool was_deleted = out.from == out.path;  // out of a deleted folder, into its successor
  if (before && m.node == e.node) {
    if (m.parent == before->parent && !out.from.empty() && out.from.back() != m.name)
      out.what = past_change::kind::renamed;
    delete_rows(e.node).visit(encode_order(before->order), [&](bytes_view sub, bytes_view) {
      const auto mark = order_at_end(sub);
      was_deleted = was_deleted || (mark < e.at && knows(e.at, mark));
      return mark < e.at;
    });
  }
  if (was_deleted) out.what = past_change::kind::restored;
  if (out.from == out.path) out.from.clear();
}

past_change past::describe(const event& e) const {
  past_change out;
  out.at = e.at;
  out.node = e.node;
  out.when_ms = time_of(e.at);
  out.path = chain_at(e.node, e.at, true).names;
  const auto o = operation_at(e.at);
  if (find(e.node).folder)
    out.of = node_kind::folder;
  else
    for (const auto& v : versions_of(e.node))
      if (e.version.is_zero() ? v.written < e.at : v.version == e.version) set_version(v, out);
  if (!o) return out;
  if (const auto* w = std::get_if<write_operation>(&*o)) {
    describe_write(*w, e, out);
  } else if (const auto* m = std::get_if<move_operation>(&*o)) {
    describe_move(*m, e, out);
  } else if (const auto* split = std::get_if<split_operation>(&*o)) {
    out.what = past_change::kind::renamed;
    out.from = chain_at(split->node, e.at, true).names;
  } else if (std::holds_alternative<create_operation>(*o)) {
    out.what = past_change::kind::created;
  } else {
    out.what = past_change::kind::deleted;
  }
  return out;
}

void past::add_log(std::span<const stood> folders, std::size_t limit, std::vector<event>& out,
                   bool& more) const {
  const bool all = std::any_of(folders.begin(), folders.end(),
                               [](const stood& f) { return f.node == root_node; });
  const auto is_within = [&](const event& e) {
    if (all) return find(e.node).exists;
    const auto above = chain_at(e.node, e.at, true).nodes;
    return std::any_of(folders.begin(), folders.end(), [&](const stood& f) {
      return (!f.until || !(*f.until < e.at)) &&
             std::find(above.begin(), above.end(), f.node) != above.end();
    });
  };
  const auto log = key_of(table::operations);
  bytes before;
  std::size_t found = 0;
  for (std::size_t looked = 0; found <= limit; ++looked) {
    const auto last = state_.last(log, before);
    if (!last) return;
    if (looked == max_looked_at) break;
    before = last->first;
    for (const auto& e : events_at(order_at_end(before)))
      if (is_within(e)) {
        out.push_back(e);
        ++found;
      }
  }
  more = true;
}

std::vector<past_change> past::deleted_from(std::span<const stood> folders, std::size_t limit,
                                            bool& more) const {
  std::vector<event> gone;
  for (const auto& folder : folders) {
    if (folder.until) continue;
    auto below = children(table::dead, folder.node);
    if (!hidden_by(folder.node).empty()) {
      const auto alive = children(table::alive, folder.node);
      below.insert(below.end(), alive.begin(), alive.end());
    }
    if (below.size() > max_looked_at) {
      below.resize(max_looked_at);
      more = true;
    }
    for (const auto& node : below)
      if (const auto at = went(node)) gone.push_back({*at, node, {}});
  }
  if (keep_newest(gone, limit, std::less<>())) more = true;
  std::vector<past_change> out;
  for (const auto& e : gone) {
    out.push_back(describe(e));
    out.back().what = past_change::kind::deleted;
  }
  return out;
}

path_history past::history_at(std::span<const std::string> path, std::size_t limit) const {
  path_history out;
  std::vector<stood> folders;
  std::vector<event> events;
  for (const auto& found : stood_at(path)) {
    if (find(found.node).folder) {
      folders.push_back(found);
      continue;
    }
    for (auto& e : events_of(found)) events.push_back(e);
  }
  out.known = !folders.empty() || !events.empty();
  if (!folders.empty()) {
    add_log(folders, limit, events, out.more);
    out.deleted = deleted_from(folders, limit, out.more);
  }
  std::sort(events.begin(), events.end());
  events.erase(std::unique(events.begin(), events.end(),
                           [](const event& a, const event& b) {
                             return a.at == b.at && a.node == b.node && a.version == b.version;
                           }),
               events.end());
  if (keep_newest(events, limit, std::less<>())) out.more = true;
  for (const auto& e : events) out.changes.push_back(describe(e));
  return out;
}

// -- what can be brought back ----------------------------------------------------------------------

std::optional<past_thing> past::find(std::span<const std::string> path,
                                     const std::optional<version_id>& version) const {
  const auto as_thing = [&](node_id node, version_id wanted) -> std::optional<past_thing> {
    if (find(node).folder) return past_thing{node, version_id{node.value}, std::nullopt};
    for (const auto& v : written_versions(node))
      if (v.version == wanted)
        if (auto write = write_at(v.written))
          return past_thing{node, wanted, std::move(write->content)};
    return std::nullopt;
  };
  std::optional<std::pair<entry_order, node_id>> last;
  for (const auto& found : stood_at(path)) {
    if (version) {
      if (find(found.node).folder && version->value != found.node.value) continue;
      if (auto thing = as_thing(found.node, *version)) return thing;
    } else if (const auto at = went(found.node); at && !found.until) {
      if (!last || last->first < *at) last = {*at, found.node};
    }
  }
  if (!last) return std::nullopt;
  auto versions = current_versions(last->second);
  if (versions.empty()) versions = written_versions(last->second);
  const auto newest =
      std::max_element(versions.begin(), versions.end(),
                       [](const auto& a, const auto& b) { return a.written < b.written; });
  return as_thing(last->second, newest == versions.end() ? version_id{} : newest->version);
}

std::vector<tree::gone_node> past::gone_with(std::span<const std::string> path,
                                             node_id folder) const {
  const auto at = went(folder);
  if (!at) return {};
  std::vector<tree::gone_node> out;
  const auto add = [&](node_id node, bool at_path) {
    const auto& r = find(node);
    out.push_back({node, r.parent, r.name, at_path});
  };
  add(folder, true);
  for (const auto& other : stood_at(path)) {
    if (other.node == folder || other.until || !find(other.node).folder) continue;
    if (const auto then = went(other.node); then && together(*then, *at)) add(other.node, true);
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (!find(out[i].node).folder) continue;
    std::vector<node_id> open{out[i].node};
    while (!open.empty()) {
      const auto within = open.back();
      open.pop_back();
      for (const auto& node : children(table::alive, within))
        if (find(node).folder) open.push_back(node);
      for (const auto& node : children(table::dead, within)) {
        const auto& marks = find(node).deletes;
        if (!marks.empty() && together(*std::max_element(marks.begin(), marks.end()), *at))
          add(node, false);  // a folder is looked into in its turn
      }
    }
  }
  return out;
}

}  // namespace keyfold::workspace
