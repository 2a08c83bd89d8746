#include "store/mirror/deletion.hpp"

#include <algorithm>

namespace keyfold::mirror {

namespace {

bool knows_version(const base& b, const shown_item& item) {
  const auto rows = b.rows_of(item.node);
  return std::any_of(rows.begin(), rows.end(),
                     [&](const base_row& row) { return row.version == item.version; });
}

/// True when base has everything that the tree shows in these folders and below.
bool knows_all(const base& b, const list_shown& list, const node_id& folder) {
  std::vector<std::vector<node_id>> open{{folder}};
  while (!open.empty()) {
    const auto merged = std::move(open.back());
    open.pop_back();
    for (auto& item : list(merged)) {
      if (!knows_version(b, item)) return false;
      if (item.kind == node_kind::folder) open.push_back(std::move(item.merged));
    }
  }
  return true;
}

}  // namespace

std::vector<deletion> find_deletions(const base& b, const list_shown& list,
                                     const list_versions& versions, row_id gone) {
  std::vector<deletion> out;
  std::vector<row_id> open{gone};
  while (!open.empty()) {
    auto row = b.get(open.back());
    open.pop_back();
    if (!row) continue;
    if (row->facts.kind == node_kind::folder) {
      if (knows_all(b, list, row->node)) {
        out.push_back({std::move(*row), false});
      } else {
        for (const auto& below : b.children(row->id)) open.push_back(below.id);
      }
      continue;
    }
    const auto current = versions(row->node);
    if (std::find(current.begin(), current.end(), row->version) != current.end())
      out.push_back({std::move(*row), current.size() > 1});
  }
  return out;
}

}  // namespace keyfold::mirror
