// Objects that are nowhere any more, made again of what stands in a mirror.
#pragma once

#include "actors/mirror_contents.hpp"

namespace keyfold::actors {

/// Makes and stores those of the objects of which the mirror's files have all that lies in them (DESIGN 7: the same key
/// and bytes are the same object), and gives their ids. Looks at the content of every file: for what is rare.
[[nodiscard]] std::vector<object_id> make_again(mirror_state& s, caf::scoped_actor& self,
                                                const std::vector<object_id>& objects);

}  // namespace keyfold::actors
