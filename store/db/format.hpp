// Which form of its rows a database has, so that no program takes those of another form for its own.
#pragma once

#include "store/db/kv.hpp"

namespace keyfold::db {

/// The row (key 0x00, in nobody's prefix) says `version`; it is written where it lacks, in a database that is new or from
/// the time before there was one. `errc::unknown_version` when it says another.
[[nodiscard]] expected<void> check_format(store& database, std::uint8_t version);

}  // namespace keyfold::db
