// A run: nodes, network, users and oracle; a function of its seed and plan.
#pragma once

#include "tests/sim/bugs.hpp"
#include "tests/sim/device.hpp"
#include "tests/sim/oracle.hpp"
#include "tests/sim/relay_node.hpp"

namespace keyfold::sim {

struct outcome {
  std::optional<std::string> broken;  ///< the promise that was broken
  std::uint64_t hash = 0;             ///< of the trace
  std::uint64_t steps = 0;
};

class world final : public listener {
 public:
  world(std::uint64_t seed, bug planted, std::ostream* out);

  [[nodiscard]] outcome run(const std::vector<step>& plan);

  // listener
  void link_up(node_number at, link_number link, node_number other) override;
  void link_down(node_number at, link_number link) override;
  void hear(node_number at, link_number link, node_number from, const message& m) override;

  [[nodiscard]] bool is_up(node_number n) const;
  [[nodiscard]] device& device_at(node_number n) { return *devices.at(n - 1); }
  /// The randomness of a device's cores, anew for each of its lives.
  [[nodiscard]] std::unique_ptr<random_source> random_for(device& of);
  /// The relay has not got the object, or lost it by being restored, and its author may not bring it any more.
  [[nodiscard]] bool out_of_reach(const object_id& object) const;
  [[nodiscard]] bool has(bug b) const { return planted_ == b; }
  /// Only some devices have it, so that others can notice.
  [[nodiscard]] bool has(bug b, const device& of) const;
  void add_device(const person& who, const ledger::record& genesis);
  void say(const std::string& line) { log.say(events.now(), line); }
  /// Somebody lies, or did: incidents have a cause.
  [[nodiscard]] bool has_liars() const { return lied_; }

  std::uint64_t seed;
  std::shared_ptr<const cast> people;
  organization_id organization;
  workspace_id workspace;
  schedule events;
  trace log;
  std::unique_ptr<random_source> chance;  ///< of network and faults
  network net;
  oracle judge;
  chronicle story;
  replica::push_tuning push_tuning;
  std::size_t slice_bytes = 2000;
  bool direct = false;  ///< devices have links of their own
  std::unique_ptr<relay_node> relay;
  std::vector<std::unique_ptr<device>> devices;
  std::vector<user_id> users;

 private:
  void carry_out(const step& s);
  void fault(const step& s);
  void tell_lies(const step& s);
  void lose_power(node_number n, std::uint64_t kept, instant restart);
  void do_next();
  void heal();
  void rest();

  bug planted_;
  bool lied_ = false;
};

}  // namespace keyfold::sim
