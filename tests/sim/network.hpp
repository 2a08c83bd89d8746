// Links between nodes: ordered and reliable until they are cut, each message with a delay of its own. What is under way
// when a link is cut is lost; its ends hear of it some time later, and what they say meanwhile goes nowhere.
#pragma once

#include <map>
#include <set>

#include "crypto/random.hpp"
#include "tests/sim/messages.hpp"
#include "tests/sim/schedule.hpp"

namespace keyfold::sim {

using node_number = std::size_t;  ///< 0 is the relay
using link_number = std::uint64_t;

/// What links bring to nodes.
class listener {
 public:
  virtual ~listener() = default;
  virtual void link_up(node_number at, link_number link, node_number other) = 0;
  virtual void link_down(node_number at, link_number link) = 0;
  virtual void hear(node_number at, link_number link, node_number from, const message& m) = 0;
};

class network {
 public:
  network(schedule& events, listener& nodes, random_source& random, trace& log)
      : events_(events), nodes_(nodes), random_(random), log_(log) {}

  /// From now on messages take up to `most`.
  void set_delay(instant most) { most_delay_ = most; }
  /// Opens a link; both ends hear of it. 0: something is between the two.
  [[nodiscard]] link_number open(node_number from, node_number to);
  void send(link_number link, node_number from, message m);
  /// The link is gone; each end that still lives hears of it.
  void cut(link_number link);
  /// Everything that a node had is gone; the other ends hear of it.
  void cut_all(node_number node);
  void cut_between(node_number a, node_number b);
  /// A partition between two nodes, until it is healed.
  void block(node_number a, node_number b);
  void unblock(node_number a, node_number b) { blocked_.erase(std::minmax(a, b)); }
  void heal() { blocked_.clear(); }
  [[nodiscard]] bool is_blocked(node_number a, node_number b) const {
    return blocked_.contains(std::minmax(a, b));
  }

 private:
  struct line {
    node_number ends[2];
    instant last[2]{};  ///< when the last message to that end arrives
  };
  [[nodiscard]] instant delay();
  void tell_down(node_number at, link_number link);

  schedule& events_;
  listener& nodes_;
  random_source& random_;
  trace& log_;
  instant most_delay_{40};
  link_number last_ = 0;
  std::map<link_number, line> lines_;
  std::set<std::pair<node_number, node_number>> blocked_;
};

}  // namespace keyfold::sim
