// The branches of a file: its current versions, each with the first version that only it descends
// from.
//
//        v0 ── v1 ──┬── v2 ── v4      current: v4 (branch begins at v2) and v3 (begins at itself);
//                   └── v3            v2 was written first, so v4 keeps the name
#pragma once

#include "store/workspace/lookup.hpp"

namespace keyfold::workspace {

struct branch {
  written_version tip;
  node_content content;          ///< of the tip
  entry_order first;             ///< the write of the branch's first version
  std::int64_t first_ms = 0;     ///< that version's mtime
  std::vector<version_id> same;  ///< current versions with these bytes, ascending
};

/// The oldest branch first. Branches whose tips have equal bytes are one: the oldest of them. Of a
/// sole version the branch is taken to begin at itself: nothing is named by it.
[[nodiscard]] std::vector<branch> branches_of(const lookup& tree, node_id node);

[[nodiscard]] shown_version to_shown(const branch& b);

/// True when both show the same bytes: mtime does not matter.
[[nodiscard]] bool equal_bytes(const node_content& a, const node_content& b);

[[nodiscard]] std::int64_t mtime_ms(const node_content& content);

}  // namespace keyfold::workspace
