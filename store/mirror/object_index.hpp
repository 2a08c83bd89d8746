// Which objects the files of a mirror can give again: brought up to base a few rows at a time, behind whoever changes
// rows, so that no publishing or writing waits for it.
#pragma once

#include "store/mirror/base.hpp"

namespace keyfold::mirror {

/// The objects that a version's content names, those of its list and those of its chunks; none of a symlink. nullopt:
/// not known here (yet).
using objects_of_version =
    std::function<std::optional<std::vector<object_id>>(const version_id& version)>;

/// Looks at the rows from `from` on whose version the index does not have, at most `most` of them; what is not known
/// now is left. Gives the last one looked at; nullopt: there are none.
[[nodiscard]] std::optional<row_id> index_objects(base& b, const objects_of_version& objects,
                                                  row_id from, std::size_t most);

}  // namespace keyfold::mirror
