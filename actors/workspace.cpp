#include <spdlog/spdlog.h>

#include "actors/device_store.hpp"
#include "actors/rebuild.hpp"
#include "actors/workspace_state.hpp"

namespace keyfold::actors {
namespace {

using done = expected<void>;

/// Commits after a change, or hands its error on with nothing changed.
template <class T>
expected<T> finish(workspace_pointer self, expected<T> changed) {
  if (auto committed = commit(self); !committed) return fail(committed);
  return changed;
}
done finish_void(workspace_pointer self, const done& changed) {
  KEYFOLD_CHECK(commit(self));
  return changed;
}

/// What was read, unless reading failed: then nothing of it can be relied on (what could not be read counts as not
/// there), and the actor ends.
template <class T>
caf::result<T> checked(workspace_pointer self, T found) {
  const auto failed = state_of(self).transaction.failure();
  if (!failed) return found;
  spdlog::error("workspace {}: {}", to_text(state_of(self).options.workspace), failed->message);
  self->quit(caf::exit_reason::unhandled_exception);
  return caf::make_error(caf::sec::runtime_error, failed->message);
}

expected<listed_entry> find(workspace_pointer self, const path& at) {
  auto& s = state_of(self);
  KEYFOLD_TRY(auto found, s.engine.find(at));
  const auto state = state_of_entry(s, found, pending_nodes(s));
  return listed_entry{std::move(found), state};
}

expected<std::vector<listed_entry>> list(workspace_pointer self, const path& at) {
  auto& s = state_of(self);
  KEYFOLD_TRY(const auto folder, s.engine.find(at));
  if (folder.kind != workspace::node_kind::folder)
    return fail(errc::not_a_folder, "that is no folder");
  const auto pending = pending_nodes(s);
  std::vector<listed_entry> out;
  for (auto& child : s.engine.list(folder)) {
    const auto state = state_of_entry(s, child, pending);
    out.push_back({std::move(child), state});
  }
  return out;
}

resolved_list resolve(workspace_pointer self, const resolve_folders& request) {
  auto& engine = state_of(self).engine;
  std::map<node_id, resolved_folder> out;
  for (const auto& node : request.nodes) {
    const auto at = engine.tree().path_of(node);
    const auto folder = at ? engine.tree().find(*at) : std::nullopt;
    if (folder) out.insert_or_assign(folder->node, resolved_folder{folder->merged, at->size()});
  }
  resolved_list list;
  for (auto& [node, folder] : out) list.push_back(std::move(folder));
  return list;
}

done make(workspace_pointer self, const path& at) {
  auto& engine = state_of(self).engine;
  KEYFOLD_TRY(const auto place, engine.free_place(at));
  KEYFOLD_CHECK(engine.make_folder(place));
  return {};
}

/// Makes the folder and those above it that lack.
done make_all(workspace_pointer self, const path& at) {
  auto& engine = state_of(self).engine;
  for (std::size_t depth = 1; depth <= at.size(); ++depth) {
    const auto part = std::span(at).first(depth);
    const auto there = engine.find(part);
    if (there && there->kind != workspace::node_kind::folder)
      return fail(errc::not_a_folder, "a file stands where a folder is needed: " + part.back());
    if (there) continue;
    KEYFOLD_TRY(const auto place, engine.free_place(part));
    KEYFOLD_CHECK(engine.make_folder(place));
  }
  return {};
}

done put(workspace_pointer self, const put_entries& request) {
  for (const auto& folder : request.folders) KEYFOLD_CHECK(make_all(self, folder));
  for (const auto& file : request.contents) {
    KEYFOLD_CHECK(make_all(self, {file.at.begin(), file.at.end() - 1}));
    KEYFOLD_CHECK(state_of(self).engine.write_at(file.at, file.content, file.needed));
  }
  return {};
}

/// One change that the mirror found on disk; `made` are the results of those before it.
expected<published_change> publish(workspace_pointer self, const mirror_change& change,
                                   const std::vector<published_change>& made) {
  auto& engine = state_of(self).engine;
  const auto parent = change.new_parent ? made.at(*change.new_parent).node : change.parent;
  const workspace::place place{parent, change.name};
  const workspace::item item{change.node, change.version};
  switch (change.what) {
    case mirror_change::kind::create_folder: {
      KEYFOLD_TRY(const auto node, engine.make_folder(place));
      return published_change{node, {}};
    }
    case mirror_change::kind::write: {
      KEYFOLD_TRY(const auto written, change.node.is_zero()
                                          ? engine.make_file(place, *change.content, change.needed)
                                          : engine.write(item, *change.content, change.needed));
      return published_change{written.node, written.version};
    }
    case mirror_change::kind::move: {
      KEYFOLD_TRY(const auto moved, engine.move(item, place));
      return published_change{moved.node, moved.version};
    }
    case mirror_change::kind::remove: {
      const auto removed = engine.remove(item, [&](const workspace::item& asked) {
        return std::find(change.seen.begin(), change.seen.end(), asked) != change.seen.end();
      });
      // Gone here too, meanwhile: that is what was wanted.
      if (!removed && removed.error().code != errc::not_found) return fail(removed);
      return published_change{};
    }
  }
  return fail(errc::internal);
}

expected<std::vector<published_change>> publish_all(workspace_pointer self,
                                                    const publish_changes& request) {
  std::vector<published_change> out;
  std::optional<error> failed;
  for (const auto& change : request.changes) {
    const auto published = publish(self, change, out);
    if (!published) {
      failed = published.error();
      break;
    }
    out.push_back(*published);
  }
  auto base = request.record(out);
  if (!base) {  // a tree without its base must not be kept
    state_of(self).transaction.discard();
    self->quit(caf::exit_reason::unhandled_exception);
    return fail(base);
  }
  state_of(self).transaction.add(*std::move(base));
  if (failed) return tl::unexpected(*failed);
  return out;
}

expected<version_id> restore(workspace_pointer self, const restore_past& request) {
  KEYFOLD_TRY(const auto now,
              state_of(self).engine.restore(request.at, request.what, request.more));
  return now.version;
}

bytes mirror_setting(const workspace_id& workspace) {
  auto key = prefix_of(part::settings, workspace);
  key.push_back('m');
  return key;
}

/// The setting in the database says that there is one; `first_time`: that is written only when it has begun.
done start_mirror(workspace_pointer self, const std::string& folder, bool first_time) {
  auto& s = state_of(self);
  auto started =
      spawn_mirror(self->system(), {s.options.workspace, folder, s.options.objects, first_time},
                   workspace_actor(self));
  if (started) {
    s.mirror = started->actor;
    s.mirror_said = started->report;
    s.maker = started->maker;
    self->monitor(s.mirror);
    return {};
  }
  spdlog::error("mirror {}: {}", folder, started.error().message);
  if (!first_time) s.mirror_said = std::make_shared<mirror_report>(folder, started.error());
  // One of a workspace that failed may still be at work.
  if (!first_time && started.error().code == errc::busy)
    self->delayed_send(self, restart_after, start_mirror_again{});
  return fail(started);
}

std::optional<std::string> mirrored_folder(const workspace_state& s) {
  const auto folder = s.options.objects.store->get(mirror_setting(s.options.workspace));
  return folder && *folder ? std::optional(to_string(**folder)) : std::nullopt;
}

done forget(workspace_state& s) {
  const auto folder = s.mirror_said->folder();
  s.mirror_said.reset();
  s.maker.reset();
  auto& store = *s.options.objects.store;
  KEYFOLD_CHECK(store.write({{mirror_setting(s.options.workspace), std::nullopt}}, true));
  return forget_mirror(store, s.options.workspace, folder);
}

/// A mirror that a person ended is forgotten once it has ended, and wrote its last; one that failed starts again from
/// base and disk.
void mirror_ended(workspace_pointer self, const caf::down_msg& down) {
  auto& s = state_of(self);
  if (!s.mirror || s.mirror.address() != down.source) return;
  s.mirror = nullptr;
  const error why{errc::internal, s.unmirroring ? "the mirror was ended"
                                                : "the mirror failed and is started again"};
  end_mirror_waits(self, why);
  if (s.unmirroring) {
    std::exchange(s.unmirroring, std::nullopt)->deliver(forget(s));
    return;
  }
  const auto folder = s.mirror_said->folder();
  spdlog::error("mirror {}: {}", folder, why.message);
  s.mirror_said = std::make_shared<mirror_report>(folder, why);
  self->delayed_send(self, restart_after, start_mirror_again{});
}

caf::result<done> end_mirror(workspace_pointer self) {
  auto& s = state_of(self);
  if (!s.mirror_said) return done(fail(errc::not_found, "the workspace has no mirror"));
  if (s.unmirroring) return done(fail(errc::busy, "the mirror is being ended already"));
  if (!s.mirror) return forget(s);
  caf::anon_send_exit(s.mirror, caf::exit_reason::user_shutdown);
  s.unmirroring = self->make_response_promise<done>();
  return *s.unmirroring;
}

caf::result<done> change_mirror(workspace_pointer self, const set_mirror& request) {
  auto& s = state_of(self);
  if (!request.folder) return end_mirror(self);
  if (s.rebuilding)
    return done(fail(errc::busy, "the workspace is fetched again from the relay; mirror it then"));
  if (s.mirror_said)
    return done(
        fail(errc::exists, "the workspace is mirrored already, at " + s.mirror_said->folder()));
  if (auto started = start_mirror(self, *request.folder, true); !started) return started;
  const auto key = mirror_setting(s.options.workspace);
  if (auto stored =
          s.options.objects.store->write({{key, to_bytes(as_bytes(*request.folder))}}, true);
      !stored)
    spdlog::error("mirror {}: {}", *request.folder, stored.error().message);
  return done{};
}

caf::result<done> forward_brake(workspace_pointer self, const answer_brake& request) {
  auto& s = state_of(self);
  if (!s.mirror) return done(fail(errc::not_found, "the workspace has no mirror"));
  auto answer = self->make_response_promise<done>();
  self->request(s.mirror, caf::infinite, request)
      .then([answer](const done& result) mutable { answer.deliver(result); },
            [answer](const caf::error& e) mutable {
              answer.deliver(done(tl::unexpected(to_error(e))));
            });
  return answer;
}

workspace_actor::behavior_type behavior(workspace_pointer self) {
  return {
      [self](const list_folder& r) { return checked(self, list(self, r.at)); },
      [self](const find_entry& r) { return checked(self, find(self, r.at)); },
      [self](const list_nodes& r) {
        return checked(self, state_of(self).engine.tree().list(r.merged));
      },
      [self](const resolve_folders& r) { return checked(self, resolve(self, r)); },
      [self](const make_folder& r) { return finish_void(self, make(self, r.at)); },
      [self](const move_entry& r) {
        return finish_void(self, state_of(self).engine.move_at(r.from, r.to, true));
      },
      [self](const remove_entry& r) {
        return finish_void(self, state_of(self).engine.remove_at(r.at, r.recursive));
      },
      [self](const put_entries& r) { return finish_void(self, put(self, r)); },
      [self](const get_history& r) {
        return checked(self, state_of(self).engine.history(r.at, r.limit));
      },
      [self](const find_past& r) {
        return checked(self, state_of(self).engine.find_past(r.at, r.version));
      },
      [self](const restore_past& r) { return finish(self, restore(self, r)); },
      [self](const publish_changes& r) { return finish(self, publish_all(self, r)); },
      [self](const objects_stored& r) {
        for (auto& [number, replica] : state_of(self).replicas)
          if (replica.push_connected)
            carry_out(self, replica, replica.push->upload_ahead(r.objects));
      },
      [self](const want_objects& r) { return fetch_objects(self, r); },
      [self](const pass_object& r) { return fetch_to_pass(self, r); },
      [self](const object_was_wrong& told) { was_wrong(self, told); },
      [self](get_ledger) { return state_of(self).ledger.now; },
      [self](const get_workspace_status& r) { return checked(self, status_of(self, r)); },
      [self](const get_signed_heads& r) {
        return checked(self, signed_heads{state_of(self).engine.feeds().signed_heads(r.devices)});
      },
      [self](const get_changes_since& r) {
        return checked(self,
                       expected<std::vector<bytes>>(state_of(self).engine.changes_since(r.from)));
      },
      [self](const sync_now& r) { return begin_sync(self, r); },
      [self](const set_mirror& r) { return change_mirror(self, r); },
      [self](start_mirror_again) {
        auto& s = state_of(self);  // by now a person may have ended it, or begun another
        if (!s.mirror && s.mirror_said) (void)start_mirror(self, s.mirror_said->folder(), false);
      },
      [self](const answer_brake& r) { return forward_brake(self, r); },
      [self](const ledger_changed& r) { take_ledger(self, r.ledger); },
      [self](const replica_online& r) { went_online(self, r); },
      [self](const replica_offline& r) { went_offline(self, r); },
      [self](const device_at_relay& r) { note_at_relay(self, r); },
      [self](const replica_request& r) { return answer_replica(self, r); },
      [self](const entries_came& r) { take_entries(self, r.bulk); },
      [self](const objects_wanted& r) { put_again(self, r); },
      [self](const retry_replica& r) { retry_push(self, r.number); },
  };
}

struct beginning {
  workspace_options options;
  ledger_view ledger;
  ledger_actor ledger_of;
  disk_actor disk;
};

workspace_actor::behavior_type run(workspace_pointer self, const std::shared_ptr<beginning>& from) {
  self->state.inside = std::make_unique<workspace_state>(from->options, from->ledger);
  auto& s = state_of(self);
  s.ledger_of = from->ledger_of;
  s.disk = from->disk;
  s.rebuilding = is_rebuilding(*s.options.objects.store, s.options.workspace);
  load_unshared(s);
  s.options.heads->note(s.engine.feeds(), s.ledger);
  take_ledger(self, from->ledger);
  const auto folder = mirrored_folder(s);
  if (folder && s.rebuilding)
    s.mirror_said = std::make_shared<mirror_report>(
        *folder,
        error{errc::busy, "the workspace is fetched again from the relay; then its mirror begins"});
  else if (folder)
    (void)start_mirror(self, *folder, false);  // status says why not
  self->set_down_handler([self](const caf::down_msg& down) { mirror_ended(self, down); });
  return behavior(self);
}

}  // namespace

workspace_state::workspace_state(workspace_options o, const ledger_view& ledger_now)
    : options(std::move(o)),
      ledger{},
      transaction(*options.objects.store),
      view(transaction, prefix_of(part::workspace, options.workspace)),
      engine(
          view, ledger,
          [this](epoch_number epoch) -> std::optional<symmetric_key> {
            const auto* key = ledger.now->keys.workspace_key(options.workspace, epoch);
            return key == nullptr ? std::nullopt : std::optional(*key);
          },
          {options.organization, options.workspace, options.device, options.objects.local_key,
           [] { return static_cast<std::uint64_t>(wall_now().count()); }},
          system_random()) {
  ledger.now = ledger_now;
}

ledger::role workspace_state::role() const {
  const auto* fold = ledger.now->state.workspace(options.workspace);
  return fold == nullptr ? ledger::role::none : fold->role_of(options.user);
}

replica_link* workspace_state::find(replica::replica_number number) {
  const auto found = replicas.find(number);
  return found == replicas.end() ? nullptr : &found->second;
}

const replica_link* workspace_state::relay() const {
  for (const auto& [number, replica] : replicas)
    if (replica.is_relay()) return &replica;
  return nullptr;
}

replica_link* workspace_state::relay() {
  const auto* found = std::as_const(*this).relay();
  return found == nullptr ? nullptr : find(found->number);
}

std::optional<error> workspace_state::stalled() const {
  if (const auto* first = relay()) return first->stalled;
  for (const auto& [number, replica] : replicas)
    if (replica.stalled) return replica.stalled;
  return std::nullopt;
}

std::uint64_t workspace_state::uploading() const {
  std::uint64_t sum = 0;
  for (const auto& [number, replica] : replicas) sum += replica.uploading;
  return sum;
}

workspace_holder::~workspace_holder() {
  if (inside && inside->mirror)
    caf::anon_send_exit(inside->mirror, caf::exit_reason::user_shutdown);
}

void end_rebuilding(workspace_pointer self) {
  auto& s = state_of(self);
  const auto* relay = s.relay();
  if (!s.rebuilding || relay == nullptr || !relay->pull.streaming() ||
      !relay->pull.behind().empty())
    return;
  s.rebuilding = false;
  const auto saved = saved_changes(s.transaction, s.options.workspace);
  const auto restored = s.engine.restore(saved);
  if (restored) {
    spdlog::warn("workspace {}: rebuilt; {} of {} saved changes were not sent yet",
                 to_text(s.options.workspace), *restored, saved.size());
    finish_rebuilding(s.transaction, s.options.workspace);
  } else {  // they stay, and are tried again at the next start
    spdlog::error("workspace {}: the {} changes saved of the damaged database cannot be made: {}",
                  to_text(s.options.workspace), saved.size(), restored.error().message);
  }
  if (!commit(self)) return;
  if (const auto folder = mirrored_folder(s); folder && !s.mirror)
    (void)start_mirror(self, *folder, false);
}

expected<void> commit(workspace_pointer self) {
  auto& s = state_of(self);
  const auto changed = s.engine.take_changes();
  if (auto committed = s.transaction.commit(true); !committed) {
    spdlog::error("workspace {}: {}", to_text(s.options.workspace), committed.error().message);
    self->quit(caf::exit_reason::unhandled_exception);
    return committed;
  }
  if (s.mirror && !changed.folders.empty()) self->send(s.mirror, folders_changed{changed.folders});
  push_changes(self);
  return {};
}

workspace_actor spawn_workspace(caf::actor_system& system, workspace_options options,
                                const ledger_view& ledger, const ledger_actor& ledger_of,
                                const disk_actor& disk) {
  return system.spawn<caf::detached>(
      run, std::make_shared<beginning>(beginning{std::move(options), ledger, ledger_of, disk}));
}

}  // namespace keyfold::actors
