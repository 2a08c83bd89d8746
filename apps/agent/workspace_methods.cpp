// workspace.*, status, sync
#include <filesystem>

#include "actors/replies.hpp"
#include "apps/agent/api.hpp"
#include "store/ledger/fence.hpp"

namespace keyfold::apps {
namespace {

constexpr int max_frontier_races = 10;

std::string role_name(ledger::role r) {
  switch (r) {
    case ledger::role::reader:
      return "reader";
    case ledger::role::contributor:
      return "contributor";
    case ledger::role::manager:
      return "manager";
    case ledger::role::owner:
      return "owner";
    case ledger::role::none:
      break;
  }
  return "none";
}

expected<ledger::role> role_from(const std::string& name) {
  for (const auto r : {ledger::role::reader, ledger::role::contributor, ledger::role::manager,
                       ledger::role::owner})
    if (role_name(r) == name) return r;
  return fail(errc::usage, "a role is reader, contributor, manager or owner");
}

/// The device and workspace that a call names.
struct target {
  actors::device_facts device;
  named_workspace workspace;
};
expected<target> target_of(api_context& context, const parameters& p) {
  KEYFOLD_TRY(auto device, device_of(context, p));
  KEYFOLD_TRY(const auto name, p.text("workspace"));
  KEYFOLD_TRY(auto workspace, workspace_of(device, name));
  return target{std::move(device), std::move(workspace)};
}

/// As target_of, for calls of the ledger: what others did meanwhile is known first.
expected<target> current_target_of(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto device, device_of(context, p));
  KEYFOLD_CHECK(require_online(context, device, p));
  KEYFOLD_CHECK(context.agent_of.ask_flat<actors::ledger_view>(
      device.ledger_of, actors::refresh_ledger{}, p.duration("timeout", std::chrono::seconds(60))));
  return target_of(context, p);
}

expected<json> create(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto name, p.plain_text("name", ledger::max_name_size, "/:"));
  KEYFOLD_TRY(const auto device, device_of(context, p));
  KEYFOLD_CHECK(require_online(context, device, p));
  std::optional<workspace_id> made;
  KEYFOLD_CHECK(append(
      context, device,
      [device, name, &made](const actors::ledger_snapshot& now) -> expected<ledger::certificate> {
        KEYFOLD_TRY(auto certificate,
                    ledger::make_workspace_created(author_of(device, now, device.key), name));
        made = certificate.header.scope;
        return certificate;
      }));
  return json{{"ok", true}, {"id", to_text(*made)}};
}

json workspace_document(const actors::device_facts& device, const workspace_id& id,
                        const actors::workspace_status& status) {
  const auto& ledger = *device.ledger;
  const auto* fold = ledger.state.workspace(id);
  const auto name = ledger.keys.name_of(*fold);
  return {{"id", to_text(id)},
          {"name", name ? json(*name) : json(nullptr)},
          {"role", role_name(fold->role_of(device.user))},
          {"members", fold->members().size()},
          {"epoch", fold->epochs().back().epoch.value},
          {"files", status.total_files},
          {"bytes", status.total_bytes},
          {"state", status.state},
          {"mirror", status.mirror ? json(*status.mirror) : json(nullptr)},
          {"mount", nullptr}};
}

expected<json> list_workspaces(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto device, device_of(context, p));
  auto out = json::array();
  for (const auto& [id, actor] : device.workspaces) {
    const auto* fold = device.ledger->state.workspace(id);
    if (fold == nullptr || !ledger::may_read(fold->role_of(device.user))) continue;
    KEYFOLD_TRY(const auto status, context.agent_of.ask<actors::workspace_status>(
                                       actor, actors::get_workspace_status{}));
    out.push_back(workspace_document(device, id, status));
  }
  return out;
}

expected<json> members(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto at, target_of(context, p));
  const auto& ledger = *at.device.ledger;
  auto out = json::array();
  for (const auto& [user, role] : ledger.state.workspace(at.workspace.id)->members()) {
    const auto* record = ledger.state.organization().user(user);
    const auto handle = ledger.keys.handle_of(*record);
    out.push_back({{"user", to_text(user)},
                   {"email", handle ? json(handle->email) : json(nullptr)},
                   {"name", handle ? json(handle->name) : json(nullptr)},
                   {"role", role_name(role)}});
  }
  return out;
}

