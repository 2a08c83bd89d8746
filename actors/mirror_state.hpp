// The mirror actor's inside: publishing what the disk has (mirror_publish.cpp) and writing what the tree
// shows (mirror.cpp).
#pragma once

#include <deque>

#include "actors/content_writer.hpp"
#include "actors/folder_watch.hpp"
#include "actors/mirror.hpp"
#include "store/mirror/apply.hpp"
#include "store/mirror/draft.hpp"
#include "store/mirror/former.hpp"
#include "store/mirror/local_plan.hpp"
#include "store/mirror/read.hpp"

namespace keyfold::actors {

using mirrored = expected<void>;

/// A large file that is put together while its objects come.
struct drafted_file {
  mirror::draft draft;
  std::set<node_id> folders;                    ///< planned again when it is complete
  std::vector<object_id> objects;               ///< of all its chunks, ascending
  std::deque<object_id> to_ask;                 ///< to be fetched, in the order of the file
  std::vector<object_id> in_store;              ///< to be taken from the objects that are here
  std::unique_ptr<mirror::former_file> former;  ///< to be taken from the file on disk
  std::uint64_t size = 0;
  bool offered =
      false;  ///< complete, and a plan could have put it in place: no run is worth it for that alone
};

struct mirror_state {
  mirror_state(mirror_options o, mirror::root r, const workspace_actor& w,
               std::shared_ptr<mirror_report> said, std::shared_ptr<const object_maker> m);

  mirror_options options;
  mirror::root root;
  mirror::marker marker;
  workspace_actor workspace;
  std::shared_ptr<mirror_report> report;
  std::shared_ptr<const object_maker> maker;
  db::transaction transaction;
  db::prefixed view;
  mirror::base base;
  std::unique_ptr<folder_watch> watch;

  std::set<node_id> changed_folders;  ///< of the tree, to be compared with base
  /// Objects to be fetched in the order of the plan, and the folders where something waits for them.
  struct wanted_slice {
    std::set<object_id> objects;
    std::set<node_id> folders;
  };
  std::deque<wanted_slice> wanted;  ///< the first is being fetched
  std::map<version_id, drafted_file> drafts;
  std::set<object_id> passing;  ///< asked for, for the drafts
  std::set<node_id>
      awaiting_a_draft;  ///< folders of large files for which there was no room among the drafts
  std::optional<error> draft_trouble;  ///< why large files cannot be put together
  std::vector<object_id> passed;       ///< used by drafts that took their place, not noted yet
  bool whole_tree = true;
  std::set<mirror::local_path> rescan;
  std::set<mirror::local_path>
      deferred;  ///< new folders, to be scanned when what came before is published
  bool run_scheduled = false;
  std::vector<promise<mirrored>> waiting;  ///< mirror_now under way
  std::optional<error> read_only;          ///< local changes that the role does not allow
  mirror::ignored_items ignored;
  /// Where the tree shows something that was not written, since something else, ignored until now perhaps, is there.
  std::set<mirror::local_path> in_the_way;
  std::vector<file_status> unwritten;
  /// Objects of which the mirror has not all; looked for again after a mirror_now.
  std::set<object_id> not_made_again;
  std::set<object_id> to_make;  ///< the workspace wants these made again
  mirror::row_id to_index;  ///< rows below it are in the index of objects, as far as they are known
  bool index_scheduled = false;
  /// Versions that are written from objects alone: what the former one has on disk was not as base says.
  std::set<version_id> without_former;
  /// Versions whose objects do not hold what they should: written the other way, which tells why not.
  std::set<version_id> without_draft;

  /// Asks the workspace and waits: this thread is the mirror's own.
  template <class Answer, class Request>
  [[nodiscard]] expected<Answer> ask(caf::scoped_actor& self, Request&& request) const {
    expected<Answer> out = fail(errc::internal);
    self->request(workspace, caf::infinite, std::forward<Request>(request))
        .receive([&](Answer& answer) { out = std::move(answer); },
                 [&](const caf::error& e) { out = tl::unexpected(to_error(e)); });
    return out;
  }
};

/// Scans `starts` ("" for everything), and hands what changed to the workspace.
[[nodiscard]] mirrored publish_local(mirror_state& s, caf::scoped_actor& self,
                                     const std::vector<mirror::local_path>& starts,
                                     mirror::brake brake);

}  // namespace keyfold::actors
