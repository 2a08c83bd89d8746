// What is derived about a node, and a write-back cache of it: a batch of operations touches the
// same folders over and over.
#pragma once

#include <unordered_map>

#include "store/workspace/keys.hpp"

namespace keyfold::workspace {

/// Sums over a node and what lies below it. Differences wrap, so that they can be added too.
struct sums {
  std::uint64_t files = 0;  ///< not below a node with a mark of a delete
  std::uint64_t bytes = 0;
  std::uint64_t survivors = 0;  ///< nodes that may survive a delete, below marked nodes too
  sums& operator+=(const sums& other) {
    files += other.files;
    bytes += other.bytes;
    survivors += other.survivors;
    return *this;
  }
  friend sums operator-(const sums& a, const sums& b) {
    return {a.files - b.files, a.bytes - b.bytes, a.survivors - b.survivors};
  }
  [[nodiscard]] bool is_zero() const { return files == 0 && bytes == 0 && survivors == 0; }
  bool operator==(const sums&) const = default;
};

struct record {
  bool exists = false;  ///< a create or split of it counts, or a write to it
  bool folder = false;
  bool linked = false;     ///< stands among its parent's children, and in its sums
  bool contested = false;  ///< its last move is void
  bool candidate = false;  ///< may survive a delete of itself or of an ancestor
  entry_order created;
  entry_order placed;     ///< the creation or move that its place is from
  version_id origin;      ///< what it was split off with
  node_id wanted_parent;  ///< as the operation says
  node_id parent;         ///< where it shows: wanted_parent, or recovered_node
  std::string name;
  std::vector<entry_order> deletes;  ///< those that mark it
  std::uint64_t own_files = 0;
  std::uint64_t own_bytes = 0;
  workspace::sums sums;
  std::uint64_t named = 0;  ///< how many placements name it as the parent

  [[nodiscard]] bool marked() const { return !deletes.empty(); }
  /// What it adds to its parent's sums.
  [[nodiscard]] workspace::sums contribution() const {
    return marked() ? workspace::sums{0, 0, sums.survivors} : sums;
  }
  bool operator==(const record&) const = default;
};

/// Reads records once, and writes those edited when flush() is called.
class record_cache {
 public:
  explicit record_cache(db::view& state) : state_(state) {}
  /// Valid until the cache goes. The root and recovered_node always exist.
  const record& find(node_id node) { return slot_of(node).value; }
  record& edit(node_id node) {
    auto& found = slot_of(node);
    found.dirty = true;
    return found.value;
  }
  void flush();

 private:
  struct slot {
    record value;
    bool dirty = false;
  };
  slot& slot_of(node_id node);
  db::view& state_;
  std::unordered_map<node_id, slot> slots_;
};

}  // namespace keyfold::workspace
