#include "actors/mirror.hpp"

#include <spdlog/spdlog.h>
#include <sys/statvfs.h>

#include "actors/device_store.hpp"
#include "actors/mirror_drafts.hpp"
#include "actors/mirror_objects.hpp"
#include "actors/rebuild.hpp"
#include "store/mirror/object_index.hpp"

namespace keyfold::actors {
namespace {

constexpr int most_rounds = 20;               ///< of disk and tree chasing each other in one run
constexpr std::size_t objects_at_once = 16;   ///< fetched, while those before are written
constexpr std::size_t passing_at_once = 16;   ///< objects of drafts that are on their way
constexpr std::size_t indexed_at_once = 100;  ///< rows, in some milliseconds
constexpr std::chrono::milliseconds gather_for{20};
constexpr std::chrono::seconds look_again_after{2};

struct mirror_holder {
  std::unique_ptr<mirror_state> inside;
};
using self_pointer = mirror_actor::stateful_pointer<mirror_holder>;
mirror_state& state_of(self_pointer self) {
  return *self->state.inside;
}

/// The node of the folder that is planned anew when the action's content has come.
node_id folder_of(const mirror_state& s, const mirror::disk_action& action) {
  const auto folder = action.folder ? s.base.get(*action.folder) : std::nullopt;
  return !action.folder || *action.folder == mirror::root_row ? action.parent
         : folder                                             ? folder->node
                                                              : action.parent;
}

/// Takes the new files out of the plan whose contents are not here, and notes what lacks, in the order of the plan:
/// what comes first is written while the rest is on its way.
/// Gives the versions that the plan writes.
std::set<version_id> set_missing_aside(mirror_state& s, shown_contents& contents,
                                       mirror::disk_plan& plan) {
  std::set<version_id> met;
  std::set<node_id> awaited;
  for (const auto& slice : s.wanted) awaited.insert(slice.folders.begin(), slice.folders.end());
  std::deque<mirror_state::wanted_slice> more;
  std::erase_if(plan.actions, [&](const mirror::disk_action& action) {
    if (action.what != mirror::disk_kind::write) return false;
    met.insert(action.item.version);
    const auto folder = folder_of(s, action);
    const auto draft = draft_of(s, contents, action.item, folder);
    if (draft == drafting::complete) return false;
    if (draft == drafting::pending) return action.row == mirror::root_row;
    const auto missing = contents.missing(action.item);
    if (missing.empty()) return false;
    if (!awaited.contains(folder)) {
      if (more.empty() || more.back().objects.size() >= objects_at_once) more.emplace_back();
      more.back().objects.insert(missing.begin(), missing.end());
      more.back().folders.insert(folder);
    }
    return action.row == mirror::root_row;
  });
  s.wanted.insert(s.wanted.end(), more.begin(), more.end());
  return met;
}

/// Folders of the tree that changed, as the planner wants them; one that is not shown has nothing to say.
expected<std::vector<mirror::shown_folder>> changed_folders(mirror_state& s,
                                                            caf::scoped_actor& self) {
  std::vector<mirror::shown_folder> out;
  KEYFOLD_TRY(auto resolved,
              s.ask<resolved_list>(self, resolve_folders{std::exchange(s.changed_folders, {})}));
  for (auto& folder : resolved) out.push_back({std::move(folder.merged), folder.depth});
  return out;
}

void schedule(self_pointer self, std::chrono::milliseconds after = gather_for) {
  auto& s = state_of(self);
  if (std::exchange(s.run_scheduled, true)) return;
  self->delayed_send(self, after, tick{});
}

void fetch(self_pointer self);

/// What was fetched can be written; the next is fetched meanwhile.
void fetched(self_pointer self) {
  auto& s = state_of(self);
  s.changed_folders.merge(s.wanted.front().folders);
  s.wanted.pop_front();
  schedule(self, std::chrono::milliseconds(0));
  if (!s.wanted.empty()) fetch(self);
}

/// The drafts are looked at again; whoever waits for the mirror is told.
void content_lacks(mirror_state& s, const error& why) {
  interrupt_drafts(s);
  for (auto& waiting : std::exchange(s.waiting, {})) waiting.deliver(mirrored(tl::unexpected(why)));
}

/// Everything that waits for content is looked at again. Only for the answer to fetch(), which takes the first slice away.
void fetch_failed(self_pointer self, const error& why) {
  auto& s = state_of(self);
  for (auto& slice : std::exchange(s.wanted, {})) s.changed_folders.merge(slice.folders);
  content_lacks(s, why);
}

/// Asks for the objects of the first slice.
void fetch(self_pointer self) {
  const auto& objects = state_of(self).wanted.front().objects;
  self->request(state_of(self).workspace, caf::infinite,
                want_objects{{objects.begin(), objects.end()}})
      .then(
          [self](const mirrored& came) {
            if (came) return fetched(self);
            spdlog::info("mirror {}: contents are not here: {}", state_of(self).root.folder(),
                         came.error().message);
            fetch_failed(self, came.error());
            schedule(self, look_again_after);
          },
          [self](const caf::error& e) { fetch_failed(self, to_error(e)); });
}

void pass_objects(self_pointer self);

/// The object came, or cannot be had now.
void passed(self_pointer self, const object_id& object, const expected<passed_object>& came) {
  auto& s = state_of(self);
  s.passing.erase(object);
  if (!came) {
    spdlog::info("mirror {}: contents are not here: {}", s.root.folder(), came.error().message);
    content_lacks(s, came.error());
    return schedule(self, look_again_after);
  }
  if (!take_passed(s, object, came->data.view()))
    self->send(s.workspace, object_was_wrong{object, came->from});
  pass_objects(self);
  if (s.draft_trouble) return schedule(self, look_again_after);
  if (announce_drafts(s) || !s.changed_folders.empty())
    schedule(self, std::chrono::milliseconds(0));
}

/// Asks for what the drafts lack, as much as may be on its way at once.
void pass_objects(self_pointer self) {
  auto& s = state_of(self);
  while (s.passing.size() < passing_at_once) {
    const auto next = next_to_ask(s);
    if (!next) return;
    s.passing.insert(*next);
    self->request(s.workspace, caf::infinite, pass_object{*next})
        .then([self, id = *next](const expected<passed_object>& came) { passed(self, id, came); },
              [self, id = *next](const caf::error& e) {
                passed(self, id, tl::unexpected(to_error(e)));
              });
  }
}

expected<void> check_writable(const mirror::root& root) {
  struct statvfs facts {};
  if (::fstatvfs(root.fd(), &facts) == 0 && (facts.f_flag & ST_RDONLY) != 0)
    return fail(errc::io_failed, "the file system of " + root.folder() + " is mounted read-only");
  return {};
}

/// Writes what the tree shows to the disk. Gives true when there is nothing more to do now.
expected<bool> apply_tree(self_pointer self, caf::scoped_actor& blocking) {
  auto& s = state_of(self);
  if (std::exchange(s.draft_trouble, {})) s.changed_folders.merge(s.awaiting_a_draft);
  if (!s.whole_tree && s.changed_folders.empty()) return true;
  shown_contents tree(s, blocking);
  const mirror::list_shown list = [&](std::span<const node_id> merged) {
    return tree.list(merged);
  };
  const bool whole = std::exchange(s.whole_tree, false);
  const auto asked = s.changed_folders;  // not all of them need be shown
  KEYFOLD_TRY(const auto folders, changed_folders(s, blocking));
  auto plan =
      whole ? mirror::plan_disk_whole(s.base, list) : mirror::plan_disk(s.base, list, folders);
  if (tree.failure()) return tl::unexpected(*tree.failure());
  if (s.transaction.failure()) return tl::unexpected(*s.transaction.failure());
  KEYFOLD_CHECK(s.root.check(s.marker));
  const bool fetching = !s.wanted.empty();
  const auto met = set_missing_aside(s, tree, plan);
  if (!fetching && !s.wanted.empty()) fetch(self);
  if (plan.complete)
    forget_drafts(
        s, met,
        [&](const node_id& folder) {
          return asked.contains(folder) ||
                 std::ranges::any_of(folders, [&](const mirror::shown_folder& each) {
                   return std::ranges::find(each.merged, folder) != each.merged.end();
                 });
        },
        whole);
  pass_objects(self);  // on their way while the rest is copied
  fill_drafts(s);
  pass_objects(self);  // what turned out not to be here
  if (announce_drafts(s)) schedule(self, std::chrono::milliseconds(0));

  const mirror::apply_hooks hooks{
      [&](const mirror::shown_item& item, const mirror::content_sink& sink) -> mirrored {
        if (s.drafts.contains(item.version))
          return fail(errc::objects_missing, "content that is on its way");
        return tree.read(item, sink);
      },
      [&](const mirror::shown_item& item, const mirror::place& to) {
        return place_draft(s, item, to);
      },
      [&] { return s.transaction.commit(true); }};
  if (mirror::changes_rules(s.base, plan)) s.rescan.insert("");
  KEYFOLD_TRY(const auto report,
              mirror::apply(s.root, s.base, plan, hooks, system_random(), s.ignored));
  KEYFOLD_CHECK(s.transaction.commit(true));
  KEYFOLD_CHECK(s.options.objects.objects->note_passed(std::exchange(s.passed, {})));
  s.rescan.insert(report.rescan.begin(), report.rescan.end());
  // What waits for its content is planned again when that has come, all else once the disk was read.
  const auto pending = std::ranges::find_if(
      s.drafts, [](const auto& each) { return !each.second.draft.is_complete(); });
  auto& again = !s.wanted.empty()           ? s.wanted.back().folders
                : pending != s.drafts.end() ? pending->second.folders
                                            : s.changed_folders;
  again.insert(report.replan_folders.begin(), report.replan_folders.end());
  for (const auto& skipped : report.skipped) {
    // Missing only once it was read: it was damaged, and is fetched in another run.
    if (skipped.why.code == errc::objects_missing && !awaits_content(s)) schedule(self);
    if (skipped.why.code == errc::changed_on_disk) s.in_the_way.insert(skipped.path);
    if (skipped.why.code != errc::objects_missing)
      spdlog::info("mirror {}: {} is left: {}", s.root.folder(), skipped.path, skipped.why.message);
  }
  if (!report.skipped.empty()) KEYFOLD_CHECK(check_writable(s.root));
  if (!plan.complete || report.replan) s.whole_tree = true;
  return plan.complete && s.rescan.empty();
}

std::vector<mirror::local_path> take_starts(mirror_state& s, bool everything) {
  auto dirty = s.watch->take();
  std::set<mirror::local_path> starts = std::exchange(s.rescan, {});
  starts.insert(dirty.folders.begin(), dirty.folders.end());
  if (everything || dirty.all || starts.contains("")) return {""};
  return {starts.begin(), starts.end()};
}

mirrored recover(mirror_state& s) {
  KEYFOLD_CHECK(mirror::recover(s.root, s.base));
  return s.transaction.commit(true);
}

/// Disk to tree, then tree to disk, until both are the same.
mirrored run_rounds(self_pointer self, bool everything, mirror::brake brake) {
  auto& s = state_of(self);
  caf::scoped_actor blocking(self->system());
  // A run that failed had begun something, which nobody is to take for the user's doing.
  if (!s.base.intended().empty()) {
    KEYFOLD_CHECK(s.root.check(s.marker));
    KEYFOLD_CHECK(recover(s));
  }
  for (int round = 0; round < most_rounds; ++round) {
    const auto starts = take_starts(s, everything && round == 0);
    if (auto published = starts.empty() ? mirrored{} : publish_local(s, blocking, starts, brake);
        !published) {
      s.rescan.insert(starts.begin(), starts.end());  // what they told is not in the tree yet
      return published;
    }
    if (!s.deferred.empty()) round = 0;  // that is no chase: it ends with what is on disk
    s.rescan.merge(std::exchange(s.deferred, {}));
    KEYFOLD_TRY(const bool settled, apply_tree(self, blocking));
    if (settled && s.rescan.empty()) return {};
  }
  schedule(self, look_again_after);  // somebody keeps writing
  return {};
}

void tell_report(mirror_state& s, const mirrored& result) {
  std::optional<error> trouble = !result           ? std::optional(result.error())
                                 : s.draft_trouble ? s.draft_trouble
                                                   : s.watch->trouble();
  std::vector<file_status> files;
  for (const auto& [path, thing] : s.ignored)
    files.push_back({"/" + path, file_state::ignored, thing.reason});
  files.insert(files.end(), s.unwritten.begin(), s.unwritten.end());
  s.report->set(std::move(trouble), std::move(files));
}

void schedule_index(self_pointer self) {
  auto& s = state_of(self);
  if (!std::exchange(s.index_scheduled, true)) self->send(self, index_more{});
}

/// What the workspace wants made again; not before the index is complete.
void make_wanted(self_pointer self) {
  auto& s = state_of(self);
  if (s.index_scheduled || s.to_make.empty()) return;
  const auto made = make_again(s, std::exchange(s.to_make, {}));
  if (!made.empty()) self->send(s.workspace, objects_wanted{made});
}

/// A slice of the index; what else there is to do comes in between.
void index_some(self_pointer self) {
  auto& s = state_of(self);
  s.index_scheduled = false;
  const bool older = s.base.note_unindexed(indexed_at_once);
  s.to_index = std::min(s.to_index, s.base.take_outdated().value_or(s.to_index));
  const auto last = mirror::index_objects(
      s.base, [&](const version_id& version) { return s.maker->objects_of(version); }, s.to_index,
      indexed_at_once);
  if (auto committed = s.transaction.commit(false); !committed) {
    spdlog::warn("mirror {}: {}", s.root.folder(), committed.error().message);
    return;
  }
  if (last) s.to_index = last->next();
  if (last || older) return schedule_index(self);
  make_wanted(self);
}

mirrored run(self_pointer self, bool everything, mirror::brake brake = mirror::brake::ask) {
  auto& s = state_of(self);
  auto result = run_rounds(self, everything, brake);
  if (!result) {
    spdlog::warn("mirror {}: {}", s.root.folder(), result.error().message);
    // What a failed run had changed in base is void; the next one finds it again.
    s.transaction.discard();
    s.whole_tree = true;
    if (!s.run_scheduled && result.error().code != errc::mass_delete)
      schedule(self, look_again_after);
  }
  tell_report(s, result);
  if (result && s.draft_trouble) {
    result = tl::unexpected(*s.draft_trouble);
    schedule(self, look_again_after);
  }
  schedule_index(self);
  auto answer = result && s.read_only ? mirrored(tl::unexpected(*s.read_only)) : result;
  if (!result || !awaits_content(s))
    for (auto& waiting : std::exchange(s.waiting, {})) waiting.deliver(answer);
  return answer;
}

mirror_actor::behavior_type behavior(self_pointer self) {
  return {
      [self](const folders_changed& changed) {
        auto& folders = state_of(self).changed_folders;
        folders.insert(changed.folders.begin(), changed.folders.end());
        schedule(self);
      },
      [self](disk_changed) { schedule(self, std::chrono::milliseconds(0)); },
      [self](const objects_wanted& wanted) {
        state_of(self).to_make.insert(wanted.objects.begin(), wanted.objects.end());
        make_wanted(self);
      },
      [self](mirror_now) -> caf::result<mirrored> {
        auto answer = self->make_response_promise<mirrored>();
        state_of(self).waiting.push_back(answer);
        state_of(self).not_made_again.clear();
        state_of(self).to_index = {};
        (void)run(self, true);
        return answer;
      },
      [self](const answer_brake& given) {
        return run(self, true, given.accept ? mirror::brake::accept : mirror::brake::restore);
      },
      [self](index_more) { index_some(self); },
      [self](tick) {
        state_of(self).run_scheduled = false;
        (void)run(self, false);
      },
  };
}

struct beginning {
  mirror_options options;
  mirror::root root;
  mirror::marker marker;
  workspace_actor workspace;
  std::shared_ptr<mirror_report> report;
  std::shared_ptr<const object_maker> maker;
};

mirror_actor::behavior_type start(self_pointer self, const std::shared_ptr<beginning>& from) {
  self->state.inside = std::make_unique<mirror_state>(from->options, std::move(from->root),
                                                      from->workspace, from->report, from->maker);
  auto& s = state_of(self);
  s.marker = from->marker;
  if (auto recovered = recover(s); !recovered)
    spdlog::error("mirror {}: {}", s.root.folder(), recovered.error().message);
  const auto me = caf::actor_cast<caf::actor_addr>(mirror_actor(self));
  s.watch = std::make_unique<folder_watch>(s.root, [me] {
    if (auto to = caf::actor_cast<caf::actor>(me)) caf::anon_send(to, disk_changed{});
  });
  schedule_index(self);
  return behavior(self);
}

bytes marker_setting(const workspace_id& workspace) {
  auto key = prefix_of(part::settings, workspace);
  key.push_back('i');
  return key;
}

/// The mirror's id: made with it, and kept, so that another folder with a marker is not taken for it.
expected<mirror::marker> marker_of(const mirror_options& o) {
  mirror::marker out{o.workspace, {}};
  const auto key = marker_setting(o.workspace);
  if (o.first_time) {
    out.mirror = system_random().id<mirror::mirror_id>();
    // The id of an earlier mirror may have been lost with a damaged database: a folder that the user names is it.
    const auto found =
        find_rebuilding(*o.objects.store) ? mirror::find_marker(o.folder) : std::nullopt;
    if (found && found->workspace == o.workspace) out.mirror = found->mirror;
    KEYFOLD_CHECK(o.objects.store->write({{key, to_bytes(out.mirror.view())}}, true));
    return out;
  }
  KEYFOLD_TRY(const auto stored, o.objects.store->get(key));
  if (!stored)
    return fail(errc::damaged,
                "the mirror's id is not known; unmirror the workspace and mirror it again");
  KEYFOLD_TRY(out.mirror, mirror::mirror_id::from(*stored));
  return out;
}

}  // namespace

mirror_state::mirror_state(mirror_options o, mirror::root r, const workspace_actor& w,
                           std::shared_ptr<mirror_report> said,
                           std::shared_ptr<const object_maker> m)
    : options(std::move(o)),
      root(std::move(r)),
      marker{},
      workspace(w),
      report(std::move(said)),
      maker(std::move(m)),
      transaction(*options.objects.store),
      view(transaction, prefix_of(part::mirror, options.workspace)),
      base(view,
           derive(options.objects.local_key, "keyfold/v1/mirror-names", options.workspace.view())) {
}

expected<started_mirror> spawn_mirror(caf::actor_system& system, mirror_options options,
                                      const workspace_actor& workspace) {
  KEYFOLD_TRY(const auto marker, marker_of(options));
  KEYFOLD_TRY(auto root, options.first_time ? mirror::root::create(options.folder, marker)
                                            : mirror::root::open(options.folder));
  KEYFOLD_CHECK(root.lock());  // held by the actor's state
  auto report = std::make_shared<mirror_report>(options.folder);
  const auto maker =
      std::make_shared<object_maker>(options.objects, options.workspace, options.folder);
  auto actor = system.spawn<caf::detached>(
      start, std::make_shared<beginning>(
                 beginning{std::move(options), std::move(root), marker, workspace, report, maker}));
  return started_mirror{actor, report, maker};
}

expected<void> forget_mirror(db::store& store, const workspace_id& workspace,
                             const std::string& folder) {
  if (auto root = mirror::root::open(folder)) {
    static_cast<void>(mirror::remove_drafts(*root));  // a folder without a marker has none
    KEYFOLD_CHECK(root->remove_marker());
  }
  db::batch gone{{marker_setting(workspace), std::nullopt}};
  const auto prefix = prefix_of(part::mirror, workspace);
  KEYFOLD_CHECK(store.scan(prefix, {}, [&](bytes_view key, bytes_view) {
    gone.emplace(to_bytes(key), std::nullopt);
    return true;
  }));
  return store.write(gone, true);
}

}  // namespace keyfold::actors
