// Folders on disk, as a person would compare them. Whatever Keyfold puts there itself (.keyfold…) is left out.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace keyfold::apps::lab {

/// What lies at each path: `folder`, `link → TARGET`, or `file` with its size and whether it is executable. What goes
/// away meanwhile is left out.
[[nodiscard]] std::map<std::string, std::string> tree_of(const std::filesystem::path& root);

/// Where two folders differ first; nullopt: they are equal, to the byte.
[[nodiscard]] std::optional<std::string> difference(const std::filesystem::path& a,
                                                    const std::filesystem::path& b);

/// How many conflict copies lie in and below a folder.
[[nodiscard]] std::size_t count_conflicts(const std::filesystem::path& root);

}  // namespace keyfold::apps::lab
