// Entries of several devices with their causal past, and a tree to put them into.
#pragma once

#include <map>
#include <set>

#include "store/db/kv.hpp"
#include "store/workspace/tree.hpp"

namespace keyfold::tests {

using workspace::entry_order;
using workspace::operation;

template <class Id>
Id id_of(std::uint64_t kind, std::uint64_t number) {
  bytes input;
  append_u64(input, kind);
  append_u64(input, number);
  return hash_as<Id>("keyfold/tests/id", {input});
}
inline device_id device_number(std::uint64_t n) {
  return id_of<device_id>(1, n);
}
inline const workspace_id test_workspace = id_of<workspace_id>(2, 0);

struct made_entry {
  entry_order order;
  std::vector<operation> operations;
  std::set<std::size_t> past;  ///< indices of the entries that its author knew, itself included
};

/// Knows which entry knew which, as feed::index does.
class world : public feed::causality {
 public:
  /// A new entry of a device that knows exactly what it has synced and its own.
  std::size_t add(std::size_t device, std::vector<operation> operations);
  /// The device learns all that another one knows; or only one entry and its past.
  void sync(std::size_t device, std::size_t from);
  void learn(std::size_t device, std::size_t entry);
  [[nodiscard]] const std::set<std::size_t>& known(std::size_t device) { return known_[device]; }

  [[nodiscard]] bool knows(const entry_order& later, const entry_order& earlier) const override;
  void unknown_to(const entry_order& later,
                  const std::function<void(const entry_order&)>& visit) const override;

  std::vector<made_entry> entries;

 private:
  [[nodiscard]] const made_entry* find(const entry_order& o) const;
  std::map<std::size_t, std::set<std::size_t>> known_;
  std::map<std::size_t, std::uint64_t> seqs_;
  std::map<entry_order, std::size_t> index_;
};

inline operation make_file_write(node_id node, version_id version, std::vector<version_id> replaces,
                                 std::uint64_t bytes_seed, std::int64_t mtime_ms = 0) {
  workspace::file_content content;
  content.size = bytes_seed + 1;
  content.mtime_ns = mtime_ms * 1'000'000;
  content.list_hash = id_of<hash32>(3, bytes_seed);
  content.level = 0;
  content.chunks.push_back({id_of<object_id>(4, bytes_seed),
                            symmetric_key::from(id_of<hash32>(5, bytes_seed).view()).value(), 0,
                            content.size, id_of<hash32>(6, bytes_seed)});
  return workspace::write_operation{node, version, std::move(replaces), content};
}

/// A tree over a map in memory.
class tree_fixture {
 public:
  explicit tree_fixture(const feed::causality& causes)
      : store_(db::memory_store()), view_(*store_), tree_(view_, test_workspace, {}, causes) {}
  workspace::tree& operator*() { return tree_; }
  workspace::tree* operator->() { return &tree_; }
  workspace::tree_changes apply(const made_entry& e) {
    workspace::tree_changes changes;
    tree_.apply(e.order, e.operations, changes);
    return changes;
  }
  workspace::tree_changes retract(const made_entry& e) {
    workspace::tree_changes changes;
    tree_.retract(e.order, changes);
    return changes;
  }
  std::size_t keys() {
    std::size_t count = 0;
    view_.scan({}, {}, [&](bytes_view, bytes_view) {
      ++count;
      return true;
    });
    return count;
  }

 private:
  std::unique_ptr<db::store> store_;
  db::transaction view_;
  workspace::tree tree_;
};

/// Everything that is shown: one line for each path, with kind, node and versions.
std::vector<std::string> dump(const workspace::tree& tree);
std::string line_of(const std::string& folder, const workspace::shown_entry& entry);

}  // namespace keyfold::tests
