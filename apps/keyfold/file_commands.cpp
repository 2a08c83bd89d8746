// ls, cat, put, get, mkdir, mv, rm.
#include <unistd.h>

#include <iostream>

#include "apps/keyfold/command.hpp"
#include "apps/keyfold/terminal.hpp"

namespace keyfold::apps {
namespace {

/// Runs `act` with the parsed WORKSPACE:/path, or fails with wrong usage.
template <class Act>
void with_remote(commander& c, const std::string& argument, Act act) {
  const auto remote = parse_remote(argument);
  remote ? act(*remote) : c.fail_with(remote.error());
}

void print_list(const json& list) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& e : list)
    rows.push_back(
        {cell(e["kind"]), cell(e["size"]), cell(e["mtime"]), cell(e["state"]), cell(e["name"])});
  print_table({"KIND", "SIZE", "CHANGED", "STATE", "NAME"}, rows);
}

argument_text version_option(CLI::App* sub) {
  auto value = std::make_shared<std::string>();
  sub->add_option("--version", *value, "An earlier version, as `workspace history` says");
  return value;
}

void cat(commander& c, const std::string& argument, const std::string& version) {
  if (c.options().json_output)
    return c.fail_with({errc::usage, "cat writes the file's bytes and has no --json"});
  with_remote(c, argument, [&](const remote_path& at) {
    auto parameters = c.with_organization(
        {{"workspace", at.workspace}, {"path", at.path}, {"timeout", c.options().timeout}});
    if (!version.empty()) parameters["version"] = version;
    const auto done = c.api().stream("files.cat", parameters, [](bytes_view data) {
      std::cout.write(as_text(data).data(), static_cast<std::streamsize>(data.size()));
      return std::cout.good();
    });
    if (!done) return c.fail_with(done.error());
    if (!std::cout.flush()) c.fail_with({errc::io_failed, "cannot write to standard output"});
  });
}

void print_count(const json& done) {
  std::cout << cell(done["files"]) << " files, " << cell(done["bytes"]) << " bytes\n";
}

void copy(commander& c, const std::string& method, const std::string& remote,
          const std::string& local, const std::string& version = {}) {
  with_remote(c, remote, [&](const remote_path& at) {
    std::error_code problem;
    const auto path = std::filesystem::absolute(local, problem);
    if (problem || local.empty())
      return c.fail_with({errc::usage, "not a usable local path: " + local});
    json parameters{{"workspace", at.workspace}, {"path", at.path}, {"local", path.string()}};
    if (!version.empty()) parameters["version"] = version;
    c.call(method, parameters, print_count);
  });
}

}  // namespace

void add_file_commands(commander& c) {
  auto& app = c.app();
  auto* ls = app.add_subcommand("ls", "List a folder of a workspace");
  const auto listed = positional(ls, "WORKSPACE:/PATH");
  ls->callback([=, &c] {
    with_remote(c, *listed, [&](const remote_path& at) {
      c.call("files.list", {{"workspace", at.workspace}, {"path", at.path}}, print_list);
    });
  });
  auto* show = app.add_subcommand("cat", "Write a file's bytes to standard output");
  const auto shown = positional(show, "WORKSPACE:/PATH");
  const auto shown_version = version_option(show);
  show->callback([=, &c] { cat(c, *shown, *shown_version); });

  auto* put = app.add_subcommand("put", "Copy a local file or folder into a workspace");
  const auto from = positional(put, "LOCAL");
  const auto into = positional(put, "WORKSPACE:/PATH");
  put->callback([=, &c] { copy(c, "files.put", *into, *from); });
  auto* get = app.add_subcommand("get", "Copy a file or folder of a workspace to a local path");
  const auto source = positional(get, "WORKSPACE:/PATH");
  const auto target = positional(get, "LOCAL");
  const auto got_version = version_option(get);
  get->callback([=, &c] { copy(c, "files.get", *source, *target, *got_version); });

  auto* mkdir = app.add_subcommand("mkdir", "Make a folder in a workspace");
  const auto made = positional(mkdir, "WORKSPACE:/PATH");
  mkdir->callback([=, &c] {
    with_remote(c, *made, [&](const remote_path& at) {
      c.call("files.mkdir", {{"workspace", at.workspace}, {"path", at.path}});
    });
  });
  auto* mv = app.add_subcommand("mv", "Rename or move within a workspace");
  const auto old_path = positional(mv, "FROM");
  const auto new_path = positional(mv, "TO");
  mv->callback([=, &c] {
    with_remote(c, *old_path, [&](const remote_path& a) {
      with_remote(c, *new_path, [&](const remote_path& b) {
        if (a.workspace != b.workspace)
          return c.fail_with(
              {errc::usage, "mv stays within one workspace; use get and put between two"});
        c.call("files.move", {{"workspace", a.workspace}, {"from", a.path}, {"to", b.path}});
      });
    });
  });
  auto* rm = app.add_subcommand("rm", "Remove a file, or with -r a folder");
  const auto removed = positional(rm, "WORKSPACE:/PATH");
  auto recursive = std::make_shared<bool>(false);
  rm->add_flag("-r,--recursive", *recursive, "Folders and all in them");
  rm->callback([=, &c] {
    with_remote(c, *removed, [&](const remote_path& at) {
      c.call("files.remove",
             {{"workspace", at.workspace}, {"path", at.path}, {"recursive", *recursive}});
    });
  });
}

}  // namespace keyfold::apps
