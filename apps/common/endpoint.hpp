// Network addresses as people write them, in options and settings.
#pragma once

#include <string>

#include "crypto/error.hpp"

namespace keyfold::apps {

/// `errc::usage` unless it is tcp://HOST:PORT with a port from 0 (any free one) to 65535.
[[nodiscard]] expected<void> check_listen(const std::string& endpoint);
/// HOST:PORT, an IPv6 address in brackets, with a port from 1 to 65535.
[[nodiscard]] bool is_host_and_port(const std::string& text);

}  // namespace keyfold::apps
