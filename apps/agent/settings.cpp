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
