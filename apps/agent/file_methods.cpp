// files.*
#include "apps/agent/local_files.hpp"

namespace keyfold::apps {
namespace {

expected<actors::path> path_of(const parameters& p, const std::string& name) {
  KEYFOLD_TRY(const auto text, p.text(name));
  return parse_path(text);
}

json entry_document(const actors::listed_entry& entry) {
  json out{{"name", entry.shown.name},
           {"kind", "folder"},
           {"size", nullptr},
           {"mtime", nullptr},
           {"executable", false},
           {"versions", entry.shown.versions},
           {"state", file_state_name(entry.state)}};
  if (entry.shown.kind == workspace::node_kind::folder) return out;
  out["kind"] = entry.shown.kind == workspace::node_kind::file ? "file" : "symlink";
  if (!entry.shown.version) return out;
  const auto& content = entry.shown.version->content;
  if (const auto* file = std::get_if<workspace::file_content>(&content)) {
    out["size"] = file->size;
    out["mtime"] = time_of_ns(file->mtime_ns);
    out["executable"] = file->executable;
  } else {
    const auto& link = std::get<workspace::symlink_content>(content);
    out["size"] = link.target.size();
    out["mtime"] = time_of_ns(link.mtime_ns);
  }
  return out;
}

expected<json> list(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto access, access_of(context, p));
  KEYFOLD_TRY(const auto at, path_of(p, "path"));
  auto out = json::array();
  KEYFOLD_TRY(const auto entry, context.agent_of.ask_flat<actors::listed_entry>(
                                    access.workspace.actor, actors::find_entry{at}));
  if (entry.shown.kind != workspace::node_kind::folder) return json::array({entry_document(entry)});
  KEYFOLD_TRY(const auto children, context.agent_of.ask_flat<std::vector<actors::listed_entry>>(
                                       access.workspace.actor, actors::list_folder{at}));
  for (const auto& child : children) out.push_back(entry_document(child));
  return out;
}

template <class Copy>
expected<json> copy(api_context& context, const parameters& p, Copy run) {
  KEYFOLD_TRY(auto access, access_of(context, p));
  // The command line's default suits a question; a copy may take as long as it needs.
  access.timeout = std::max(access.timeout, std::chrono::milliseconds(std::chrono::hours(1)));
  KEYFOLD_TRY(const auto at, path_of(p, "path"));
  KEYFOLD_TRY(const auto local, p.text("local"));
  if (local[0] != '/') return fail(errc::usage, "the local path must be absolute");
  KEYFOLD_TRY(const auto done, run(access, at, local));
  return json{{"ok", true}, {"files", done.files}, {"bytes", done.bytes}};
}

/// A request to the workspace that only acts.
template <class Request>
expected<json> act(const content_access& access, Request request) {
  KEYFOLD_TRY(const auto done, access.agent_of.ask<expected<void>>(
                                   access.workspace.actor, std::move(request), access.timeout));
  KEYFOLD_CHECK(done);
  return ok();
}

expected<json> make_folder(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto access, access_of(context, p));
  KEYFOLD_TRY(const auto at, path_of(p, "path"));
  return act(access, actors::make_folder{at});
}

expected<json> move(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto access, access_of(context, p));
  KEYFOLD_TRY(const auto from, path_of(p, "from"));
  KEYFOLD_TRY(auto to, path_of(p, "to"));
  const auto there = context.agent_of.ask_flat<actors::listed_entry>(access.workspace.actor,
                                                                     actors::find_entry{to});
  // As mv does: into a folder that is there.
  if (there && there->shown.kind == workspace::node_kind::folder && !from.empty() && to != from)
    to.push_back(from.back());
  return act(access, actors::move_entry{from, to});
}

expected<json> remove(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto access, access_of(context, p));
  KEYFOLD_TRY(const auto at, path_of(p, "path"));
  return act(access, actors::remove_entry{at, p.flag("recursive")});
}

}  // namespace

expected<content_access> access_of(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto device, device_of(context, p));
  KEYFOLD_TRY(const auto name, p.text("workspace"));
  KEYFOLD_TRY(auto workspace, workspace_of(device, name));
  KEYFOLD_TRY(auto services, context.agent_of.services(device.device));
  KEYFOLD_TRY(auto status, context.agent_of.ask<actors::workspace_status>(
                               workspace.actor, actors::get_workspace_status{}));
  return content_access{context.agent_of,
                        std::move(services),
                        device.ledger,
                        std::move(workspace),
                        p.duration("timeout", std::chrono::seconds(60)),
                        std::move(status.mirror)};
}

expected<std::optional<version_id>> version_of(const parameters& p) {
  const auto text = p.optional_text("version");
  if (!text) return std::nullopt;
  const auto version = version_id::from_text(*text);
  if (!version) return fail(errc::not_found, "there is no version " + *text);
  return *version;
}

expected<file_stream> open_stream(api_context& context, const parameters& p) {
  KEYFOLD_TRY(auto access, access_of(context, p));
  KEYFOLD_TRY(const auto at, path_of(p, "path"));
  KEYFOLD_TRY(const auto version, version_of(p));
  KEYFOLD_TRY(const auto content, find_file(access, at, version));
  return file_stream([access, at, content](const object::content_sink& sink) {
    return read_file(access, at, content, sink);
  });
}

void add_file_methods(method_table& table) {
  table["files.list"] = list;
  table["files.put"] = [](api_context& context, const parameters& p) {
    return copy(context, p, import_local);
  };
  table["files.get"] = [](api_context& context, const parameters& p) {
    return copy(context, p,
                [&p](const content_access& access, const actors::path& at,
                     const std::string& local) -> expected<copied> {
                  KEYFOLD_TRY(const auto version, version_of(p));
                  return version ? export_version(access, at, *version, local)
                                 : export_local(access, at, local);
                });
  };
  table["files.mkdir"] = make_folder;
  table["files.move"] = move;
  table["files.remove"] = remove;
}

}  // namespace keyfold::apps
