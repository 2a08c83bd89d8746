// Paths beneath a mirror's root, as the disk spells them: names joined by '/', no leading or
// trailing one; "" is the root itself. Bytes, not necessarily UTF-8.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace keyfold::mirror {

using local_path = std::string;

/// Whatever Keyfold itself puts into a mirror begins with this, and nothing that begins with it
/// travels, but for the rules of what stays here (ignore.hpp), which are a file of the user's.
inline constexpr std::string_view own_prefix = ".keyfold";
inline constexpr std::string_view ignore_file_name = ".keyfoldignore";
[[nodiscard]] inline bool is_own_name(std::string_view name) {
  return name.starts_with(own_prefix) && name != ignore_file_name;
}

[[nodiscard]] inline local_path join(std::string_view folder, std::string_view name) {
  local_path out(folder);
  if (!out.empty()) out += '/';
  return out.append(name);
}
/// The folder that holds `path`; "" for what stands in the root, and for the root.
[[nodiscard]] inline local_path parent_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return local_path(slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash));
}
/// The last name of `path`; "" for the root.
[[nodiscard]] inline std::string name_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}
/// The names of `path`, outermost first.
[[nodiscard]] inline std::vector<std::string> names_of(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    const auto slash = path.find('/');
    out.emplace_back(path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  return out;
}
/// The number of names in `path`.
[[nodiscard]] inline std::size_t depth_of(std::string_view path) {
  return path.empty() ? 0 : 1 + static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
}
/// True for `path` itself and whatever lies below it.
[[nodiscard]] inline bool is_within(std::string_view path, std::string_view folder) {
  if (folder.empty() || path == folder) return true;
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

}  // namespace keyfold::mirror
