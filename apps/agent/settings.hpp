// config.toml of a home: what its user prefers.
#pragma once

#include <optional>
#include <string>

#include "apps/common/home.hpp"
#include "store/object/cache.hpp"

namespace keyfold::apps {

/// The organization that commands mean without -o; nullopt when none was chosen.
[[nodiscard]] std::optional<std::string> load_default(const home_paths& home);
/// `[objects]`: `cache_mib` (default 4,096; 0: no bound), how much that can be fetched again is kept, and
/// `relay_only` (default false), whether that is also what was made here and lies at the relay.
[[nodiscard]] object::cache_bound load_cache_bound(const home_paths& home);

/// `[network]`: how a home is reached, and reaches others.
struct network_settings {
  std::string listen =
      "tcp://0.0.0.0:0";  ///< where peers reach it (port 0: any free one), or "none"
  bool discovery = true;  ///< look for peers in the local network
  std::optional<std::string>
      socks_proxy;  ///< HOST:PORT; all connections that it makes go through it
};
/// `errc::usage` for a value that cannot be, or a file that cannot be read: no connection may take another way
/// than the user wants.
[[nodiscard]] expected<network_settings> load_network(const home_paths& home);

/// `errc::io_failed`; other settings in the file stay.
[[nodiscard]] expected<void> save_default(const home_paths& home, const std::string& organization);

}  // namespace keyfold::apps
