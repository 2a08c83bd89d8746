#include "apps/agent/settings.hpp"

#include <spdlog/spdlog.h>
#include <toml++/toml.h>

#include <fstream>

#include "apps/common/endpoint.hpp"

namespace keyfold::apps {
namespace {

expected<toml::table> parse(const home_paths& home) {
  const auto file = home.config / "config.toml";
  std::error_code problem;
  if (!std::filesystem::exists(file, problem)) return toml::table{};
  try {
    return toml::parse_file(file.string());
  } catch (const toml::parse_error& e) {
    return fail(errc::usage, file.string() + " cannot be read: " + std::string(e.description()) +
                                 " (line " + std::to_string(e.source().begin.line) + ")");
  }
}

toml::table load(const home_paths& home) {
  auto read = parse(home);
  if (read) return std::move(*read);
  spdlog::error("{}", read.error().message);
  return {};
}

/// The setting, `otherwise` where there is none; `errc::usage` for one of another type.
template <class T>
expected<T> setting(const toml::table& section, const char* name, T otherwise, const char* type) {
  const auto* node = section.get(name);
  if (node == nullptr) return otherwise;
  if (auto value = node->value_exact<T>()) return std::move(*value);
  return fail(errc::usage, std::string("config.toml: [network] ") + name + " is " + type);
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

expected<network_settings> load_network(const home_paths& home) {
  KEYFOLD_TRY(const auto settings, parse(home));
  network_settings out;
  const auto* node = settings.get("network");
  if (node == nullptr) return out;
  if (!node->is_table()) return fail(errc::usage, "config.toml: [network] is a section");
  const auto& section = *node->as_table();
  KEYFOLD_TRY(out.listen, setting(section, "listen", out.listen, "tcp://HOST:PORT or none"));
  KEYFOLD_TRY(out.discovery, setting(section, "discovery", out.discovery, "true or false"));
  KEYFOLD_TRY(const auto proxy, setting(section, "socks_proxy", std::string(), "HOST:PORT"));
  if (out.listen != "none") {
    if (const auto good = check_listen(out.listen); !good)
      return fail(errc::usage, "config.toml: [network] listen: " + good.error().message);
  }
  if (proxy.empty()) return out;
  if (!is_host_and_port(proxy))
    return fail(errc::usage, "config.toml: [network] socks_proxy is HOST:PORT, not " + proxy);
  out.socks_proxy = proxy;
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
