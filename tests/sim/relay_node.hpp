// The relay: its organization's real core over a simulated disk, with group commit as actors/organization.cpp has it, and,
// where the plan says so, lies.
#pragma once

#include "store/relay/organization.hpp"
#include "tests/sim/network.hpp"

namespace keyfold::sim {

class world;

/// What a lying relay does; each bit a lie. Healing makes it honest.
struct lies {
  std::set<std::pair<node_number, device_id>>
      withheld;               ///< entries of a device are not given to a node
  bool replays = false;       ///< sends what it has sent before, to anybody
  bool shuffles = false;      ///< sends entries in another order
  bool silent = false;        ///< does not answer now and then
  bool spoils = false;        ///< gives other bytes for an object
  bool hides_ledger = false;  ///< says that the ledger has not grown
  [[nodiscard]] bool any() const {
    return !withheld.empty() || replays || shuffles || silent || spoils || hides_ledger;
  }
};

class relay_node {
 public:
  relay_node(world& of, const disk::pairs& begin, const signing_key& receipt_key);

  void start();
  void lose_power(std::uint64_t kept);
  [[nodiscard]] bool runs() const { return core_ != nullptr; }
  void effect();

  void link_up(link_number link, node_number other);
  void link_down(link_number link);
  void hear(link_number link, node_number from, const message& m);

  /// A backup of its disk; and back to it. False: there is none, or nobody could bring what would be lost.
  void back_up();
  [[nodiscard]] bool restore_backup();
  [[nodiscard]] bool was_restored() const { return lost_until_.has_value(); }
  /// It was restored, and has not got back all records that it gave receipts for.
  [[nodiscard]] bool is_behind() const {
    return lost_until_ && (!core_ || core_->ledger().head()->seq < *lost_until_);
  }

  [[nodiscard]] relay::organization& core() { return *core_; }
  [[nodiscard]] bool holds(const object_id& object) const { return objects.has(object); }

  disk database;
  object_files objects;
  sim::lies lies;
  std::optional<std::uint64_t> power_for;
  std::uint64_t lives = 0;

 private:
  struct handler;
  struct session {
    node_number node;
    bool member = false;
    bool delivering = false;  ///< a slice is on its way
  };
  void when_durable(const std::function<void(const expected<void>&)>& then);
  void commit();
  void fall();
  void reply(link_number link, std::uint64_t id, answer a, relay::effects effects = {});
  void tell(const relay::effects& effects);
  void send_event(link_number link, event e);
  void deliver(link_number link);
  void distort(node_number to, std::vector<bytes>& entries);
  [[nodiscard]] relay::timestamp now() const;

  world& world_;
  signing_key receipt_key_;
  std::unique_ptr<random_source> random_;
  std::unique_ptr<db::transaction> transaction_;
  std::unique_ptr<relay::organization> core_;
  std::map<link_number, session> sessions_;
  std::vector<std::function<void(const expected<void>&)>> after_commit_;
  struct backup {
    disk::pairs database;
    object_files objects;
    ledger::state ledger;
  };
  [[nodiscard]] bool can_be_brought_forward(const ledger::state& from) const;
  std::optional<backup> backup_;
  std::set<object_id> lost_objects_;      ///< by being restored
  std::optional<ledger_seq> lost_until_;  ///< the last record that a restoring lost
  std::vector<std::vector<bytes>> sent_;  ///< for replays
};

}  // namespace keyfold::sim
