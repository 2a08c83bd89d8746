// What the workspace actor is in a device: engine and replication of one workspace, in the order in which
// actors/workspace.cpp and workspace_sync.cpp do things: commit, then send.
#pragma once

#include "store/incident/make.hpp"
#include "store/replica/authors.hpp"
#include "store/replica/fetch.hpp"
#include "store/replica/pull.hpp"
#include "store/replica/push.hpp"
#include "store/workspace/engine.hpp"
#include "tests/sim/ledger_shell.hpp"

namespace keyfold::sim {

/// The ledger as the engine asks it: always the newest snapshot; with planted bugs, something else.
class current_ledger final : public ledger::view {
 public:
  ledger_view now;
  bool drops_removals = false;
  std::optional<ledger::position> stands_still;  ///< what is given as the head

  [[nodiscard]] std::optional<ledger::position> head() const override;
  [[nodiscard]] std::optional<certificate_hash> hash_at(ledger_seq seq) const override;
  [[nodiscard]] std::optional<ledger::device_facts> find_device(device_id device) const override;
  [[nodiscard]] ledger::role role_at(workspace_id w, user_id u, ledger_seq seq) const override;
  [[nodiscard]] std::optional<epoch_number> epoch_at(workspace_id w, ledger_seq seq) const override;
  [[nodiscard]] bool rotation_due_at(workspace_id w, ledger_seq seq) const override;
  [[nodiscard]] std::vector<ledger::removal> removals(workspace_id w, user_id u) const override;
  [[nodiscard]] bool complete_at(workspace_id w, ledger_seq seq) const override;
};

/// A part of the database that planted bugs can meddle with.
class meddled_view final : public db::view {
 public:
  explicit meddled_view(db::view& below) : below_(below) {}
  [[nodiscard]] std::optional<bytes> get(bytes_view key) const override { return below_.get(key); }
  void put(bytes_view key, bytes_view value) override {
    if (!loses || !loses(key)) below_.put(key, value);
  }
  void erase(bytes_view key) override { below_.erase(key); }
  void scan(bytes_view prefix, bytes_view from, const db::visitor& visit) const override {
    below_.scan(prefix, from, visit);
  }
  [[nodiscard]] std::optional<std::pair<bytes, bytes>> last(bytes_view prefix,
                                                            bytes_view before) const override {
    return below_.last(prefix, before);
  }
  std::function<bool(bytes_view key)> loses;

 private:
  db::view& below_;
};

/// A replica within reach, as the workspace deals with it; all of it goes with the link.
struct replica_link {
  link_number link = 0;
  std::optional<device_id> device;  ///< nullopt: the relay
  replica::pull pull;
  std::unique_ptr<replica::push> push;
  bool entitled = false;  ///< this user may read, and so may the other device's
  bool push_connected = false;
  bool push_idle = false;
  std::optional<error> stalled{};
  std::uint64_t subscriptions = 0;  ///< asked for; the last answer alone counts
  std::int64_t next_retry_ms = 2000;
  bool retry_planned = false;
  bool retry_awaited = false;  ///< the run does not rest before it

  [[nodiscard]] bool is_relay() const { return !device; }
};

[[nodiscard]] expected<std::vector<feed::entry>> decode_entries(const std::vector<bytes>& list);

class workspace_shell {
 public:
  explicit workspace_shell(device& of);

  workspace::engine& engine() { return *engine_; }
  [[nodiscard]] const workspace::engine& engine() const { return *engine_; }
  [[nodiscard]] ledger::role role() const;
  /// What was applied last of each other device's entries.
  [[nodiscard]] const std::map<device_id, lamport_time>& known() const { return known_; }
  /// It has failed, and does nothing any more.
  [[nodiscard]] bool is_dead() const { return dead_; }
  /// Commits what was changed and goes on sending; false: it cannot, and the shell is at its end.
  [[nodiscard]] bool commit();

  // replicas
  void replica_up(link_number link, const std::optional<device_id>& device);
  void replica_down(link_number link);
  void take_ledger(const ledger_view& now);
  /// What a device writes that is connected with the relay, it brings there itself.
  void note_at_relay(const device_id& device, bool there);
  /// Entries that the relay sent.
  void take_entries(link_number link, const std::vector<bytes>& entries);
  void put_again(link_number link, const std::vector<object_id>& objects);
  /// Answers another device, which asks this one as a replica.
  void serve(link_number link, const device_id& device, const request& what,
             const std::function<void(answer)>& reply);

  /// Nothing is left to send or to ask for here; else what is.
  [[nodiscard]] std::optional<std::string> unfinished() const;

 private:
  friend struct push_effects;
  friend struct host;
  [[nodiscard]] replica_link* find(link_number link);
  [[nodiscard]] bool may_read(const device_id& device) const;
  [[nodiscard]] bool is_entitled(const replica_link& replica) const;
  void review(replica_link& replica);
  void bring_for_others();
  void end_exchange(replica_link& replica);
  [[nodiscard]] std::unique_ptr<replica::push> make_push(bool objects_first);
  void fail_over();
  void note(const std::vector<workspace::entry_incident>& incidents,
            std::span<const feed::entry> entries = {});
  void note_holders(link_number from, std::span<const feed::entry> entries);
  [[nodiscard]] std::optional<incident::report> report_of(
      const workspace::entry_incident& what, std::span<const feed::entry> entries) const;
  [[nodiscard]] std::optional<workspace::received> take_batch(link_number from,
                                                              std::span<const feed::entry> entries);

  [[nodiscard]] replica_link* relay();
  void carry_out(replica_link& replica, const replica::pull::effects& effects);
  void carry_out(replica_link& replica, const replica::push::effects& effects);
  void carry_out(const replica::fetch::effects& effects);
  /// The answer comes while the replica is there, or not at all.
  void ask(replica_link& replica, request what,
           const std::function<void(replica_link&, const answer&)>& then);
  void subscribe(replica_link& replica, const std::vector<feed_head>& frontier);
  void refresh_then(replica_link& replica, const std::function<void(replica_link&)>& then);
  void put_object(replica_link& replica, const object_id& object);
  void sign(replica_link& replica, std::size_t count);
  void push_entries(replica_link& replica, const std::vector<bytes>& entries);
  void stall(replica_link& replica, const error& why);
  void retry_later(replica_link& replica);
  [[nodiscard]] bool stalled_for_good(const replica_link& replica) const;
  void rotate();
  void get_object(const replica::get_object& wanted);
  void mirror_soon();
  void mirror();
  /// `f`, but only while this shell is there and alive.
  template <class F>
  [[nodiscard]] auto mine(F f) {
    return [this, there = std::weak_ptr<int>(there_), f](const auto&... given) {
      if (!there.expired() && !dead_) f(given...);
    };
  }

  device& of_;
  std::shared_ptr<int> there_ = std::make_shared<int>();
  current_ledger ledger_;
  db::transaction transaction_;
  db::prefixed part_;
  meddled_view view_;
  std::unique_ptr<random_source> random_;
  std::optional<workspace::engine> engine_;
  replica::fetch fetch_;
  std::map<link_number, replica_link> replicas_;
  std::map<device_id, lamport_time> known_;
  replica::authors_at_relay authors_;
  bool dead_ = false;
  bool rotating_ = false;
  bool mirror_planned_ = false;
  bool lacks_objects_ = false;
};

}  // namespace keyfold::sim
