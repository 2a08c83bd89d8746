// workspace, status, sync.
#include <iostream>

#include "apps/keyfold/command.hpp"
#include "apps/keyfold/terminal.hpp"

namespace keyfold::apps {
namespace {

void print_workspaces(const json& list) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& w : list)
    rows.push_back({cell(w["name"]), cell(w["role"]), cell(w["members"]), cell(w["files"]),
                    cell(w["bytes"]), cell(w["state"]), cell(w["mirror"]), cell(w["id"])});
  print_table({"NAME", "ROLE", "MEMBERS", "FILES", "BYTES", "STATE", "MIRROR", "ID"}, rows);
}

void print_members(const json& list) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& m : list)
    rows.push_back({cell(m["email"]), cell(m["name"]), cell(m["role"]), cell(m["user"])});
  print_table({"E-MAIL", "NAME", "ROLE", "USER"}, rows);
}

/// "; 2 devices linked, 1 with everything"; nothing where there is none.
std::string linked_devices(const json& replicas) {
  std::size_t count = 0, whole = 0;
  for (const auto& replica : replicas) {
    if (replica["device"].is_null()) continue;
    ++count;
    if (replica.value("has_all", false)) ++whole;
  }
  if (count == 0) return {};
  return "; " + std::to_string(count) + (count == 1 ? " device" : " devices") + " linked, " +
         std::to_string(whole) + " with everything";
}

void print_workspace_status(const json& document) {
  for (const auto& w : document.is_array() ? document : json::array({document})) {
    const auto& pending = w["pending"];
    std::cout << cell(w["workspace"]) << ": " << cell(w["state"])
              << (w.value("online", false) ? ", online" : ", offline") << ", "
              << cell(pending["up"]) << " to send, " << cell(pending["down"]) << " to fetch"
              << linked_devices(w["replicas"]) << '\n';
    if (!w["trouble"].is_null()) std::cout << "  " << cell(w["trouble"]["message"]) << '\n';
    for (const auto& f : w["files"])
      std::cout << "  " << cell(f["state"]) << "  " << cell(f["path"])
                << (f["reason"].is_null() ? "" : "  (" + cell(f["reason"]) + ")") << '\n';
  }
}

void add_sharing(commander& c, CLI::App* workspace) {
  auto* share = workspace->add_subcommand("share", "Give a role to a user");
  const auto w = positional(share, "WORKSPACE");
  const auto user = positional(share, "USER");
  auto role = std::make_shared<std::string>();
  share->add_option("--role", *role)
      ->required()
      ->check(CLI::IsMember({"reader", "contributor", "manager", "owner"}));
  share->callback([=, &c] {
    c.call("workspace.share", {{"workspace", *w}, {"user", *user}, {"role", *role}});
  });

  auto* unshare =
      workspace->add_subcommand("unshare", "Take a user's role; the key changes with it");
  const auto uw = positional(unshare, "WORKSPACE");
  const auto uuser = positional(unshare, "USER");
  unshare->callback([=, &c] {
    c.call("workspace.unshare", {{"workspace", *uw}, {"user", *uuser}});
  });

  auto* rotate = workspace->add_subcommand("rotate", "Change the workspace's key");
  const auto rw = positional(rotate, "WORKSPACE");
  rotate->callback([=, &c] { c.call("workspace.rotate", {{"workspace", *rw}}); });

  auto* members = workspace->add_subcommand("members", "Who has which role");
  const auto mw = positional(members, "WORKSPACE");
  members->callback([=, &c] { c.call("workspace.members", {{"workspace", *mw}}, print_members); });
}

void add_mirroring(commander& c, CLI::App* workspace) {
  auto* mirror =
      workspace->add_subcommand("mirror", "Keep a plain folder the same as the workspace");
  const auto w = positional(mirror, "WORKSPACE");
  const auto folder = positional(mirror, "FOLDER", false);
  auto accept = std::make_shared<bool>(false);
  auto restore = std::make_shared<bool>(false);
  mirror->add_flag("--accept-deletes", *accept, "The files were meant to be deleted");
  mirror->add_flag("--restore", *restore, "Bring the deleted files back");
  mirror->callback([=, &c] {
    json parameters{{"workspace", *w}};
    const int given = (folder->empty() ? 0 : 1) + (*accept ? 1 : 0) + (*restore ? 1 : 0);
    if (given != 1)
      return c.fail_with({errc::usage, "give a FOLDER, or one of --accept-deletes and --restore"});
    if (!folder->empty())
      parameters["folder"] = std::filesystem::absolute(*folder).lexically_normal().string();
    if (*accept) parameters["answer"] = "accept-deletes";
    if (*restore) parameters["answer"] = "restore";
    c.call("workspace.mirror", parameters);
  });
  auto* unmirror =
      workspace->add_subcommand("unmirror", "Stop mirroring; the folder stays as it is");
  const auto uw = positional(unmirror, "WORKSPACE");
  unmirror->callback([=, &c] { c.call("workspace.unmirror", {{"workspace", *uw}}); });
}

}  // namespace

void add_workspace_commands(commander& c) {
  auto* workspace = c.app().add_subcommand("workspace", "Workspaces")->require_subcommand(1);
  auto* create = workspace->add_subcommand("create", "Create a workspace");
  const auto name = positional(create, "NAME");
  create->callback([=, &c] { c.call("workspace.create", {{"name", *name}}); });
  workspace->add_subcommand("list", "Your workspaces")->callback([&c] {
    c.call("workspace.list", json::object(), print_workspaces);
  });
  add_sharing(c, workspace);
  add_mirroring(c, workspace);

  auto* status = c.app().add_subcommand("status", "What is not synced yet");
  const auto w = positional(status, "WORKSPACE", false);
  auto all = std::make_shared<bool>(false);
  status->add_flag("--all", *all, "Synced files too");
  status->callback([=, &c] {
    json parameters{{"all", *all}};
    if (status->count("WORKSPACE") > 0) parameters["workspace"] = *w;
    c.call("status", parameters, print_workspace_status);
  });
  auto* sync = c.app().add_subcommand("sync", "Wait until all changes known now are exchanged");
  const auto sw = positional(sync, "WORKSPACE");
  auto peer = std::make_shared<bool>(false);
  sync->add_flag("--peer", *peer, "With another device, contents included, instead of the relay");
  sync->callback([=, &c] { c.call("sync", {{"workspace", *sw}, {"peer", *peer}}); });
}

}  // namespace keyfold::apps
