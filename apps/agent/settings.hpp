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
/// `errc::io_failed`; other settings in the file stay.
[[nodiscard]] expected<void> save_default(const home_paths& home, const std::string& organization);

}  // namespace keyfold::apps
