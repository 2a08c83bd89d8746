// What a delete on disk may delete in the tree: only what the user could see. While the tree knows
// of things that never reached this disk, those stay, and come to the disk with the next plan.
#pragma once

#include "store/mirror/disk_plan.hpp"

namespace keyfold::mirror {

struct deletion {
  base_row row;
  bool one_version = false;  ///< other versions are current too: drop row.version, keep the node
};

/// The current versions of a file or symlink (workspace::tree::current_versions).
using list_versions = std::function<std::vector<version_id>(const node_id& node)>;

/// The deletes that local_kind::deleted of `gone` stands for: of a folder itself if base knows all
/// that it shows, else of what base knows in it. Ask before record() takes the rows away.
[[nodiscard]] std::vector<deletion> find_deletions(const base& b, const list_shown& list,
                                                   const list_versions& versions, row_id gone);

}  // namespace keyfold::mirror
