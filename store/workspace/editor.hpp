// Changes a tree's state by one batch of operations, added or taken out again.
//
//   index()     each operation into the raw tables, or out of them      placements.cpp,
//   versions.cpp settle()    creations -> cycles -> places and sums -> survivors of deletes ->
//   changed folders
//
// Later moves of folders are judged anew after an earlier one came or went: since every move is
// kept with its verdict, a place "as of an order" is a lookup, and nothing has to be undone first
// (Kleppmann's undo and redo come to the same).
#pragma once

#include "store/workspace/lookup.hpp"

namespace keyfold::workspace {

class editor : public lookup {
 public:
  editor(db::view& state, workspace_id workspace, const symmetric_key& name_key,
         const feed::causality& causes, tree_changes& changes)
      : lookup(state, workspace, name_key, causes), changes_(changes) {}

  void apply(const entry_order& first, std::span<const operation> operations);
  void retract(const entry_order& entry);

 private:
  using order_and_node = std::pair<entry_order, node_id>;

  void index(const operation& o, const entry_order& at, bool add);
  void settle();
  void set(const bytes& key, bytes_view value, bool add);
  void touch(node_id node);

  // placements.cpp
  void index_placement(node_id node, const placement& p, bool add);
  void settle_creations();
  void settle_creation(node_id node);
  void relink_children(node_id parent);
  void settle_folder_moves();
  void reconsider_moves();
  void judge_move(node_id node, const entry_order& order, bool may_be_void);
  [[nodiscard]] bool makes_cycle(node_id node, const placement& move) const;
  void reconsider_from(const entry_order& o);

  // places.cpp
  void settle_places();
  [[nodiscard]] record placed_record(node_id node) const;
  void detach(node_id node);
  void attach(node_id node);
  void add_to_sums(node_id node, sums difference);
  void set_candidate(node_id node, bool candidate);
  void settle_survivors();
  void note_changes();
  void note_folders_to_root(node_id node);
  void note_folders_below(node_id node);

  // past_places.cpp
  void index_past_place(node_id node, node_id parent, std::string_view name, bool add);
  void settle_past_places();

  // versions.cpp
  void index_write(const write_operation& w, const entry_order& at, bool add);
  void index_ending(node_id node, version_id version, const entry_order& at, bool add);
  void index_split(const split_operation& s, const entry_order& at, node_id made, bool add);
  void take_effect(const version_use& use, version_id version, bool add);
  void recheck(node_id node, version_id version);
  void count_own(node_id node, record& r) const;

  tree_changes& changes_;
  std::set<node_id> touched_;
  std::set<order_and_node> moved_;  ///< moves that came or went
  std::set<node_id> replaced_;      ///< nodes of which a placement was taken out
  std::optional<entry_order> reconsider_;
  std::set<entry_order> marks_to_trace_;  ///< deletes whose survivors are to be looked for
  std::set<node_id> detached_;
  std::set<node_id> restructured_;  ///< nodes whose place or marks changed
};

}  // namespace keyfold::workspace
