// The two people of a code exchange, played by the lab: each tells the other his code, and picks rightly.
#pragma once

#include "apps/lab/process.hpp"

namespace keyfold::apps::lab {

/// `greeter` runs `keyfold greet --json`, `guest` `keyfold join --json`. Gives the guest's last event, which names his
/// user and device. `errc::timed_out`, or `errc::cancelled` with the reason.
[[nodiscard]] expected<json> exchange_codes(child& greeter, child& guest, deadline until);

}  // namespace keyfold::apps::lab
