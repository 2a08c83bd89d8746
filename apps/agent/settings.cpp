#include "apps/agent/settings.hpp"

#include <spdlog/spdlog.h>
#include <toml++/toml.h>

#include <fstream>

namespace keyfold::apps {
namespace {

toml::table load(const home_paths& home) {
  const auto file = home.config / "config.toml";
  if (!std::filesystem::exists(file)) return {};
  try {
    return toml::parse_file(file.string());
  } catch (const toml::parse_error& problem) {
    spdlog::error("{} cannot be read: {}", file.string(), problem.description());
    return {};
  }
}

}  // namespace

std::optional<std::string> load_default(const home_paths& home) {
  return load(home)["organization"]["default"].value<std::string>();
}

object::cache_bound load_cache_bound(const home_paths& home) {
  constexpr std::int64_t default_mib = 4096, most_mib = std::int64_t{1} << 40;
  const auto settings = load(home);
  const auto objects = settings["objects"];
  auto mib = objects["cache_mib"].value_or(default_mib);
  if (mib < 0 || mib > most_mib) {
    spdlog::error("config.toml: cache_mib is a number of MiB from 0 to 2^40; {} is taken",
                  default_mib);
    mib = default_mib;
  }
  object::cache_bound out;
  if (mib > 0) out.bytes = static_cast<std::uint64_t>(mib) * 1024 * 1024;
  out.relay_only = objects["relay_only"].value_or(false);
  return out;
}

expected<void> save_default(const home_paths& home, const std::string& organization) {
  auto settings = load(home);
  if (!settings["organization"].is_table())
    settings.insert_or_assign("organization", toml::table{});
  settings["organization"].as_table()->insert_or_assign("default", organization);
  const auto file = home.config / "config.toml";
  const auto temporary = home.config / "config.toml.new";
  std::ofstream out(temporary);
  out << settings << '\n';
  out.close();
  std::error_code problem;
  if (out) std::filesystem::rename(temporary, file, problem);
  if (!out || problem) return fail(errc::io_failed, "cannot write " + file.string());
  return {};
}

}  // namespace keyfold::apps
