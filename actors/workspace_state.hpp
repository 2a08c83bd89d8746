// The workspace actor's inside, in parts: files (workspace.cpp), replicas that come and go (workspace_replicas.cpp), sending
// to them (workspace_push.cpp), `sync` (workspace_sync.cpp), fetched objects (workspace_fetch.cpp), answers to other devices
// (workspace_host.cpp), and what is said of it (workspace_status.cpp).
#pragma once

#include <list>

#include "actors/mirror.hpp"
#include "actors/workspace.hpp"
#include "store/replica/authors.hpp"
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
  bool peer = false;  ///< a device shall hold it all; else the relay
  done_promise answer;
};

/// A replica within reach, as this workspace deals with it: all that it has seen of it goes with the connection.
struct replica_link {
  replica_link(const replica_online& said, const workspace::engine& engine)
      : number(said.number), to(said.to), device(said.device), pull(engine.feeds()) {}

  replica::replica_number number;
  replica_actor to;
  std::optional<device_id> device;  ///< nullopt: the relay
  replica::pull pull;
  std::unique_ptr<replica::push> push;
  std::uint64_t subscriptions = 0;  ///< asked for; the last answer alone counts
  bool entitled =
      false;  ///< this user may read, and so may the other device's: entries are exchanged
  bool push_connected = false;
  bool push_idle = false;
  bool securing = false;         ///< a device: contents are put there as well, until that is done
  std::optional<error> stalled;  ///< why pushing stands still
  std::chrono::seconds next_retry{2};  ///< of what stands still
  bool retry_planned = false;          ///< one timer at a time, or each failure would begin others
  std::uint64_t uploading = 0;         ///< puts under way

  [[nodiscard]] bool is_relay() const { return !device; }
  /// All that was known when it was last asked is here, and it has all that is here.
  [[nodiscard]] bool even() const {
    return pull.streaming() && pull.behind().empty() && push_connected && push_idle;
  }
};
/// An own entry that is signed, and that no other replica is known to hold: its changes show as `local`.
struct unshared_entry {
  entry_hash hash;
  std::optional<std::set<node_id>> nodes;  ///< that it changes; once somebody asked
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
  replica::fetch fetch;
  std::map<replica::replica_number, replica_link> replicas;
  std::map<std::uint64_t, unshared_entry> unshared;  ///< by their number of arrival
  replica::authors_at_relay authors;

  ledger_actor ledger_of;
  disk_actor disk;
  mirror_actor mirror;
  std::shared_ptr<mirror_report> mirror_said;
  std::shared_ptr<const object_maker>
      maker;  ///< of objects that stand in the mirror; null without one
  std::optional<done_promise> unmirroring;  ///< waits for the mirror's end

  bool rotating = false;
  bool rebuilding = false;  ///< of a new database: the past is not back yet (rebuild.hpp)
  std::uint64_t last_sync = 0;
  std::list<sync_request> syncs;
  std::list<wanted_objects> wants;
  std::multimap<object_id, promise<expected<passed_object>>> passing;  ///< who waits for what

  [[nodiscard]] ledger::role role() const;
  [[nodiscard]] replica_link* find(replica::replica_number number);
  [[nodiscard]] replica_link* relay();  ///< nullptr while it is away
  [[nodiscard]] const replica_link* relay() const;
  /// Why sending stands still: to the relay, or, without it, to a device.
  [[nodiscard]] std::optional<error> stalled() const;
  [[nodiscard]] std::uint64_t uploading() const;
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

/// Asks a replica; the answer is void if it has gone by then.
template <class Then>
void ask_replica(workspace_pointer self, replica::replica_number number, ask request, Then then) {
  const auto* replica = state_of(self).find(number);
  if (replica == nullptr) return;
  self->request(replica->to, caf::infinite, std::move(request))
      .then(
          [self, number, then](const net::answer_or_failure& got) {
            auto* from = state_of(self).find(number);
            if (from == nullptr) return;
            then(*from, got);
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
void was_wrong(workspace_pointer self, const object_was_wrong& told);
/// Nobody answers now: whoever waits for objects is told.
void end_wants(workspace_state& s, const error& why);

// workspace_replicas.cpp
void went_online(workspace_pointer self, const replica_online& said);
void went_offline(workspace_pointer self, const replica_offline& said);
/// What a device writes that is connected with the relay, it brings there itself, contents first. When it goes, all that
/// the relay lacks is brought by whoever has it.
void note_at_relay(workspace_pointer self, const device_at_relay& said);
void take_ledger(workspace_pointer self, const ledger_view& ledger);
/// Entries of the relay's.
void take_entries(workspace_pointer self, const shared_bytes& bulk);
/// Entries that a replica gave: verified, applied, committed; nullopt when that failed.
[[nodiscard]] std::optional<workspace::received> take_batch(workspace_pointer self,
                                                            replica::replica_number from,
                                                            std::span<const feed::entry> entries);
[[nodiscard]] expected<std::vector<feed::entry>> decode_entries(const shared_bytes& bulk);
/// Asks anew what the replica holds.
void ask_anew(workspace_pointer self, replica_link& replica);
/// Brings the ledger forward from that replica, and goes on if it is still there.
void refresh_ledger_then(workspace_pointer self, replica::replica_number from,
                         const std::function<void(workspace_pointer, replica_link&)>& then);
void carry_out(workspace_pointer self, replica_link& replica,
               const replica::pull::effects& effects);

// workspace_push.cpp
[[nodiscard]] std::unique_ptr<replica::push> make_push(const workspace_state& s,
                                                       bool objects_first);
/// The replica holds `heads`: what it lacks is sent from now on.
void begin_push(workspace_pointer self, replica_link& replica,
                const std::vector<ledger::feed_head>& heads);
/// To the device also contents are put, of all own changes that it is not known to hold whole.
void secure(workspace_pointer self, replica_link& replica);
/// The journal or the feeds have grown.
void push_changes(workspace_pointer self);
/// What is signed and perhaps nowhere else, as the database says at the start.
void load_unshared(workspace_state& s);
/// Tries again after a while: what was refused, or stands still.
void retry_later(workspace_pointer self, replica_link& replica);
void retry_push(workspace_pointer self, replica::replica_number number);
void put_again(workspace_pointer self, const objects_wanted& request);
void carry_out(workspace_pointer self, replica_link& replica,
               const replica::push::effects& effects);

// workspace_sync.cpp
[[nodiscard]] caf::result<expected<void>> begin_sync(workspace_pointer self,
                                                     const sync_now& wanted);
/// Syncs with the relay, or those with a device, fail.
void end_syncs(workspace_pointer self, bool peer, const error& why);

// workspace_host.cpp
/// Answers another device.
[[nodiscard]] caf::result<net::answer_or_failure> answer_replica(workspace_pointer self,
                                                                 const replica_request& request);

// workspace_status.cpp
[[nodiscard]] workspace_status status_of(workspace_pointer self,
                                         const get_workspace_status& wanted);
/// Nodes with changes that no other replica is known to hold.
[[nodiscard]] std::set<node_id> pending_nodes(workspace_state& s);
/// What is said of one shown entry; `pending`: nodes with changes that are not sent.
[[nodiscard]] file_state state_of_entry(const workspace_state& s,
                                        const workspace::shown_entry& entry,
                                        const std::set<node_id>& pending);

}  // namespace keyfold::actors
