// What was, and bringing it back.
#include "store/workspace/engine.hpp"

namespace keyfold::workspace {
namespace {

using path_view = std::span<const std::string>;

std::string text_of(path_view path) {
  std::string out;
  for (const auto& name : path) out += "/" + name;
  return path.empty() ? "/" : out;
}

}  // namespace

expected<path_history> engine::history(path_view path, std::size_t limit) const {
  auto out = tree_.history_at(path, limit);
  if (!out.known) return fail(errc::not_found, "nothing is or was at " + text_of(path));
  return out;
}

expected<past_thing> engine::find_past(path_view path,
                                       const std::optional<version_id>& version) const {
  if (path.empty()) return fail(errc::usage, "give the path of what shall come back");
  const auto shown = find(path);
  const bool there = shown && (shown->kind != node_kind::folder || !tree_.is_gone(shown->node));
  if (!version && there)
    return fail(errc::usage, text_of(path) + " is there; say which version is meant");
  if (auto found = tree_.past_at(path, version)) return *std::move(found);
  if (version)
    return fail(errc::not_found, text_of(path) + " never had the version " + to_text(*version));
  return fail(errc::not_found, "nothing was deleted at " + text_of(path));
}

expected<place> engine::plan_parents(path_view path, plan& changes) {
  place out;
  KEYFOLD_TRY(out.name, normalize_name(path.back()));
  for (std::size_t depth = 0; depth + 1 < path.size(); ++depth) {
    const auto part = path.first(depth + 1);
    const auto shown = find(part);
    if (shown && shown->kind != node_kind::folder)
      return fail(errc::not_a_folder, "a file stands at " + text_of(part));
    if (shown) {
      out.parent = shown->node;
      continue;
    }
    KEYFOLD_TRY(auto name, normalize_name(part.back()));
    out.parent = plan_folder({out.parent, std::move(name)}, changes);
  }
  out.parent = real_parent(out.parent, changes);
  return out;
}

expected<item> engine::restore(path_view path, const past_thing& what,
                               std::span<const object_id> more) {
  if (path.empty()) return fail(errc::usage, "the root is always there");
  if (!what.content) return restore_folder(path, what.node);
  const auto shown = find(path);
  if (shown && shown->kind == node_kind::folder)
    return fail(errc::is_a_folder, "a folder stands at " + text_of(path));
  if (shown && shown->version) {
    const auto& same = shown->version->same;
    if (std::binary_search(same.begin(), same.end(), what.version)) {
      KEYFOLD_CHECK(may_write());
      return item_of(*shown);  // it is the content now
    }
    return write(item_of(*shown), *what.content, more);
  }
  plan changes;
  KEYFOLD_TRY(const auto at, plan_parents(path, changes));
  item out{what.node, what.version};
  if (tree_.is_gone(what.node)) {
    changes.push_back({move_operation{what.node, at.parent, at.name}, {}});
    auto current = tree_.current_versions(what.node);
    if (current != std::vector{what.version})
      out = plan_write(what.node, std::move(current), *what.content, more, changes);
  } else {
    const auto kind = std::holds_alternative<symlink_content>(*what.content) ? node_kind::symlink
                                                                             : node_kind::file;
    const auto nonce = new_nonce();
    changes.push_back({create_operation{nonce, kind, at.parent, at.name}, {}});
    const auto node = make_node_id(setup_.workspace, setup_.device, nonce);
    out = plan_write(node, {}, *what.content, more, changes);
  }
  KEYFOLD_CHECK(record(changes));
  return out;
}

expected<item> engine::restore_folder(path_view path, node_id folder) {
  const item out{folder, version_id{folder.value}};
  const auto shown = find(path);
  if (shown && shown->kind != node_kind::folder)
    return fail(errc::name_taken, "a file stands at " + text_of(path));
  KEYFOLD_CHECK(may_write());
  if (!tree_.is_gone(folder)) {
    const bool here = shown && std::find(shown->merged.begin(), shown->merged.end(), folder) !=
                                   shown->merged.end();
    if (here) return out;
    const auto now = tree_.path_of(folder);
    return fail(errc::not_found, "that folder was not deleted" +
                                     (now ? "; it is now " + text_of(*now) : std::string()));
  }
  plan changes;
  KEYFOLD_TRY(const auto at, plan_parents(path, changes));
  const auto gone = tree_.gone_with(path, folder);
  for (const auto& each : gone) {
    const place to = each.at_path ? at : place{each.parent, each.name};
    changes.push_back({move_operation{each.node, to.parent, to.name}, {}});
  }
  KEYFOLD_CHECK(record(changes));
  return out;
}

}  // namespace keyfold::workspace
