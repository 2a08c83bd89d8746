#include "apps/lab/trees.hpp"

#include <algorithm>
#include <fstream>

namespace keyfold::apps::lab {
namespace {

namespace fs = std::filesystem;

std::string describe(const fs::directory_entry& entry) {
  std::error_code problem;
  if (entry.is_symlink(problem)) return "link → " + fs::read_symlink(entry, problem).string();
  if (entry.is_directory(problem)) return "folder";
  const auto mode = entry.status(problem).permissions();
  const bool executable = (mode & fs::perms::owner_exec) != fs::perms::none;
  return "file of " + std::to_string(entry.file_size(problem)) + " bytes" +
         (executable ? ", executable" : "");
}

bool equal_bytes(const fs::path& a, const fs::path& b) {
  std::ifstream one(a, std::ios::binary), other(b, std::ios::binary);
  if (!one || !other) return false;
  constexpr std::size_t piece = 1024 * 1024;
  std::string left(piece, '\0'), right(piece, '\0');
  while (one && other) {
    one.read(left.data(), piece);
    other.read(right.data(), piece);
    if (one.gcount() != other.gcount() ||
        !std::equal(left.begin(), left.begin() + one.gcount(), right.begin()))
      return false;
  }
  return true;
}

}  // namespace

std::map<std::string, std::string> tree_of(const fs::path& root) {
  std::map<std::string, std::string> out;
  std::error_code problem;
  fs::recursive_directory_iterator at(root, problem);
  for (const fs::recursive_directory_iterator end; !problem && at != end; at.increment(problem)) {
    if (at->path().filename().string().starts_with(".keyfold"))
      at.disable_recursion_pending();
    else
      out.emplace(at->path().lexically_relative(root).string(), describe(*at));
  }
  return out;
}

std::optional<std::string> difference(const fs::path& a, const fs::path& b) {
  const auto one = tree_of(a), other = tree_of(b);
  const auto [left, right] = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
  if (left != one.end() && right != other.end() && left->first == right->first)
    return left->first + ": here a " + left->second + ", there a " + right->second;
  const bool only_left = left != one.end() && (right == other.end() || left->first < right->first);
  if (only_left) return left->first + " is missing there";
  if (right != other.end()) return right->first + " is missing here";
  for (const auto& [path, what] : one)
    if (what.starts_with("file") && !equal_bytes(a / path, b / path))
      return path + " has other bytes";
  return std::nullopt;
}

std::size_t count_conflicts(const fs::path& root) {
  std::size_t out = 0;
  for (const auto& [path, what] : tree_of(root))
    if (fs::path(path).filename().string().find(" (conflict, ") != std::string::npos) ++out;
  return out;
}

}  // namespace keyfold::apps::lab
