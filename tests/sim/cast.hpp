// Who takes part: an organization as it stands when a run begins, with real keys, certificates and receipts. It is made
// once for each shape, since signing takes longer than all the rest of a short run.
#pragma once

#include "store/ledger/author.hpp"
#include "tests/sim/disk.hpp"

namespace keyfold::sim {

/// A device and its user's key.
struct person {
  std::size_t user_number = 0;
  user_id user;
  box_key user_key;
  device_id device;
  signing_key signing;
  box_key link;
};
/// Another device of the same user; or, without one, somebody new.
[[nodiscard]] person make_person(random_source& random, std::size_t user_number,
                                 const person* of = nullptr);

struct cast {
  organization_id organization;
  workspace_id workspace;
  signing_key receipt_key;
  std::vector<person> devices;                               ///< the first is the founder's
  std::vector<user_id> users;                                ///< by number
  disk::pairs relay;                                         ///< what the relay's database holds
  std::vector<disk::pairs> databases;                        ///< of the devices: their ledger
  std::vector<std::shared_ptr<const ledger::state>> states;  ///< the same, folded
};

/// How the organizations of a run differ: users, devices, roles.
inline constexpr std::uint64_t shapes = 24;
[[nodiscard]] std::shared_ptr<const cast> cast_of(std::uint64_t shape);

/// Where a device's database keeps the ledger and its workspace; and how to call its devices.
inline constexpr std::uint8_t ledger_part = 'L';
inline constexpr std::uint8_t workspace_part = 'W';

/// Time of the world when a run begins: ms since 1970.
inline constexpr std::uint64_t epoch_ms = 1'790'000'000'000;

}  // namespace keyfold::sim
