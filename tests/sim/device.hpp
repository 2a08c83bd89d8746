// A device: what its disk keeps, and, while it runs, its shells. A crash ends the shells; everything else begins from disk.
#pragma once

#include "store/incident/witness.hpp"
#include "tests/sim/cast.hpp"
#include "tests/sim/chronicle.hpp"
#include "tests/sim/plan.hpp"
#include "tests/sim/workspace_shell.hpp"

namespace keyfold::sim {

class world;

/// Something that the user saw here, perhaps long ago.
struct seen_item {
  std::vector<std::string> path;
  workspace::shown_entry entry;
};

class device {
 public:
  device(world& of, node_number number, person who);

  /// Begins from what is on disk; `known` is the ledger there, if somebody has folded it already.
  void start(const std::shared_ptr<const ledger::state>& known = {});
  /// The power goes; of unsynced writes some stay.
  void lose_power(std::uint64_t kept);
  /// All parts end and begin again from disk, as after a failed commit of the ledger.
  void begin_again();
  /// The workspace's part ends and begins again.
  void workspace_failed();

  void link_up(link_number link, node_number other);
  void link_down(link_number link);
  void hear(link_number link, node_number from, const message& m);

  using then = std::function<void(const answer&)>;
  /// `f` gets the answer, or a refusal when the link goes.
  void ask(link_number link, request what, then f);
  /// Does something later, if this life lasts until then.
  void after(instant delay, schedule::action what, bool background = false);
  /// Counts an effect on the outside; the power may go here.
  void effect();
  void ledger_changed(const ledger_view& now);

  /// A user does something.
  void act(const step& what);

  [[nodiscard]] world& all() { return world_; }
  [[nodiscard]] bool runs() const { return running_ != nullptr; }
  [[nodiscard]] workspace_shell* workspace() {
    return running_ ? running_->workspace.get() : nullptr;
  }
  [[nodiscard]] ledger_shell& ledger() { return running_->ledger; }
  [[nodiscard]] std::optional<link_number> relay() const {
    return running_ && running_->online ? running_->relay : std::nullopt;
  }
  [[nodiscard]] std::uint64_t wall_ms() const;
  /// Who signs certificates here, at that snapshot.
  [[nodiscard]] ledger::author author(const ledger_snapshot& now);
  [[nodiscard]] std::string name() const { return "d" + std::to_string(number); }

  node_number number;
  person who;
  disk database;
  object_files objects;
  std::int64_t clock_offset_ms = 0;
  std::optional<std::uint64_t> power_for;  ///< so many effects until the power goes
  bool rebel = false;                      ///< hears no more of the ledger, and writes on
  bool shut_out = false;                   ///< the relay has said that its user is revoked
  bool mirrors = true;                     ///< fetches what the tree shows
  std::uint64_t lives = 0;
  // What the user remembers.
  std::vector<seen_item> seen;
  std::set<std::vector<std::string>> paths_seen;
  std::uint64_t contents = 0;       ///< made here
  std::set<object_id> own_objects;  ///< the objects of these
  [[nodiscard]] random_source& content_random() { return *random_; }

 private:
  struct link_state {
    node_number other = 0;
    std::map<std::uint64_t, then> waiting;
    std::uint64_t last_request = 0;
    bool open = false;  ///< both sides know each other; the relay has the ledger that is here
  };
  struct running {
    explicit running(device& of) : ledger(of) {}
    ledger_shell ledger;
    incident::witness witness;
    std::unique_ptr<workspace_shell> workspace;
    std::set<device_id> present;  ///< at the relay
    std::map<link_number, link_state> links;
    link_number dialed = 0;  ///< is being opened to the relay
    std::optional<link_number> relay;
    bool online = false;
    std::int64_t backoff_ms = 200;
  };
  void dial();
  void dial_later(bool background = false);
  void say_hello(link_number link);
  void greeted_by_relay(link_number link, const hash32& nonce, const answer& got);
  void greeted_by_device(link_number link, const answer& got);
  /// The relay's word, as somebody brings it; false: it convicts the relay.
  [[nodiscard]] bool examine(const ledger::signed_statement& said);
  [[nodiscard]] ledger::signed_statement last_receipt() const;
  [[nodiscard]] std::optional<device_id> device_of(node_number other) const;
  void dial_devices();
  void hear_request(link_number link, node_number from, std::uint64_t id, const request& what);
  void pull_for(node_number from, const sim::pull_ledger& what,
                const std::function<void(answer)>& reply);
  /// The device at the other end, if the ledger knows it and its user is not revoked.
  [[nodiscard]] std::optional<ledger::device_facts> admitted(node_number other) const;
  void start_workspace();
  void hear_event(link_number link, const event& e);

  world& world_;
  std::unique_ptr<random_source> random_;  ///< of certificates and timing
  std::unique_ptr<running> running_;
  // What has ended, and is perhaps still on the stack.
  std::vector<std::unique_ptr<running>> ended_;
  std::vector<std::unique_ptr<workspace_shell>> ended_workspaces_;
};

}  // namespace keyfold::sim
