#include "store/mirror/object_index.hpp"

namespace keyfold::mirror {

std::optional<row_id> index_objects(base& b, const objects_of_version& objects, row_id from,
                                    std::size_t most) {
  std::optional<row_id> last;
  for (const auto& each : b.unindexed(from, most)) {
    last = each.row;
    const auto row = b.get(each.row);
    const auto version = row ? row->version : version_id{};
    const auto now = version.is_zero() ? std::vector<object_id>{} : objects(version);
    if (!now) continue;
    // What is not known any more leaves entries behind; they name a version that the row has not.
    const auto former = each.former.is_zero() ? std::nullopt : objects(each.former);
    b.index(each.row, version, former.value_or(std::vector<object_id>{}), *now);
  }
  return last;
}

}  // namespace keyfold::mirror
