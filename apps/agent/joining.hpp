// Following an invitation: the guest's keys are kept under his password until he is in.
#pragma once

#include "apps/agent/agent.hpp"

namespace keyfold::apps {

/// Called once the guest is in.
using admitted_device = std::function<expected<void>(const vault::header&, const vault::secrets&,
                                                     const secret_buffer& password)>;

/// Starts the guest's side. Where he began before and was cut off, it goes on with the same keys:
/// `errc::wrong_password` when these were stored under another password.
[[nodiscard]] expected<actors::exchange_actor> start_joining(
    caf::actor_system& system, const std::shared_ptr<net::transport>& transport,
    const home_paths& home, const joining& what, const admitted_device& admitted);

}  // namespace keyfold::apps
