// config.toml of a home: what its user prefers.
#pragma once

#include <optional>
#include <string>

#include "apps/common/home.hpp"

namespace keyfold::apps {

/// The organization that commands mean without -o; nullopt when none was chosen.
[[nodiscard]] std::optional<std::string> load_default(const home_paths& home);
/// `errc::io_failed`; other settings in the file stay.
[[nodiscard]] expected<void> save_default(const home_paths& home, const std::string& organization);

}  // namespace keyfold::apps
