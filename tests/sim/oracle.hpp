// Judges what the devices show, when everything has come to rest: the promises that users were given.
#pragma once

#include <set>
#include <string>

#include "store/incident/incident.hpp"
#include "store/workspace/engine.hpp"

namespace keyfold::sim {

class world;
class device;

/// Thrown where a promise is broken; says which.
struct broken_promise {
  std::string what;
};

class oracle {
 public:
  explicit oracle(world& of) : world_(of) {}

  /// Honest devices whose users may read the workspace, as the relay knows.
  [[nodiscard]] std::vector<device*> readers() const;

  // What happens on the way. Without somebody who lies, none of it may.
  void incident(std::size_t device, const std::string& what);
  void entry_incident(std::size_t device, const workspace::entry_incident& what);
  /// What a device would keep in its book. Nobody here signs what he must not, so nobody may be convicted.
  void report(std::size_t device, const incident::report& r);

  /// Everything is healed and at rest.
  void check();

 private:
  void check_finished(device& d) const;
  void check_convergence(const std::vector<device*>& readers) const;
  void check_standings(const std::vector<device*>& readers) const;
  void check_bytes(device& d) const;
  void check_saved(device& d) const;
  void check_deleted(device& d) const;
  void check_removed(device& d) const;

  world& world_;
};

/// Everything that a device shows, one line for each path.
[[nodiscard]] std::vector<std::string> dump(const workspace::engine& engine);

}  // namespace keyfold::sim
