// workspace history, workspace restore.
#include <iostream>

#include "apps/keyfold/command.hpp"
#include "apps/keyfold/terminal.hpp"

namespace keyfold::apps {
namespace {

/// `W` and `/PATH`, `W` and `PATH`, or `W:/PATH` alone. No path: the root.
expected<remote_path> place_of(const std::string& workspace, const std::string& path) {
  if (workspace.find(':') != workspace.npos) {
    if (!path.empty())
      return fail(errc::usage, "give the path once: WORKSPACE PATH, or WORKSPACE:/PATH");
    return parse_remote(workspace);
  }
  return remote_path{workspace, path.starts_with('/') ? path : "/" + path};
}

std::string author_of(const json& change) {
  for (const auto* field : {"name", "email", "user", "device"})
    if (!change[field].is_null())
      return cell(change[field]) +
             (change["label"].is_null() ? "" : " (" + cell(change["label"]) + ")");
  return "-";
}

void print_changes(const json& changes) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& c : changes) {
    const auto path = (c["from"].is_null() ? "" : cell(c["from"]) + " -> ") + cell(c["path"]);
    rows.push_back({cell(c["when"]), author_of(c), cell(c["change"]), cell(c["kind"]),
                    cell(c["size"]), cell(c["version"]), c["current"] == true ? "*" : "", path});
  }
  print_table({"WHEN", "WHO", "CHANGE", "KIND", "SIZE", "VERSION", "NOW", "PATH"}, rows);
}

void print_history(const json& document) {
  print_changes(document["versions"]);
  if (!document["deleted"].empty()) {
    std::cout << "\nDeleted from " << cell(document["path"]) << ":\n";
    print_changes(document["deleted"]);
  }
  if (document["more"] == true) std::cout << "There is more; see --limit.\n";
}

}  // namespace

void add_history_commands(commander& c) {
  auto* workspace = c.app().get_subcommand("workspace");
  auto* history = workspace->add_subcommand(
      "history", "What happened to a file, in a folder, or in the whole workspace; newest first");
  const auto w = positional(history, "WORKSPACE", true);
  const auto path = positional(history, "PATH", false);
  auto limit = std::make_shared<std::uint64_t>(100);
  history->add_option("--limit", *limit, "How many changes to show at most")
      ->check(CLI::Range(1, 10'000));
  history->callback([=, &c] {
    const auto at = place_of(*w, *path);
    if (!at) return c.fail_with(at.error());
    c.call("workspace.history",
           {{"workspace", at->workspace}, {"path", at->path}, {"limit", *limit}}, print_history);
  });

  auto* restore = workspace->add_subcommand(
      "restore", "Bring back a version of a file, or what was deleted at a path");
  const auto rw = positional(restore, "WORKSPACE", true);
  const auto rpath = positional(restore, "PATH", false);
  auto version = std::make_shared<std::string>();
  restore->add_option("--version", *version,
                      "As `workspace history` says (default: what was deleted there last)");
  restore->callback([=, &c] {
    const auto at = place_of(*rw, *rpath);
    if (!at) return c.fail_with(at.error());
    json parameters{{"workspace", at->workspace}, {"path", at->path}};
    if (!version->empty()) parameters["version"] = *version;
    c.call("workspace.restore", parameters, [](const json& done) {
      std::cout << cell(done["path"]) << " is restored; its version is " << cell(done["version"])
                << ".\n";
    });
  });
}

}  // namespace keyfold::apps
