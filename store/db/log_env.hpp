// LevelDB's files, such that a write that failed is not there when the database is opened again.
//
// LevelDB goes on after a failed append to its log: what follows then stands behind a hole, and is lost, or refused
// as damage, at the next opening. And a batch whose sync failed may come back then, though its author was told that
// it had failed. Here a log that failed once takes nothing more, and is cut to what was last synced.
//
// And LevelDB maps its tables into memory: where the disk cannot give a page back, or somebody made the file shorter,
// the program would end by SIGBUS; and what was ever read counts as its memory. Here tables are read, and a read that
// fails is a failure.
#pragma once

#include <leveldb/env.h>

#include <atomic>
#include <memory>

namespace keyfold::db {

/// What became of failed writes; shared with the files, which may outlive the environment's user.
struct log_facts {
  /// A log could not be cut: what failed may be there after an opening. Only a new process may open the database.
  std::atomic<bool> uncertain = false;
};

/// An environment over `base`, which must outlive it.
[[nodiscard]] std::unique_ptr<leveldb::Env> make_log_env(leveldb::Env& base,
                                                         std::shared_ptr<log_facts> facts);

}  // namespace keyfold::db
