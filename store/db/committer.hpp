// Group commit: batches of several callers become one synced write, and each learns when it is
// durable. (LevelDB does some thousand synced writes a second, but hundreds of thousands of pairs
// in them.)
#pragma once

#include <vector>

#include "store/db/kv.hpp"

namespace keyfold::db {

/// Owned by whoever runs the disk (an actor, a thread); not thread-safe, has no thread of its own:
/// its owner adds what is waiting and then flushes. Later batches win over earlier ones.
class committer {
 public:
  /// Called once, from flush(), when the batch is durable or has failed. May add further batches.
  using callback = std::function<void(const expected<void>&)>;

  explicit committer(store& below, std::size_t max_bytes = 4 * 1024 * 1024,
                     std::size_t max_batches = 1024);
  /// Flushes: no callback is dropped.
  ~committer();
  committer(const committer&) = delete;
  committer& operator=(const committer&) = delete;

  /// Takes a batch. When the bound is reached it flushes before it returns: that is the answer to
  /// "full".
  void add(const batch& changes, callback done);
  /// Writes all that was added as one synced batch, then calls back in the order of adding.
  void flush();
  [[nodiscard]] bool empty() const { return waiting_.empty(); }

 private:
  store& below_;
  const std::size_t max_bytes_;
  const std::size_t max_batches_;
  batch changes_;
  std::vector<callback> waiting_;
  std::size_t bytes_ = 0;
};

}  // namespace keyfold::db
