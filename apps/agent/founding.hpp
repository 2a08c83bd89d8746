// Creating an organization: from a relay's address to a genesis with the relay's receipt.
#pragma once

#include "apps/agent/agent.hpp"

namespace keyfold::apps {

/// What the founder has afterwards; nothing of it is stored yet.
struct founded_organization {
  vault::header header;
  vault::secrets secrets;
  ledger::record genesis;
};

/// Asks the relay for the organization. Blocks. `errc::bad_link`, `errc::unreachable`,
/// `errc::usage` (a creation link for another name), or the relay's refusal.
[[nodiscard]] expected<founded_organization> found_organization(
    caf::actor_system& system, const std::shared_ptr<net::transport>& transport,
    const founding& what);

/// Where a device's relay is, as its key file says.
[[nodiscard]] expected<invitation::relay_address> relay_of(const vault::secrets& secrets);

}  // namespace keyfold::apps
