#include "tests/store/workspace/model.hpp"

#include <algorithm>

#include "store/workspace/names.hpp"

namespace keyfold::tests {

using namespace workspace;

model::model(const world& causes, const std::set<std::size_t>& entries) : causes_(causes) {
  std::map<entry_order, const operation*> log;
  for (const auto i : entries) {
    auto at = causes.entries[i].order;
    for (const auto& o : causes.entries[i].operations) {
      log[at] = &o;
      ++at.index;
    }
  }
  for (const auto& [at, o] : log) replay(*o, at);
  for (auto& [id, n] : nodes_)
    for (const auto& mark : all_deletes_[id])
      if (n.last < mark && knows(mark, n.last) && knows(mark, n.placed)) n.deletes.push_back(mark);
}

bool model::knows(const entry_order& later, const entry_order& earlier) const {
  auto a = later;
  auto b = earlier;
  a.index = b.index = 0;
  return a == b ? earlier.index < later.index : causes_.knows(a, b);
}

bool model::below(node_id id, node_id ancestor) const {
  while (id != ancestor) {
    const auto at = nodes_.find(id);
    if (at == nodes_.end() || !at->second.parent_counts) return false;
    id = at->second.parent;
  }
  return true;
}

void model::place(node_id id, node_id parent, const std::string& name, const entry_order& at) {
  auto& n = nodes_[id];
  n.placed = at;
  n.parent = parent;
  n.name = name;
  n.parent_counts = parent == root_node || (nodes_.contains(parent) && nodes_[parent].folder);
}

void model::replay(const operation& o, const entry_order& at) {
  const auto create = [&](const node_nonce& nonce, bool folder, node_id parent,
                          const std::string& name, version_id origin) {
    const auto id = make_node_id(test_workspace, at.device, nonce);
    if (const auto found = nodes_.find(id); found != nodes_.end() && !found->second.nameless)
      return;
    node n;
    n.folder = folder;
    n.created = n.last = at;
    n.origin = origin;
    // Placed before it exists, so that it is not its own parent.
    n.parent_counts = parent == root_node || (nodes_.contains(parent) && nodes_[parent].folder);
    n.parent = parent;
    n.name = name;
    n.placed = at;
    nodes_[id] = n;
  };
  if (const auto* c = std::get_if<create_operation>(&o)) {
    create(c->nonce, c->kind == node_kind::folder, c->parent, c->name, {});
  } else if (const auto* m = std::get_if<move_operation>(&o)) {
    const auto found = nodes_.find(m->node);
    if (found == nodes_.end()) return;
    found->second.last = at;
    const bool counts =
        m->parent == root_node || (nodes_.contains(m->parent) && nodes_[m->parent].folder);
    if (found->second.folder && counts && below(m->parent, m->node)) return;
    place(m->node, m->parent, m->name, at);
  } else if (const auto* d = std::get_if<delete_operation>(&o)) {
    all_deletes_[d->node].push_back(at);
  } else if (const auto* w = std::get_if<write_operation>(&o)) {
    if (!nodes_.contains(w->node)) {
      auto& n = nodes_[w->node];
      n.nameless = true;
      n.created = n.placed = n.last = at;
      n.parent = recovered_node;
      n.name = nameless_file(w->node);
    }
    if (!writes_.emplace(w->version, write{at, *w}).second) return;
    for (const auto& version : w->replaces)
      if (version != w->version) ended_.emplace(w->node, version);
  } else if (const auto* drop = std::get_if<drop_operation>(&o)) {
    for (const auto& version : drop->versions) ended_.emplace(drop->node, version);
  } else if (const auto* s = std::get_if<split_operation>(&o)) {
    ended_.emplace(s->node, s->version);
    create(s->nonce, false, s->parent, s->name, s->version);
  }
}

node_id model::parent_of(node_id id) const {
  const auto& n = nodes_.at(id);
  return n.parent_counts ? n.parent : recovered_node;
}

bool model::belongs(node_id id, version_id version) const {
  const auto at = writes_.find(version);
  if (at == writes_.end()) return false;
  const auto found = nodes_.find(id);
  return at->second.what.node == id || (found != nodes_.end() && found->second.origin == version);
}

std::set<version_id> model::current(node_id id) const {
  std::set<version_id> out;
  for (const auto& [version, w] : writes_)
    if (belongs(id, version) && !ended_.contains({id, version})) out.insert(version);
  return out;
}

std::set<version_id> model::ancestors(node_id id, version_id version) const {
  std::set<version_id> out;
  std::vector<version_id> open{version};
  while (!open.empty()) {
    const auto at = open.back();
    open.pop_back();
    if (!out.insert(at).second) continue;
    const auto& w = writes_.at(at).what;
    if (w.node != id) continue;
    for (const auto& before : w.replaces)
      if (belongs(id, before)) open.push_back(before);
  }
  return out;
}

std::vector<model::shown_branch> model::branches(node_id id) const {
  std::vector<shown_branch> all;
  const auto tips = current(id);
  for (const auto& tip : tips) {
    auto own = ancestors(id, tip);
    for (const auto& other : tips)
      if (other != tip)
        for (const auto& version : ancestors(id, other)) own.erase(version);
    if (tips.size() == 1) own = {tip};
    auto first = tip;
    for (const auto& version : own)
      if (writes_.at(version).written < writes_.at(first).written) first = version;
    const auto mtime = std::get<file_content>(writes_.at(first).what.content).mtime_ns / 1'000'000;
    all.push_back({tip, writes_.at(first).written, mtime, {tip}});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<shown_branch> out;
  const auto hash_at = [this](version_id v) {
    return std::get<file_content>(writes_.at(v).what.content).list_hash;
  };
  for (const auto& b : all) {
    bool merged = false;
    for (auto& older : out)
      if (!merged && hash_at(older.tip) == hash_at(b.tip)) {
        older.same.insert(b.tip);
        merged = true;
      }
    if (!merged) out.push_back(b);
  }
  return out;
}

std::vector<entry_order> model::hidden_by(node_id id) const {
  if (id == root_node || id == recovered_node) return {};
  const auto& n = nodes_.at(id);
  std::vector<entry_order> marks;
  if (n.last == n.placed) marks = hidden_by(parent_of(id));
  marks.insert(marks.end(), n.deletes.begin(), n.deletes.end());
  std::erase_if(marks, [&](const entry_order& mark) {
    if (!knows(mark, n.created) || !knows(mark, n.placed)) return true;
    if (n.folder) return false;
    for (const auto& version : current(id))
      if (!knows(mark, writes_.at(version).written)) return true;
    return false;
  });
  return marks;
}

std::vector<node_id> model::children(node_id folder) const {
  std::vector<node_id> out;
  for (const auto& [id, n] : nodes_)
    if (parent_of(id) == folder) out.push_back(id);
  return out;
}

bool model::shown(node_id id) const {
  if (id == recovered_node) {
    const auto below = children(id);
    return std::any_of(below.begin(), below.end(), [this](node_id n) { return shown(n); });
  }
  const auto& n = nodes_.at(id);
  if (hidden_by(id).empty()) return n.folder || !current(id).empty();
  const auto below = children(id);
  return std::any_of(below.begin(), below.end(), [this](node_id child) { return shown(child); });
}

std::vector<shown_entry> model::list(std::span<const node_id> folders) const {
  std::map<std::string, shown_entry> out;
  std::map<entry_order, node_id> files;
  std::map<std::string, std::vector<node_id>> merged;
  for (const auto& folder : folders)
    for (const auto& id : children(folder)) {
      if (!shown(id)) continue;
      if (nodes_.at(id).folder)
        merged[nodes_.at(id).name].push_back(id);
      else
        files[nodes_.at(id).placed] = id;
    }
  if (folders[0] == root_node && shown(recovered_node))
    merged[std::string(recovered_name)].push_back(recovered_node);
  for (auto& [name, ids] : merged) {
    std::stable_sort(ids.begin(), ids.end(), [this](node_id a, node_id b) {
      const auto rank = [this](node_id id) {
        return id == recovered_node
                   ? std::tuple(true, false, entry_order{})
                   : std::tuple(false, !hidden_by(id).empty(), nodes_.at(id).created);
      };
      return rank(a) < rank(b);
    });
    shown_entry e;
    e.name = name;
    e.kind = node_kind::folder;
    e.node = ids[0];
    e.merged = ids;
    out[name] = e;
  }
  const auto put = [&](const std::string& name, node_id id, const std::vector<shown_branch>& all,
                       std::size_t i) {
    if (out.contains(name)) return false;
    shown_entry e;
    e.name = name;
    e.node = id;
    e.version = shown_version{};
    e.version->version = all[i].tip;
    e.version->content = writes_.at(all[i].tip).what.content;
    e.version->same.assign(all[i].same.begin(), all[i].same.end());
    e.conflict_copy = i > 0;
    e.versions = all.size();
    out[name] = e;
    return true;
  };
  std::vector<node_id> later;
  for (const auto& [placed, id] : files)
    if (!put(nodes_.at(id).name, id, branches(id), 0)) later.push_back(id);
  for (const auto& id : later)
    for (int k = 2; !put(numbered_name(nodes_.at(id).name, k), id, branches(id), 0);) ++k;
  for (const auto& [placed, id] : files) {
    const auto all = branches(id);
    for (std::size_t i = 1; i < all.size(); ++i)
      for (int k = 1;
           !put(conflict_name(nodes_.at(id).name, all[i].first.device, all[i].first_ms, k), id, all,
                i);)
        ++k;
  }
  std::vector<shown_entry> sorted;
  for (auto& [name, e] : out) sorted.push_back(e);
  return sorted;
}

void model::visit(const std::string& path, std::span<const node_id> folders,
                  const std::function<void(const std::string&, const shown_entry&)>& f) const {
  for (const auto& e : list(folders)) {
    f(path, e);
    if (e.kind == node_kind::folder) visit(path + "/" + e.name, e.merged, f);
  }
}

std::vector<std::string> model::dump() const {
  std::vector<std::string> out;
  visit("", std::vector{root_node},
        [&](const auto& path, const auto& e) { out.push_back(line_of(path, e)); });
  return out;
}

tree::totals model::count() const {
  tree::totals out;
  visit("", std::vector{root_node}, [&](const auto&, const auto& e) {
    if (e.kind != node_kind::file) return;
    ++out.files;
    out.bytes += std::get<file_content>(e.version->content).size;
  });
  return out;
}

std::map<version_id, entry_order> model::open_versions() const {
  std::map<version_id, entry_order> out;
  for (const auto& [version, w] : writes_)
    if (!ended_.contains({w.what.node, version})) out[version] = w.written;
  return out;
}

std::set<version_id> model::shown_versions() const {
  std::set<version_id> out;
  visit("", std::vector{root_node}, [&](const auto&, const auto& e) {
    if (e.version) out.insert(e.version->same.begin(), e.version->same.end());
  });
  return out;
}

}  // namespace keyfold::tests
