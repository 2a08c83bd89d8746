// workspace.history, workspace.restore
#include "apps/agent/local_files.hpp"

namespace keyfold::apps {
namespace {

constexpr std::size_t default_limit = 100;
constexpr std::size_t max_limit = 10'000;

std::string path_text(const std::vector<std::string>& path) {
  std::string out;
  for (const auto& name : path) out += "/" + name;
  return out.empty() ? "/" : out;
}

std::string kind_name(workspace::node_kind kind) {
  switch (kind) {
    case workspace::node_kind::file:
      return "file";
    case workspace::node_kind::folder:
      return "folder";
    case workspace::node_kind::symlink:
      return "symlink";
  }
  return "unknown";
}

std::string change_name(workspace::past_change::kind what) {
  using kind = workspace::past_change::kind;
  switch (what) {
    case kind::created:
      return "created";
    case kind::written:
      return "written";
    case kind::renamed:
      return "renamed";
    case kind::moved:
      return "moved";
    case kind::deleted:
      return "deleted";
    case kind::restored:
      return "restored";
  }
  return "unknown";
}

/// The author as the ledger shows him: null what this device cannot read.
void add_author(const actors::ledger_snapshot& ledger, const device_id& device, json& out) {
  out["device"] = to_text(device);
  out["user"] = out["email"] = out["name"] = out["label"] = nullptr;
  const auto& organization = ledger.state.organization();
  const auto found = organization.devices().find(device);
  if (found == organization.devices().end()) return;
  if (const auto label = ledger.keys.label_of(found->second)) out["label"] = *label;
  const auto user = found->second.facts.user;
  out["user"] = to_text(user);
  const auto* record = organization.user(user);
  const auto handle = record == nullptr ? fail(errc::not_found) : ledger.keys.handle_of(*record);
  if (!handle) return;
  out["email"] = handle->email;
  out["name"] = handle->name;
}

json change_document(const actors::ledger_snapshot& ledger, const workspace::past_change& c) {
  const bool folder = c.of == workspace::node_kind::folder;
  const auto version = folder ? version_id{c.node.value} : c.version;
  const bool has_content = !folder && !version.is_zero();
  json out{{"version", version.is_zero() ? json(nullptr) : json(to_text(version))},
           {"kind", kind_name(c.of)},
           {"size", has_content ? json(c.size) : json(nullptr)},
           {"mtime", has_content ? json(time_of_ns(c.mtime_ns)) : json(nullptr)},
           {"when", c.when_ms ? json(time_of_ms(*c.when_ms)) : json(nullptr)},
           {"change", change_name(c.what)},
           {"path", path_text(c.path)},
           {"from", c.from.empty() ? json(nullptr) : json(path_text(c.from))},
           {"current", c.current}};
  add_author(ledger, c.at.device, out);
  return out;
}

json documents(const actors::ledger_snapshot& ledger,
               const std::vector<workspace::past_change>& changes) {
  auto out = json::array();
  for (const auto& each : changes) out.push_back(change_document(ledger, each));
  return out;
}

expected<std::size_t> limit_of(const parameters& p) {
  const auto found = p.document().find("limit");
  if (found == p.document().end()) return default_limit;
  const auto limit = found->is_number_unsigned() ? found->get<std::size_t>() : 0;
  if (limit < 1 || limit > max_limit)
    return fail(errc::usage, "a limit is 1 to " + std::to_string(max_limit));
  return limit;
}

expected<json> history(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto access, access_of(context, p));
  KEYFOLD_TRY(const auto at, parse_path(p.optional_text("path").value_or("/")));
  KEYFOLD_TRY(const auto limit, limit_of(p));
  KEYFOLD_TRY(const auto found,
              context.agent_of.ask<expected<workspace::path_history>>(
                  access.workspace.actor, actors::get_history{at, limit}, access.timeout));
  if (!found) return fail(found);
  return json{{"workspace", access.workspace.name},
              {"path", path_text(at)},
              {"versions", documents(*access.ledger, found->changes)},
              {"deleted", documents(*access.ledger, found->deleted)},
              {"more", found->more}};
}

expected<json> restore(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto access, access_of(context, p));
  KEYFOLD_TRY(const auto text, p.text("path"));
  KEYFOLD_TRY(const auto at, parse_path(text));
  KEYFOLD_TRY(const auto version, version_of(p));
  KEYFOLD_TRY(auto what, context.agent_of.ask_flat<workspace::past_thing>(
                             access.workspace.actor, actors::find_past{at, version}));
  std::vector<object_id> more;
  if (what.content) {
    KEYFOLD_TRY(more, more_objects_of(access, *what.content));
  }
  KEYFOLD_TRY(const auto now,
              context.agent_of.ask<expected<version_id>>(
                  access.workspace.actor,
                  actors::restore_past{at, std::move(what), std::move(more)}, access.timeout));
  if (!now) return fail(now);
  return json{{"ok", true}, {"path", path_text(at)}, {"version", to_text(*now)}};
}

}  // namespace

void add_history_methods(method_table& table) {
  table["workspace.history"] = history;
  table["workspace.restore"] = restore;
}

}  // namespace keyfold::apps