/// The signed heads of the user's feeds there: what a removal must cover. Those that the relay tells, and those that are
/// held here, so that a relay that keeps some back cuts nothing off. With a fence it takes nothing more of his for a while.
expected<std::vector<ledger::signed_head>> heads_of(api_context& context, const target& at,
                                                    user_id user, bool fenced) {
  auto question = actors::ask_for(net::feed_heads{at.workspace.id, user});
  if (fenced) {
    KEYFOLD_TRY(const auto ledger, context.agent_of.ask_flat<actors::ledger_view>(
                                       at.device.ledger_of, actors::refresh_ledger{}));
    const auto& state = ledger->state;
    const auto head = *state.head();
    const auto signature =
        ledger::sign_fence({state.id(), at.workspace.id, user, head}, at.device.key);
    question =
        actors::ask_for(net::feed_fence{at.workspace.id, user, {head.seq, head.hash}, signature});
  }
  KEYFOLD_TRY(const auto answer, ask_relay(context, at.device, question));
  KEYFOLD_TRY(auto heads, ledger::decode_frontier(answer.bulk.view()));
  const auto* known = at.device.ledger->state.organization().user(user);
  if (known == nullptr) return heads;
  KEYFOLD_TRY(const auto here, context.agent_of.ask<actors::signed_heads>(
                                   at.workspace.actor, actors::get_signed_heads{known->devices}));
  KEYFOLD_TRY(auto held, ledger::decode_frontier(here.frontier));
  std::move(held.begin(), held.end(), std::back_inserter(heads));
  return heads;
}

/// Changes a role; where the right to write goes, with a frontier that covers what the relay took. For one who keeps
/// writing meanwhile the relay puts up a fence.
expected<json> change_role(api_context& context, const target& at, user_id user, ledger::role to) {
  for (int tries = 1;; ++tries) {
    std::vector<ledger::signed_head> heads;
    if (ledger::takes_write(at.device.ledger->state, at.workspace.id, user, to)) {
      auto found = heads_of(context, at, user, tries > 1);
      if (!found && found.error().code == errc::stale_head && tries < max_frontier_races) continue;
      if (!found) return fail(found);
      heads = std::move(*found);
    }
    const auto appended =
        append(context, at.device, [&at, user, to, heads](const actors::ledger_snapshot& now) {
          return ledger::make_role_changed(author_of(at.device, now, at.device.key),
                                           at.workspace.id, user, to, heads);
        });
    if (appended) return ok();
    if (appended.error().code == errc::nothing_changed) return ok();
    if (appended.error().code != errc::frontier_behind || tries == max_frontier_races)
      return fail(appended);
  }
}

expected<json> share(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto at, current_target_of(context, p));
  KEYFOLD_TRY(const auto name, p.text("user"));
  KEYFOLD_TRY(const auto role_text, p.text("role"));
  KEYFOLD_TRY(const auto role, role_from(role_text));
  KEYFOLD_TRY(const auto user, user_of(*at.device.ledger, name));
  return change_role(context, at, user, role);
}

expected<json> unshare(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto at, current_target_of(context, p));
  KEYFOLD_TRY(const auto name, p.text("user"));
  KEYFOLD_TRY(const auto user, user_of(*at.device.ledger, name));
  if (at.device.ledger->state.workspace(at.workspace.id)->role_of(user) == ledger::role::none)
    return fail(errc::not_found, name + " has no role in " + at.workspace.name);
  return change_role(context, at, user, ledger::role::none);
}

expected<json> rotate(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto at, current_target_of(context, p));
  KEYFOLD_CHECK(append(context, at.device, [&at](const actors::ledger_snapshot& now) {
    return ledger::make_key_rotated(author_of(at.device, now, at.device.key), at.workspace.id);
  }));
  return ok();
}

/// A mirror of this agent's must not lie within another one (root::create looks for one around it).
expected<void> check_no_mirror_within(api_context& context, const std::string& folder) {
  std::error_code unknown;  // then its path is empty, and nothing lies within it
  const auto outer = std::filesystem::weakly_canonical(folder, unknown);
  for (const auto& known : context.agent_of.devices()) {
    if (!known.running) continue;
    KEYFOLD_TRY(const auto device,
                context.agent_of.ask<actors::device_facts>(*known.running, actors::get_device{}));
    for (const auto& [id, actor] : device.workspaces) {
      KEYFOLD_TRY(const auto status, context.agent_of.ask<actors::workspace_status>(
                                         actor, actors::get_workspace_status{}));
      if (!status.mirror) continue;
      const auto inner = std::filesystem::weakly_canonical(*status.mirror, unknown);
      const auto up = inner.lexically_relative(outer);
      if (!up.empty() && up != "." && *up.begin() != "..")
        return fail(errc::root_marker_foreign,
                    "there is a mirror within " + folder + " already: " + *status.mirror);
    }
  }
  return {};
}

