#include "tests/store/workspace/world.hpp"

namespace keyfold::tests {

std::size_t world::add(std::size_t device, std::vector<operation> operations) {
  const auto number = entries.size();
  auto& known = known_[device];
  entry_order order;
  order.lamport = {1};
  for (const auto i : known)
    order.lamport = std::max(order.lamport, entries[i].order.lamport.next());
  order.device = device_number(device);
  order.generation = id_of<generation_id>(7, device);
  order.seq = {seqs_[device]++};
  order.hash = id_of<entry_hash>(8, number);
  known.insert(number);
  entries.push_back({order, std::move(operations), known});
  index_[order] = number;
  return number;
}

void world::sync(std::size_t device, std::size_t from) {
  const auto learnt = known_[from];
  known_[device].insert(learnt.begin(), learnt.end());
}

void world::learn(std::size_t device, std::size_t entry) {
  known_[device].insert(entries[entry].past.begin(), entries[entry].past.end());
}

const made_entry* world::find(const entry_order& o) const {
  const auto at = index_.find(o);
  return at == index_.end() ? nullptr : &entries[at->second];
}

bool world::knows(const entry_order& later, const entry_order& earlier) const {
  const auto* by = find(later);
  const auto at = index_.find(earlier);
  return by != nullptr && at != index_.end() && by->past.contains(at->second);
}

void world::unknown_to(const entry_order& later,
                       const std::function<void(const entry_order&)>& visit) const {
  const auto* by = find(later);
  if (by == nullptr) return;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (!by->past.contains(i)) visit(entries[i].order);
}

std::string line_of(const std::string& folder, const workspace::shown_entry& entry) {
  auto out = folder + "/" + entry.name + " " + std::to_string(static_cast<int>(entry.kind)) + " " +
             to_text(entry.node).substr(0, 6);
  for (const auto& node : entry.merged) out += " +" + to_text(node).substr(0, 6);
  if (entry.version) {
    for (const auto& version : entry.version->same) out += " =" + to_text(version).substr(0, 6);
    out += " @" + to_text(entry.version->version).substr(0, 6);
  }
  out += entry.conflict_copy ? " copy" : "";
  out += " " + std::to_string(entry.versions);
  return out;
}

namespace {
void dump_below(const workspace::tree& tree, const std::string& path,
                std::span<const node_id> folders, std::vector<std::string>& out, int depth) {
  if (depth > 60) throw std::logic_error("a cycle in the tree");
  for (const auto& entry : tree.list(folders)) {
    out.push_back(line_of(path, entry));
    if (entry.kind == workspace::node_kind::folder)
      dump_below(tree, path + "/" + entry.name, entry.merged, out, depth + 1);
  }
}
}  // namespace

std::vector<std::string> dump(const workspace::tree& tree) {
  std::vector<std::string> out;
  dump_below(tree, "", std::vector{workspace::root_node}, out, 0);
  return out;
}

}  // namespace keyfold::tests
