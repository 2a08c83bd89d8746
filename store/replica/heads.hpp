// The limit of feed heads of one user: whoever takes his right to write names all of them in one certificate. A relay
// keeps it for all that it takes; a device for what other devices bring, so that it can bring to the relay what it took.
#pragma once

#include <map>
#include <mutex>

#include "store/feed/index.hpp"

namespace keyfold::replica {

/// Entries that may be taken of a list.
struct within_limit {
  std::size_t count = 0;                  ///< from the front
  std::map<user_id, std::size_t> begins;  ///< heads that these begin, by their author
};
/// How many heads the user has now, in all workspaces.
using heads_held = std::function<std::size_t(user_id)>;
/// Those before the first entry that would give its author more than `ledger::max_heads_of_user` heads
/// (`errc::too_many_heads`). `feeds` is the workspace's.
[[nodiscard]] within_limit within_heads(const feed::index& feeds, const ledger::view& ledger,
                                        std::span<const feed::entry> entries,
                                        const heads_held& held);

/// The heads that a device holds, over all its workspaces. In memory; thread-safe, since each workspace takes entries
/// for itself.
class head_counts {
 public:
  /// As within_heads(). What these entries begin counts until note() says what became of them.
  [[nodiscard]] std::size_t admit(const feed::index& feeds, const ledger::view& ledger,
                                  std::span<const feed::entry> entries);
  /// The workspace holds what `feeds` says: to be called at its start, and after entries were taken or not.
  void note(const feed::index& feeds, const ledger::view& ledger);

 private:
  struct part {
    std::size_t branches = 0;  ///< of the index when it was counted
    std::map<user_id, std::size_t> heads;
    std::map<user_id, std::size_t> admitted;  ///< besides, and not noted yet
  };
  std::mutex mutex_;
  std::map<workspace_id, part> parts_;
};

}  // namespace keyfold::replica
