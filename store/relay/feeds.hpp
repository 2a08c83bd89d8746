// What the relay holds of feeds and objects: for each workspace the index of its feeds, and which
// objects lie in the object store.
//
//   'f' workspace id: the feed index     'h' user id -> u64 feed heads
//   'o' workspace id, object id -> nothing: held     'w' the same: lost, and wanted again
#pragma once

#include <map>
#include <memory>

#include "store/db/kv.hpp"
#include "store/feed/index.hpp"

namespace keyfold::relay {

class feeds {
 public:
  /// `state` holds nothing else, and outlives this.
  feeds(db::view& state, organization_id organization)
      : state_(state), organization_(organization) {}

  [[nodiscard]] feed::index& index(workspace_id workspace);

  [[nodiscard]] bool holds(workspace_id workspace, const object_id& object) const;
  void keep(workspace_id workspace, const object_id& object);
  void lose(workspace_id workspace, const object_id& object);
  [[nodiscard]] bool is_lost(workspace_id workspace, const object_id& object) const;
  /// At most `max` of those that were lost and did not come again.
  [[nodiscard]] std::vector<object_id> lost(workspace_id workspace, std::size_t max) const;
  /// Objects that the entries need and that are not held: each once, at most `max`.
  [[nodiscard]] std::vector<object_id> wanted(workspace_id workspace,
                                              std::span<const feed::entry> entries,
                                              std::size_t max) const;

  /// How many feed heads of the user there are in all workspaces (generations and forks).
  [[nodiscard]] std::uint64_t heads_of(user_id user) const;
  void add_head(user_id user);
  /// The heads of these devices there.
  [[nodiscard]] std::vector<feed::feed_head> heads(workspace_id workspace,
                                                   std::span<const device_id> devices);

 private:
  struct part {
    part(db::view& below, bytes prefix, organization_id organization, workspace_id workspace)
        : state(below, std::move(prefix)), index(state, organization, workspace) {}
    db::prefixed state;
    feed::index index;
  };
  db::view& state_;
  organization_id organization_;
  std::map<workspace_id, std::unique_ptr<part>> parts_;
};

}  // namespace keyfold::relay
