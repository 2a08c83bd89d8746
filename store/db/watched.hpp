// A store that remembers how the storage below fares, so that status and doctor can say it.
#pragma once

#include <mutex>

#include "store/db/kv.hpp"

namespace keyfold::db {

/// Thread-safe.
class health {
 public:
  /// `errc::damaged` stays; any other failure of a write is forgotten with the next write that goes well.
  [[nodiscard]] std::optional<error> trouble() const;
  [[nodiscard]] bool damaged() const;
  void failed(const error& why);
  void written();

 private:
  mutable std::mutex mutex_;
  std::optional<error> damage_;
  std::optional<error> write_;
};

/// Hands everything on to `below`, which must outlive it, and notes in `said` what fails.
[[nodiscard]] std::unique_ptr<store> watched_store(store& below, std::shared_ptr<health> said);

}  // namespace keyfold::db
