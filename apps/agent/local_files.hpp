// Copies between local paths and a workspace: put, get and cat. They run on the caller's thread.
#pragma once

#include "apps/agent/api.hpp"

namespace keyfold::apps {

struct copied {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

/// A workspace with what is needed to read and write its contents.
struct content_access {
  agent& agent_of;
  actors::object_services services;
  actors::ledger_view ledger;
  named_workspace workspace;
  std::chrono::milliseconds timeout;
  std::optional<std::string> mirror;  ///< its folder
};

/// The workspace that a call names, and its `timeout`.
[[nodiscard]] expected<content_access> access_of(api_context& context, const parameters& p);
/// An optional parameter `version`: `errc::not_found` for what cannot be one.
[[nodiscard]] expected<std::optional<version_id>> version_of(const parameters& p);

/// Copies a local file, symlink or folder to `at`. Where a folder is, a file goes into it, and a folder is
/// merged with it.
[[nodiscard]] expected<copied> import_local(const content_access& access, const actors::path& at,
                                            const std::string& local);
/// Copies what is at `at` to a local path, in the same way; a file there is replaced atomically.
[[nodiscard]] expected<copied> export_local(const content_access& access, const actors::path& at,
                                            const std::string& local);
/// As export_local(), of an earlier version of what stands or stood there: `errc::is_a_folder`, `errc::not_found`.
[[nodiscard]] expected<copied> export_version(const content_access& access, const actors::path& at,
                                              const version_id& version, const std::string& local);
/// Streams the bytes of a file at that path, or of an earlier version of it: from the mirror as far as it has them,
/// else from objects, fetching those that are not here.
[[nodiscard]] expected<void> read_file(const content_access& access, const actors::path& at,
                                       const workspace::file_content& content,
                                       const object::content_sink& sink);
/// The objects that a content needs besides those that it names itself; fetches what tells.
[[nodiscard]] expected<std::vector<object_id>> more_objects_of(
    const content_access& access, const workspace::node_content& content);
/// The file at a path (of an earlier version, if one is given): `errc::is_a_folder` or `errc::not_found`.
[[nodiscard]] expected<workspace::file_content> find_file(
    const content_access& access, const actors::path& at,
    const std::optional<version_id>& version = {});

}  // namespace keyfold::apps
