// Who brings an entry to the relay: its author, if he is connected there and may; else whoever has it. He brings it
// together with its objects, and it is not sent there by everybody who got it of him directly.
#pragma once

#include <functional>
#include <set>

#include "crypto/ids.hpp"

namespace keyfold::replica {

class authors_at_relay {
 public:
  /// True when the ledger lets the device exchange entries of the workspace now.
  using entitlement = std::function<bool(const device_id&)>;

  void came(const device_id& device) { there_.insert(device); }
  /// True when an entry was left to him: perhaps he went before he had brought it.
  [[nodiscard]] bool went(const device_id& device);
  /// The relay is gone, and what it says with it.
  void clear();
  /// True when the relay gets an entry of this author from himself, and so it is left to him.
  [[nodiscard]] bool brings(const device_id& author, const entitlement& may);
  /// The ledger has grown. True when an entry was left to somebody whom the relay does not let bring it any more.
  [[nodiscard]] bool review(const entitlement& may);

 private:
  std::set<device_id> there_;
  std::set<device_id> left_to_;
};

}  // namespace keyfold::replica
