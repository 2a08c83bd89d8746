// What the rest of Keyfold asks the ledger: positions, devices, roles and keys, each as of a
// position. `ledger::state` answers from verified records; tests of other folders answer from a
// table.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "crypto/box.hpp"
#include "crypto/sign.hpp"

namespace keyfold::ledger {

enum class profile : std::uint8_t { administrator = 1, member = 2, external = 3 };
enum class role : std::uint8_t { none = 0, reader = 1, contributor = 2, manager = 3, owner = 4 };

[[nodiscard]] constexpr bool may_read(role r) {
  return r >= role::reader;
}
[[nodiscard]] constexpr bool may_write(role r) {
  return r >= role::contributor;
}

struct position {
  ledger_seq seq;
  certificate_hash hash;
  auto operator<=>(const position&) const = default;
};

struct device_facts {
  user_id user;
  signing_public_key signing_key;
  box_public_key link_key;
  ledger_seq added;  ///< position of the certificate that added it
};

/// The place of a feed's entry, by which frontiers name what was accepted.
struct feed_head {
  device_id device;
  generation_id generation;
  feed_seq seq;
  entry_hash hash;
  auto operator<=>(const feed_head&) const = default;
};

/// A certificate that took a user's right to write in a workspace.
struct removal {
  ledger_seq seq;
  hash32 frontier_hash;
  /// The heads named by it; nullopt while the frontier itself is not held.
  std::optional<std::vector<feed_head>> frontier;
};

/// Questions "as of seq" are about the state after the certificate at that position took effect.
class view {
 public:
  virtual ~view() = default;
  /// The last record held; nullopt before genesis.
  [[nodiscard]] virtual std::optional<position> head() const = 0;
  [[nodiscard]] virtual std::optional<certificate_hash> hash_at(ledger_seq seq) const = 0;
  [[nodiscard]] virtual std::optional<device_facts> find_device(device_id device) const = 0;
  /// The user's role as of `seq`; none for a revoked user and an unknown workspace.
  [[nodiscard]] virtual role role_at(workspace_id workspace, user_id user,
                                     ledger_seq seq) const = 0;
  /// The epoch in force as of `seq`; nullopt when the workspace did not exist.
  [[nodiscard]] virtual std::optional<epoch_number> epoch_at(workspace_id workspace,
                                                             ledger_seq seq) const = 0;
  /// True when as of `seq` somebody who knows the key in force may no longer read.
  [[nodiscard]] virtual bool rotation_due_at(workspace_id workspace, ledger_seq seq) const = 0;
  /// All removals of the user's right to write there, ascending.
  [[nodiscard]] virtual std::vector<removal> removals(workspace_id workspace,
                                                      user_id user) const = 0;
  /// False while the body of a certificate of the workspace at or below `seq` is not held: then
  /// nothing can be said about `seq` yet, and what depends on it waits.
  [[nodiscard]] virtual bool complete_at(workspace_id, ledger_seq) const { return true; }
};

}  // namespace keyfold::ledger
