// What people did, as somebody knows who stood behind each of them: which bytes they wrote, what they knew, and what they
// replaced or deleted knowingly. It is independent of what the cores believe.
#pragma once

#include <map>
#include <set>

#include "store/workspace/engine.hpp"
#include "tests/sim/trace.hpp"

namespace keyfold::sim {

/// One change that a user made.
struct deed {
  std::size_t device = 0;
  instant at{0};
  lamport_time lamport;  ///< of the entry that it will stand in
  std::map<device_id, lamport_time>
      knows;                      ///< the last entry of each other device that was applied
  std::set<version_id> covers;    ///< replaced or deleted by one who saw them
  std::set<node_id> above;        ///< their nodes, and the folders around them
  std::set<node_id> touches;      ///< nodes written to, moved or brought back
  bool touches_anything = false;  ///< a restore: it is not known what it brought back
  bool deletes = false;
  bool acknowledged = false;  ///< the user was told that it is saved
};

struct written {
  std::string text;  ///< the bytes; a symlink's target
  node_id node;
  std::size_t deed = 0;
};

class chronicle {
 public:
  std::vector<deed> deeds;
  std::map<version_id, written> writes;
  std::size_t begin(deed d) {
    deeds.push_back(std::move(d));
    return deeds.size() - 1;
  }
};

}  // namespace keyfold::sim
