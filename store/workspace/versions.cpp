// A file's content as a multi-value register: which versions of a node are current.
#include "store/workspace/branches.hpp"
#include "store/workspace/editor.hpp"

namespace keyfold::workspace {

void editor::index_write(const write_operation& w, const entry_order& at, bool add) {
  const auto before = use_of(w.version);
  set(key_of(table::writes, w.node, at), w.version.view(), add);
  use_rows(w.version).set(encode_order(at), w.node.view(), add);
  const auto after = use_of(w.version);
  touch(w.node);
  if (before && after && before->written == after->written) return;
  // Of two writes with one version id the first counts; the other is as if it were not there.
  if (before) take_effect(*before, w.version, false);
  if (after) take_effect(*after, w.version, true);
  for (const auto& node : nodes_split_off(w.version)) recheck(node, w.version);
}

void editor::take_effect(const version_use& use, version_id version, bool add) {
  const auto write = write_at(use.written);
  if (!write) return;
  for (const auto& replaced : write->replaces)
    if (replaced != version) index_ending(use.node, replaced, use.written, add);
  recheck(use.node, version);
}

void editor::index_ending(node_id node, version_id version, const entry_order& at, bool add) {
  ending_rows(node, version).set(encode_order(at), {}, add);
  recheck(node, version);
}

void editor::index_split(const split_operation& s, const entry_order& at, node_id made, bool add) {
  index_ending(s.node, s.version, at, add);
  split_rows(s.version).set(encode_order(at), made.view(), add);
}

void editor::recheck(node_id node, version_id version) {
  if (version.is_zero()) return;
  const auto use = use_of(version);
  const bool current = use && belongs(*use, version, node) && ending_rows(node, version).empty();
  current_rows(node).set(version.view(), current ? encode_order(use->written) : bytes{}, current);
  touch(node);
}

void editor::count_own(node_id node, record& r) const {
  r.own_files = r.own_bytes = 0;
  if (r.folder) return;
  for (const auto& branch : branches_of(*this, node)) {
    const auto* file = std::get_if<file_content>(&branch.content);
    if (file == nullptr) continue;
    ++r.own_files;
    r.own_bytes += file->size;
  }
}

}  // namespace keyfold::workspace
