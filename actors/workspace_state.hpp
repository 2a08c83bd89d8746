// The workspace actor's inside, in four parts: files (workspace.cpp), replication (workspace_sync.cpp), fetched objects
// (workspace_fetch.cpp) and what is said of it (workspace_status.cpp).
#pragma once

#include <list>

#include "actors/mirror.hpp"
#include "actors/workspace.hpp"
#include "store/replica/fetch.hpp"
#include "store/replica/pull.hpp"
#include "store/replica/push.hpp"

namespace keyfold::actors {

/// The ledger as the engine asks it: always the newest snapshot.
class current_ledger final : public ledger::view {
 public:
  ledger_view now;

  [[nodiscard]] std::optional<ledger::position> head() const override { return now->state.head(); }
  [[nodiscard]] std::optional<certificate_hash> hash_at(ledger_seq seq) const override {
    return now->state.hash_at(seq);
  }
  [[nodiscard]] std::optional<ledger::device_facts> find_device(device_id device) const override {
    return now->state.find_device(device);
  }
  [[nodiscard]] ledger::role role_at(workspace_id w, user_id u, ledger_seq seq) const override {
    return now->state.role_at(w, u, seq);
  }
  [[nodiscard]] std::optional<epoch_number> epoch_at(workspace_id w,
                                                     ledger_seq seq) const override {
    return now->state.epoch_at(w, seq);
  }
  [[nodiscard]] bool rotation_due_at(workspace_id w, ledger_seq seq) const override {
    return now->state.rotation_due_at(w, seq);
  }
  [[nodiscard]] std::vector<ledger::removal> removals(workspace_id w, user_id u) const override {
    return now->state.removals(w, u);
  }
  [[nodiscard]] bool complete_at(workspace_id w, ledger_seq seq) const override {
    return now->state.complete_at(w, seq);
  }
};

using done_promise = promise<expected<void>>;

/// One `sync` under way: first the mirror is scanned, then all is exchanged, then the mirror is written.
struct sync_request {
  enum class phase : std::uint8_t {
    scanning,
    subscribing,
    exchanging,
    applying,
    applied
  } at = phase::scanning;
  std::uint64_t number = 0;
  done_promise answer;
};
/// Somebody waits for objects.
struct wanted_objects {
  std::set<object_id> missing;
  done_promise answer;
};

struct workspace_state {
  explicit workspace_state(workspace_options o, const ledger_view& ledger_now);

  workspace_options options;
  current_ledger ledger;
  db::transaction transaction;
  db::prefixed view;
  workspace::engine engine;
  replica::push push;
  replica::pull pull;
  replica::fetch fetch;

  ledger_actor ledger_of;
  link_actor link;
  disk_actor disk;
  mirror_actor mirror;
  std::shared_ptr<mirror_report> mirror_said;
  std::optional<done_promise> unmirroring;  ///< waits for the mirror's end

  bool online = false;
  replica::replica_number connection = 0;  ///< counts connections to the relay
  bool push_connected = false;
  bool push_idle = false;
  bool rotating = false;
  bool rebuilding = false;       ///< of a new database: the past is not back yet (rebuild.hpp)
  std::optional<error> stalled;  ///< why pushing stands still
  std::chrono::seconds next_retry{2};  ///< of what stands still
  std::uint64_t uploading = 0;         ///< puts under way
  std::uint64_t last_sync = 0;
  std::list<sync_request> syncs;
  std::list<wanted_objects> wants;
  std::multimap<object_id, promise<expected<passed_object>>> passing;  ///< who waits for what

  [[nodiscard]] ledger::role role() const;
};

/// Actor states are made without arguments; the real one comes with the behaviour.
struct workspace_holder {
  std::unique_ptr<workspace_state> inside;
  ~workspace_holder();
};
using workspace_pointer = workspace_actor::stateful_pointer<workspace_holder>;

[[nodiscard]] inline workspace_state& state_of(workspace_pointer self) {
  return *self->state.inside;
}

/// The mirror has ended, and answers nobody any more: each sync that waits for it fails.
void end_mirror_waits(workspace_pointer self, const error& why);

/// Commits what was changed, tells the mirror, and goes on sending. On failure the actor ends, to be
/// started again from what is on disk.
[[nodiscard]] expected<void> commit(workspace_pointer self);

/// When everything that the relay holds is here: the changes saved from the damaged database are journalled, and the
/// mirror begins.
void end_rebuilding(workspace_pointer self);

inline constexpr net::instant bulk_timeout{120'000};

void advance_syncs(workspace_pointer self);

/// Asks the relay; the answer is void if the connection is another one by then.
template <class Then>
void ask_relay(workspace_pointer self, ask request, Then then) {
  const auto connection = state_of(self).connection;
  self->request(state_of(self).link, caf::infinite, std::move(request))
      .then(
          [self, connection, then](const net::answer_or_failure& got) {
            if (state_of(self).connection != connection || !state_of(self).online) return;
            then(got);
            advance_syncs(self);
          },
          [](const caf::error&) {});
}

// workspace_fetch.cpp
void carry_out(workspace_pointer self, const replica::fetch::effects& effects);
[[nodiscard]] caf::result<expected<void>> fetch_objects(workspace_pointer self,
                                                        const want_objects& request);
[[nodiscard]] caf::result<expected<passed_object>> fetch_to_pass(workspace_pointer self,
                                                                 const pass_object& request);
/// Nobody answers now: whoever waits for objects is told.
void end_wants(workspace_state& s, const error& why);

// workspace_sync.cpp
void went_online(workspace_pointer self);
void went_offline(workspace_pointer self, const error& why);
void take_ledger(workspace_pointer self, const ledger_view& ledger);
void take_entries(workspace_pointer self, const net::shared_bytes& bulk);
void put_again(workspace_pointer self, const objects_wanted& request);
void carry_out(workspace_pointer self, const replica::push::effects& effects);
void carry_out(workspace_pointer self, const replica::pull::effects& effects);
[[nodiscard]] caf::result<expected<void>> begin_sync(workspace_pointer self);

// workspace_status.cpp
[[nodiscard]] workspace_status status_of(workspace_pointer self,
                                         const get_workspace_status& wanted);
/// What is said of one shown entry; `pending`: nodes with changes that are not sent.
[[nodiscard]] file_state state_of_entry(const workspace_state& s,
                                        const workspace::shown_entry& entry,
                                        const std::set<node_id>& pending);

}  // namespace keyfold::actors
