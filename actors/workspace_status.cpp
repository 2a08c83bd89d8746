#include "actors/workspace_state.hpp"

namespace keyfold::actors {
namespace {

/// Whether the objects that a content names are here, or were, and the mirror has it in clear. (What a long list names
/// shows when it is read.)
bool is_here(const workspace_state& s, const workspace::node_content& content) {
  const auto* file = std::get_if<workspace::file_content>(&content);
  if (file == nullptr) return true;
  const object_id* last = nullptr;
  for (const auto& chunk : file->chunks) {
    if (last != nullptr && *last == chunk.object) continue;
    auto& objects = *s.options.objects.objects;
    const auto here = s.mirror_said ? objects.is_known(chunk.object) : objects.has(chunk.object);
    if (!here.value_or(false)) return false;
    last = &chunk.object;
  }
  return true;
}

bool is_fetched(const workspace_state& s, const workspace::node_content& content) {
  const auto* file = std::get_if<workspace::file_content>(&content);
  return file != nullptr &&
         std::any_of(file->chunks.begin(), file->chunks.end(), [&](const auto& chunk) {
           return s.fetch.wants(chunk.object) && !s.fetch.is_unavailable(chunk.object);
         });
}

/// Why a content that is not here could not be fetched; nullopt where nobody tried.
std::optional<std::string> why_remote(const workspace_state& s,
                                      const workspace::shown_entry& entry) {
  if (s.replicas.empty()) return "offline";
  const auto* file = std::get_if<workspace::file_content>(&entry.version->content);
  const bool lost = file != nullptr &&
                    std::any_of(file->chunks.begin(), file->chunks.end(), [&](const auto& chunk) {
                      return s.fetch.is_unavailable(chunk.object);
                    });
  return lost ? std::optional<std::string>("unavailable") : std::nullopt;
}

/// Visits every shown file, and folders with changes of their own.
void walk(const workspace_state& s, const workspace::shown_entry& folder, const std::string& at,
          const std::set<node_id>& pending, bool all, std::vector<file_status>& out) {
  for (const auto& child : s.engine.list(folder)) {
    const auto path = at + "/" + child.name;
    const bool is_folder = child.kind == workspace::node_kind::folder;
    const auto state = state_of_entry(s, child, pending);
    if (state != file_state::synced || (all && !is_folder))
      out.push_back(
          {path, state, state == file_state::remote ? why_remote(s, child) : std::nullopt});
    if (is_folder) walk(s, child, path, pending, all, out);
  }
}

/// True when somebody changed files on disk who may not.
bool has_unwritable(const mirror_report& mirror) {
  const auto files = mirror.files();
  return std::any_of(files.begin(), files.end(),
                     [](const auto& file) { return file.reason == "read_only"; });
}

/// Something is broken, here or at the relay; not merely a step that has to come first.
bool is_failure(const error& why) {
  return why.code == errc::disk_full || why.code == errc::io_failed || why.code == errc::damaged;
}

std::string overall(const workspace_state& s, bool pending) {
  if (!ledger::may_read(s.role())) return "revoked";
  if (s.rebuilding) return "rebuilding";
  const auto trouble = s.mirror_said ? s.mirror_said->trouble() : std::nullopt;
  // With too few watches the mirror works, but later.
  if (trouble && trouble->code != errc::watch_limit) return std::string(to_string(trouble->code));
  if (const auto ill = s.options.objects.health->trouble())
    return std::string(to_string(ill->code));
  if (s.engine.read_only()) return "update_needed";
  const auto stalled = s.stalled();
  if (stalled && stalled->code == errc::role_insufficient) return "read_only";
  if (s.mirror_said && has_unwritable(*s.mirror_said)) return "read_only";
  if (pending && stalled && is_failure(*stalled)) return "stalled";
  if (pending) return s.replicas.empty() || stalled ? "local" : "syncing";
  return s.replicas.empty() ? "offline" : "synced";
}

std::vector<replica_status> replicas_of(const workspace_state& s) {
  std::vector<replica_status> out;
  for (const auto& [number, replica] : s.replicas)
    if (replica.entitled)
      out.push_back({replica.device, replica.push_connected && replica.push_idle,
                     replica.pull.behind().size()});
  return out;
}

}  // namespace

std::set<node_id> pending_nodes(workspace_state& s) {
  auto out = s.engine.pending_nodes();
  for (auto& [arrival, entry] : s.unshared) {
    if (!entry.nodes) entry.nodes = s.engine.nodes_in(entry.hash);
    out.insert(entry.nodes->begin(), entry.nodes->end());
  }
  return out;
}

file_state state_of_entry(const workspace_state& s, const workspace::shown_entry& entry,
                          const std::set<node_id>& pending) {
  if (pending.contains(entry.node))
    return s.uploading() > 0 ? file_state::uploading : file_state::local;
  if (entry.conflict_copy) return file_state::conflict;
  if (!entry.version || is_here(s, entry.version->content)) return file_state::synced;
  return is_fetched(s, entry.version->content) ? file_state::downloading : file_state::remote;
}

workspace_status status_of(workspace_pointer self, const get_workspace_status& wanted) {
  auto& s = state_of(self);
  workspace_status out;
  const auto journal = s.engine.pending();
  const auto totals = s.engine.tree().count();
  const auto stalled = s.stalled();
  out.online = s.relay() != nullptr;
  out.replicas = replicas_of(s);
  out.up = journal.entries + s.unshared.size() + s.uploading();
  out.down = s.fetch.wanted();
  for (const auto& [number, replica] : s.replicas)
    if (replica.entitled) out.down += replica.pull.behind().size();
  out.total_files = totals.files;
  out.total_bytes = totals.bytes;
  out.state = overall(s, out.up > 0 || out.down > 0);
  if (s.mirror_said) out.mirror = s.mirror_said->folder();
  if (s.mirror_said && s.mirror_said->trouble()) out.trouble = s.mirror_said->trouble();
  if (!out.trouble) out.trouble = s.options.objects.health->trouble();
  if (!out.trouble) out.trouble = s.ledger.now->trouble;
  if (!out.trouble && stalled && is_failure(*stalled)) out.trouble = stalled;
  if (!wanted.files) return out;
  if (const auto root = s.engine.find({}))
    walk(s, *root, "", pending_nodes(s), wanted.all, out.files);
  if (s.mirror_said)
    for (auto& file : s.mirror_said->files()) out.files.push_back(std::move(file));
  return out;
}

}  // namespace keyfold::actors