expected<json> mirror(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto at, target_of(context, p));
  const auto timeout = p.duration("timeout", std::chrono::seconds(60));
  const auto answer = p.optional_text("answer");
  const auto folder = p.optional_text("folder");
  if (folder && folder->starts_with('/')) {
    KEYFOLD_CHECK(check_no_mirror_within(context, *folder));
    KEYFOLD_TRY(const auto done, context.agent_of.ask<expected<void>>(
                                     at.workspace.actor, actors::set_mirror{*folder}, timeout));
    KEYFOLD_CHECK(done);
  } else if (answer == "accept-deletes" || answer == "restore") {
    KEYFOLD_TRY(const auto done,
                context.agent_of.ask<expected<void>>(
                    at.workspace.actor, actors::answer_brake{answer == "accept-deletes"}, timeout));
    KEYFOLD_CHECK(done);
  } else {
    return fail(errc::usage,
                "give a folder as an absolute path, or an answer: accept-deletes or restore");
  }
  return ok();
}

expected<json> unmirror(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto at, target_of(context, p));
  KEYFOLD_TRY(const auto done, context.agent_of.ask<expected<void>>(
                                   at.workspace.actor, actors::set_mirror{std::nullopt}));
  KEYFOLD_CHECK(done);
  return ok();
}

json status_document(const std::string& name, const actors::workspace_status& status) {
  auto files = json::array();
  for (const auto& file : status.files) {
    files.push_back({{"path", file.path},
                     {"state", file_state_name(file.state)},
                     {"reason", file.reason ? json(*file.reason) : json(nullptr)}});
    if (file.reason == "bad_name") files.back()["path_bytes"] = to_base64url(as_bytes(file.path));
  }
  auto replicas = json::array();
  for (const auto& replica : status.replicas)
    replicas.push_back({{"device", replica.device ? json(to_text(*replica.device)) : json(nullptr)},
                        {"has_all", replica.has_all},
                        {"behind", replica.behind}});
  return {{"workspace", name},
          {"state", status.state},
          {"online", status.online},
          {"replicas", replicas},
          {"pending", {{"up", status.up}, {"down", status.down}}},
          {"trouble", status.trouble ? json{{"code", to_string(status.trouble->code)},
                                            {"message", status.trouble->message}}
                                     : json(nullptr)},
          {"files", files}};
}

expected<json> status(api_context& context, const parameters& p) {
  const bool all = p.flag("all");
  if (p.optional_text("workspace")) {  // an empty one too, which is none
    KEYFOLD_TRY(const auto at, target_of(context, p));
    KEYFOLD_TRY(const auto status,
                context.agent_of.ask<actors::workspace_status>(
                    at.workspace.actor, actors::get_workspace_status{true, all}));
    return status_document(at.workspace.name, status);
  }
  KEYFOLD_TRY(const auto device, device_of(context, p));
  auto out = json::array();
  for (const auto& [id, actor] : device.workspaces) {
    const auto* fold = device.ledger->state.workspace(id);
    if (fold == nullptr || !ledger::may_read(fold->role_of(device.user))) continue;
    KEYFOLD_TRY(const auto status, context.agent_of.ask<actors::workspace_status>(
                                       actor, actors::get_workspace_status{all, all}));
    out.push_back(
        status_document(device.ledger->keys.name_of(*fold).value_or(to_text(id)), status));
  }
  return out;
}

/// With the relay what others did to the ledger is known first; without it, what is known counts.
expected<target> sync_target_of(api_context& context, const parameters& p, bool peer) {
  if (peer) return target_of(context, p);
  KEYFOLD_TRY(const auto before, device_of(context, p));
  KEYFOLD_CHECK(require_online(context, before, p));
  return current_target_of(context, p);
}

expected<json> sync(api_context& context, const parameters& p) {
  const bool peer = p.flag("peer");
  KEYFOLD_TRY(const auto at, sync_target_of(context, p, peer));
  const auto timeout = p.duration("timeout", std::chrono::seconds(60));
  KEYFOLD_TRY(const auto done, context.agent_of.ask<expected<void>>(
                                   at.workspace.actor, actors::sync_now{peer}, timeout));
  KEYFOLD_CHECK(done);
  return ok();
}

}  // namespace

std::string file_state_name(actors::file_state state) {
  switch (state) {
    case actors::file_state::synced:
      return "synced";
    case actors::file_state::local:
      return "local";
    case actors::file_state::uploading:
      return "uploading";
    case actors::file_state::remote:
      return "remote";
    case actors::file_state::downloading:
      return "downloading";
    case actors::file_state::conflict:
      return "conflict";
    case actors::file_state::ignored:
      return "ignored";
  }
  return "unknown";
}

void add_workspace_methods(method_table& table) {
  table["workspace.create"] = create;
  table["workspace.list"] = list_workspaces;
  table["workspace.members"] = members;
  table["workspace.share"] = share;
  table["workspace.unshare"] = unshare;
  table["workspace.rotate"] = rotate;
  table["workspace.mirror"] = mirror;
  table["workspace.unmirror"] = unmirror;
  table["status"] = status;
  table["sync"] = sync;
}

}  // namespace keyfold::apps
