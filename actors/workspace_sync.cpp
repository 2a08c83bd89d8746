#include <spdlog/spdlog.h>

#include "actors/replies.hpp"
#include "actors/workspace_state.hpp"

namespace keyfold::actors {
namespace {

using done = expected<void>;

constexpr std::chrono::seconds retry_after{2};
constexpr std::chrono::seconds longest_retry{30};

net::feed_position position_of(const ledger::feed_head& h) {
  return {h.device, h.generation, h.seq, h.hash};
}
ledger::feed_head head_of(const net::feed_position& p) {
  return {p.device, p.generation, p.seq, p.hash};
}

void end_syncs(workspace_pointer self, const error& why) {
  for (auto& sync : std::exchange(state_of(self).syncs, {}))
    sync.answer.deliver(done(tl::unexpected(why)));
}

// -- pull -----------------------------------------------------------------------------------------

void subscribe(workspace_pointer self, const std::vector<ledger::feed_head>& frontier) {
  net::subscribe request{state_of(self).options.workspace, {}};
  for (const auto& head : frontier) request.frontier.push_back(position_of(head));
  ask_relay(self, ask_for(request), [self](const net::answer_or_failure& got) {
    auto& s = state_of(self);
    const auto answer = read_answer<net::subscribe_answer>(got);
    if (!answer) {
      spdlog::info("workspace {}: not subscribed: {}", to_text(s.options.workspace),
                   answer.error().message);
      s.pull.disconnected();
      return end_syncs(self, answer.error());
    }
    std::vector<ledger::feed_head> heads;
    for (const auto& p : answer->frontier) heads.push_back(head_of(p));
    s.pull.subscribed(heads);
    if (!std::exchange(s.push_connected, true)) {
      s.stalled.reset();
      carry_out(self, s.push.connected(heads));
    }
    end_rebuilding(self);
  });
}

void refresh_ledger_then(workspace_pointer self,
                         const std::function<void(workspace_pointer)>& then) {
  self->request(state_of(self).ledger_of, caf::infinite, refresh_ledger{})
      .then(
          [self, then](const expected<ledger_view>& ledger) {
            if (!ledger || !state_of(self).online) return;
            take_ledger(self, *ledger);
            then(self);
          },
          [](const caf::error&) {});
}

void report(const workspace_state& s, const std::vector<workspace::entry_incident>& incidents) {
  for (const auto& incident : incidents)
    spdlog::warn("workspace {}: entry {} of device {}: {}", to_text(s.options.workspace),
                 incident.entry.seq.value, to_text(incident.entry.device), to_string(incident.why));
}

expected<std::vector<feed::entry>> decode_entries(const net::shared_bytes& bulk) {
  KEYFOLD_TRY(const auto list, net::decode_list(bulk.view()));
  std::vector<feed::entry> out;
  for (const auto encoded : list) {
    KEYFOLD_TRY(auto entry, feed::decode_entry(encoded));
    out.push_back(std::move(entry));
  }
  return out;
}

// -- push -----------------------------------------------------------------------------------------

/// Those of `asked` that the relay does not lack may go when there is little room.
void tell_held(workspace_pointer self, std::vector<object_id> asked,
               std::span<const object_id> lacking) {
  std::erase_if(asked, [&](const object_id& id) {
    return std::find(lacking.begin(), lacking.end(), id) != lacking.end();
  });
  if (!asked.empty()) self->send(state_of(self).disk, objects_held{std::move(asked)});
}

void ask_have(workspace_pointer self, const replica::ask_have& wanted) {
  ask_relay(self, ask_for(net::object_have{state_of(self).options.workspace, wanted.objects}),
            [self, asked = wanted.objects](const net::answer_or_failure& got) {
              const auto answer = read_answer<net::object_have_answer>(got);
              auto& push = state_of(self).push;
              if (answer) tell_held(self, asked, answer->lacking);
              carry_out(self, answer ? push.have_answered(answer->lacking)
                                     : push.have_failed(answer.error()));
            });
}

void upload(workspace_pointer self, const object_id& object, const net::shared_bytes& data) {
  ask_relay(
      self, ask_for(net::object_put{state_of(self).options.workspace, object}, data, bulk_timeout),
      [self, object](const net::answer_or_failure& got) {
        --state_of(self).uploading;
        if (got) state_of(self).next_retry = retry_after;
        if (got) tell_held(self, {object}, {});
        auto& push = state_of(self).push;
        carry_out(self, got ? push.put_answered(object) : push.put_failed(object, got.error().why));
      });
}

void put_object(workspace_pointer self, const object_id& object) {
  auto& s = state_of(self);
  ++s.uploading;
  self->request(s.disk, caf::infinite, read_object{object})
      .then(
          [self, object](const expected<net::shared_bytes>& data) {
            if (data) return upload(self, object, *data);
            --state_of(self).uploading;
            carry_out(self, state_of(self).push.put_failed(object, data.error()));
          },
          [self, object](const caf::error& e) {
            --state_of(self).uploading;
            carry_out(self, state_of(self).push.put_failed(object, to_error(e)));
          });
}

/// No new byte is written under a key that somebody outside knows: whoever writes first rotates first.
void rotate(workspace_pointer self) {
  auto& s = state_of(self);
  if (std::exchange(s.rotating, true)) return;
  const auto make = [o = s.options](const ledger_snapshot& now) -> expected<ledger::certificate> {
    const ledger::author author{
        now.state,      now.keys, o.device, o.key, static_cast<std::uint64_t>(wall_now().count()),
        system_random()};
    if (!now.state.workspace(o.workspace)->rotation_due())
      return fail(errc::nothing_changed, "somebody else has rotated");
    return ledger::make_key_rotated(author, o.workspace);
  };
  self->request(s.ledger_of, caf::infinite, append_statement{make})
      .then(
          [self](const expected<ledger_view>& ledger) {
            state_of(self).rotating = false;
            if (ledger) take_ledger(self, *ledger);
            const bool rotated = ledger || ledger.error().code == errc::nothing_changed;
            if (rotated) return carry_out(self, state_of(self).push.retry());
            spdlog::info("the key could not be changed: {}", ledger.error().message);
            self->delayed_send(self, retry_after, tick{});
          },
          [self](const caf::error&) { state_of(self).rotating = false; });
}

void sign(workspace_pointer self, std::size_t count) {
  auto& s = state_of(self);
  std::optional<error> failed;
  for (std::size_t i = 0; i < count && !failed; ++i) {
    const auto entry = s.engine.sign_next(s.options.key);
    if (!entry) failed = entry.error();
    if (entry && !*entry) break;
  }
  // Synced before a byte of them leaves (DESIGN 6).
  if (auto committed = s.transaction.commit(true); !committed) {
    spdlog::error("workspace {}: {}", to_text(s.options.workspace), committed.error().message);
    return self->quit(caf::exit_reason::unhandled_exception);
  }
  carry_out(self, s.push.sign_answered(failed));
  if (failed && failed->code == errc::rotation_due) rotate(self);
}

std::vector<entry_hash> lacking_of(const net::failure& f) {
  if (!f.detail) return {};
  const auto missing = net::decode<net::missing_entries>(*f.detail);
  return missing ? missing->hashes : std::vector<entry_hash>{};
}

void push_entries(workspace_pointer self, const replica::push_entries& batch) {
  const net::feed_push request{state_of(self).options.workspace, std::nullopt};
  ask_relay(self, ask_for(request, net::encode_list(batch.entries), bulk_timeout),
            [self](const net::answer_or_failure& got) {
              auto& push = state_of(self).push;
              if (!got)
                return carry_out(self, push.push_refused(got.error().why, lacking_of(got.error())));
              const auto answer = read_answer<net::feed_push_answer>(got);
              if (!answer) return carry_out(self, push.push_refused(answer.error(), {}));
              state_of(self).next_retry = retry_after;
              carry_out(self, push.push_answered(answer->accepted, answer->wanted));
            });
}

struct push_effects {
  workspace_pointer self;
  void operator()(const replica::ask_have& e) const { ask_have(self, e); }
  void operator()(const replica::put_object& e) const { put_object(self, e.object); }
  void operator()(const replica::sign_next& e) const { sign(self, e.count); }
  void operator()(const replica::push_entries& e) const { push_entries(self, e); }
  void operator()(const replica::sync_ledger&) const {
    refresh_ledger_then(
        self, [](workspace_pointer me) { carry_out(me, state_of(me).push.ledger_advanced()); });
  }
  void operator()(const replica::durable&) const {}
  void operator()(const replica::object_missing& e) const {
    spdlog::error("workspace {}: the object {} is neither here nor at the relay",
                  to_text(state_of(self).options.workspace), to_text(e.object));
    (void)state_of(self).options.objects.objects->forget_removed(e.object);  // only a hint
  }
  void operator()(const replica::stalled& e) const {
    auto& s = state_of(self);
    s.stalled = e.reason;
    spdlog::info("workspace {}: sending waits: {}", to_text(s.options.workspace), e.reason.message);
    if (s.rotating) return;
    self->delayed_send(self, s.next_retry, tick{});
    s.next_retry = std::min(2 * s.next_retry, longest_retry);
  }
  void operator()(const replica::push_idle&) const {
    state_of(self).push_idle = true;
    state_of(self).stalled.reset();
  }
};

// -- sync -----------------------------------------------------------------------------------------

/// Answers the sync of that number, if it is still under way.
void end_sync(workspace_pointer self, std::uint64_t number, const done& result) {
  auto& syncs = state_of(self).syncs;
  const auto found = std::find_if(syncs.begin(), syncs.end(),
                                  [&](const auto& each) { return each.number == number; });
  if (found == syncs.end()) return;
  found->answer.deliver(result);
  syncs.erase(found);
}

/// Has the mirror do all there is to do, and takes the sync on to `next`. False when the sync has ended: a mirror
/// that does not run cannot say that all is done.
[[nodiscard]] bool mirror_then(workspace_pointer self, std::list<sync_request>::iterator sync,
                               sync_request::phase next) {
  auto& s = state_of(self);
  // Found again by its number: the list may change while the mirror works.
  const auto number = sync->number;
  if (!s.mirror && s.mirror_said && !s.rebuilding) {
    end_sync(self, number,
             tl::unexpected(s.mirror_said->trouble().value_or(
                 error{errc::internal, "the mirror does not run"})));
    return false;
  }
  if (!s.mirror) {
    sync->at = next;
    return true;
  }
  self->request(s.mirror, caf::infinite, mirror_now{})
      .then(
          [self, number, next](const done& result) {
            if (!result) return end_sync(self, number, result);
            for (auto& each : state_of(self).syncs)
              if (each.number == number) each.at = next;
            advance_syncs(self);
          },
          [self, number](const caf::error& e) {
            end_sync(self, number, tl::unexpected(to_error(e)));
          });
  return true;
}

}  // namespace

void end_mirror_waits(workspace_pointer self, const error& why) {
  using phase = sync_request::phase;
  std::erase_if(state_of(self).syncs, [&](sync_request& sync) {
    const bool waits = sync.at == phase::scanning || sync.at == phase::applying;
    if (waits) sync.answer.deliver(done(tl::unexpected(why)));
    return waits;
  });
}

namespace {

bool all_exchanged(const workspace_state& s) {
  return s.pull.streaming() && s.pull.behind().empty() && s.push_connected && s.push_idle &&
         s.engine.journal().empty();
}

}  // namespace

void carry_out(workspace_pointer self, const replica::pull::effects& effects) {
  for (const auto& effect : effects) {
    if (const auto* e = std::get_if<replica::subscribe>(&effect)) subscribe(self, e->frontier);
    if (std::holds_alternative<replica::pull_ledger>(effect))
      refresh_ledger_then(
          self, [](workspace_pointer me) { carry_out(me, state_of(me).pull.ledger_pulled()); });
    if (const auto* e = std::get_if<replica::withheld>(&effect))
      spdlog::warn("workspace {}: the relay withholds {} entries that others name",
                   to_text(state_of(self).options.workspace), e->entries.size());
  }
}

void carry_out(workspace_pointer self, const replica::push::effects& effects) {
  if (!effects.empty()) state_of(self).push_idle = false;
  for (const auto& effect : effects) std::visit(push_effects{self}, effect);
  advance_syncs(self);
}

void went_online(workspace_pointer self) {
  auto& s = state_of(self);
  s.online = true;
  ++s.connection;
  if (ledger::may_read(s.role())) carry_out(self, s.pull.connected());
  carry_out(self, s.fetch.replica_up(s.connection));
}

void went_offline(workspace_pointer self, const error& why) {
  auto& s = state_of(self);
  if (!std::exchange(s.online, false)) return;
  s.pull.disconnected();
  s.push.disconnected();
  s.push_connected = s.push_idle = false;
  s.uploading = 0;
  carry_out(self, s.fetch.replica_down(s.connection));
  const error gone{errc::unreachable, "the relay went away: " + why.message};
  end_syncs(self, gone);
  end_wants(s, gone);
}

void take_ledger(workspace_pointer self, const ledger_view& ledger) {
  auto& s = state_of(self);
  const auto before = s.ledger.now->state.head();
  if (before && *ledger->state.head() < *before) return;  // an older snapshot that came late
  const bool could_read = ledger::may_read(s.role());
  s.ledger.now = ledger;
  report(s, s.engine.ledger_advanced());
  if (!commit(self)) return;
  if (!s.online) return;
  if (!could_read && ledger::may_read(s.role())) carry_out(self, s.pull.connected());
  carry_out(self, s.pull.ledger_pulled());
  if (s.push_connected) carry_out(self, s.push.ledger_advanced());
}

void take_entries(workspace_pointer self, const net::shared_bytes& bulk) {
  auto& s = state_of(self);
  if (!s.pull.streaming()) return;
  const auto entries = decode_entries(bulk);
  if (!entries) {
    spdlog::warn("workspace {}: the relay sent no entries: {}", to_text(s.options.workspace),
                 entries.error().message);
    return;
  }
  const auto result = s.engine.receive(*entries);
  report(s, result.incidents);
  for (const auto& head : result.fresh) s.push.came_from_replica(head.hash);
  if (!commit(self)) return;
  carry_out(self,
            s.pull.received({!result.fresh.empty(), !result.lacks.empty(),
                             result.lacks_records || !result.lacks_keys.empty(), result.lacks}));
  end_rebuilding(self);
  advance_syncs(self);
}

void put_again(workspace_pointer self, const objects_wanted& request) {
  auto& s = state_of(self);
  spdlog::warn("workspace {}: the relay has lost {} objects", to_text(s.options.workspace),
               request.objects.size());
  if (!ledger::may_write(s.role())) return;
  carry_out(self, s.push.wanted(request.objects));
  objects_wanted lacking;  // and were here once: a relay cannot make us look for what never was
  auto& objects = *s.options.objects.objects;
  for (const auto& object : request.objects)
    if (!objects.has(object).value_or(true) && objects.is_known(object).value_or(false))
      lacking.objects.push_back(object);
  if (s.mirror && !lacking.objects.empty()) self->send(s.mirror, lacking);
}

caf::result<done> begin_sync(workspace_pointer self) {
  auto& s = state_of(self);
  if (!s.online) return done(fail(errc::unreachable, "the relay cannot be reached"));
  if (!ledger::may_read(s.role()))
    return done(fail(errc::role_insufficient, "you have no role in this workspace"));
  sync_request request;
  request.number = ++s.last_sync;
  request.answer = self->make_response_promise<done>();
  const auto answer = request.answer;
  s.syncs.push_back(std::move(request));
  if (mirror_then(self, std::prev(s.syncs.end()), sync_request::phase::subscribing))
    advance_syncs(self);
  return answer;
}

/// Each sync goes on as far as it can; what it waits for calls this again.
void advance_syncs(workspace_pointer self) {
  auto& s = state_of(self);
  for (auto at = s.syncs.begin(); at != s.syncs.end();) {
    const auto sync = at++;
    if (sync->at == sync_request::phase::subscribing) {
      sync->at = sync_request::phase::exchanging;
      carry_out(self, s.pull.connected());  // asks anew what the relay holds now
      return;                               // its answer comes here again
    }
    const bool refused = s.stalled && (s.stalled->code == errc::role_insufficient);
    if (sync->at == sync_request::phase::exchanging && refused) {
      sync->answer.deliver(done(
          fail(errc::read_only, "your role does not allow to write: local changes stay here")));
      s.syncs.erase(sync);
      continue;
    }
    if (sync->at == sync_request::phase::exchanging && all_exchanged(s)) {
      sync->at = sync_request::phase::applying;
      if (!mirror_then(self, sync, sync_request::phase::applied)) continue;
    }
    if (sync->at != sync_request::phase::applied) continue;
    if (s.engine.journal().empty()) {
      sync->answer.deliver(done{});
      s.syncs.erase(sync);
    } else {
      sync->at =
          sync_request::phase::exchanging;  // the mirror found more; its sending comes here again
    }
  }
}

}  // namespace keyfold::actors
