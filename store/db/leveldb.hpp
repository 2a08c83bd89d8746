// LevelDB in particular: for tests that make its files fail, and for what is saved from a damaged one.
#pragma once

#include "store/db/kv.hpp"

namespace leveldb {
class Env;
}

namespace keyfold::db {

/// open_leveldb() with files of `environment`, which must outlive the store.
[[nodiscard]] expected<std::unique_ptr<store>> open_leveldb_in(const std::string& directory,
                                                               leveldb::Env& environment);
/// Makes of the database's files one that opens, from all that can be read. Pairs may be missing, and erased ones be
/// back: what comes of it is a place to look for things, not to go on with. LevelDB may abort over what it finds.
[[nodiscard]] expected<void> repair_leveldb(const std::string& directory);

}  // namespace keyfold::db
