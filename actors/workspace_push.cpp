// Sending to replicas: what replica::push asks for is carried out here, for each of them.
#include <spdlog/spdlog.h>

#include "actors/incidents.hpp"
#include "actors/replies.hpp"
#include "actors/workspace_state.hpp"

namespace keyfold::actors {
namespace {

constexpr std::chrono::seconds retry_after{2};
constexpr std::chrono::seconds longest_retry{30};

// In the workspace's part of the database, beside the engine's own:
//   'S' 'd'           -> u64: own entries that arrived before are held by another replica
//   'S' 's' ‖ device  -> [device, generation, seq, hash]*: it holds these, and all contents of own entries up to them
bytes durable_key() {
  return {'S', 'd'};
}
bytes secured_key(const device_id& device) {
  bytes out{'S', 's'};
  append(out, device.view());
  return out;
}

/// Those of `asked` that the relay does not lack may go when there is little room.
void tell_held(workspace_pointer self, const replica_link& replica, std::vector<object_id> asked,
               std::span<const object_id> lacking) {
  if (!replica.is_relay()) return;  // a device may let them go by itself
  std::erase_if(asked, [&](const object_id& id) {
    return std::find(lacking.begin(), lacking.end(), id) != lacking.end();
  });
  if (!asked.empty()) self->send(state_of(self).disk, objects_held{std::move(asked)});
}

void ask_have(workspace_pointer self, replica_link& replica, const replica::ask_have& wanted) {
  ask_replica(
      self, replica.number,
      ask_for(net::object_have{state_of(self).options.workspace, wanted.objects}),
      [self, asked = wanted.objects](replica_link& from, const net::answer_or_failure& got) {
        const auto answer = read_answer<net::object_have_answer>(got);
        if (answer) tell_held(self, from, asked, answer->lacking);
        carry_out(self, from,
                  answer ? from.push->have_answered(answer->lacking)
                         : from.push->have_failed(answer.error()));
      });
}

void upload(workspace_pointer self, replica::replica_number to, const object_id& object,
            const shared_bytes& data) {
  ask_replica(
      self, to,
      ask_for(net::object_put{state_of(self).options.workspace, object}, data, bulk_timeout),
      [self, object](replica_link& from, const net::answer_or_failure& got) {
        if (from.uploading > 0) --from.uploading;
        if (got) from.next_retry = retry_after;
        if (got) tell_held(self, from, {object}, {});
        carry_out(
            self, from,
            got ? from.push->put_answered(object) : from.push->put_failed(object, got.error().why));
      });
}

void put_object(workspace_pointer self, replica_link& replica, const object_id& object) {
  ++replica.uploading;
  const auto failed = [self, number = replica.number, object](const error& why) {
    auto* to = state_of(self).find(number);
    if (to == nullptr) return;
    if (to->uploading > 0) --to->uploading;
    carry_out(self, *to, to->push->put_failed(object, why));
  };
  self->request(state_of(self).disk, caf::infinite, read_object{object})
      .then(
          [self, number = replica.number, object, failed](const expected<shared_bytes>& data) {
            data ? upload(self, number, object, *data) : failed(data.error());
          },
          [failed](const caf::error& e) { failed(to_error(e)); });
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
            if (!rotated) spdlog::info("the key could not be changed: {}", ledger.error().message);
            for (auto& [number, replica] : state_of(self).replicas) {
              if (rotated)
                carry_out(self, replica, replica.push->retry());
              else
                retry_later(self, replica);
            }
          },
          [self](const caf::error&) { state_of(self).rotating = false; });
}

/// Signs for a replica; all others hear that the feed has grown.
void sign(workspace_pointer self, replica_link& replica, std::size_t count) {
  auto& s = state_of(self);
  std::optional<error> failed;
  std::optional<incident::report> restored;
  for (std::size_t i = 0; i < count && !failed; ++i) {
    const bool ahead = s.engine.feed_is_ahead();
    const auto entry = s.engine.sign_next(s.options.key);
    if (!entry) failed = entry.error();
    if (!entry || !*entry) break;
    if (ahead) restored = incident::of_restored(**entry, report_time());
    if (const auto held = s.engine.feeds().find((*entry)->hash))
      s.unshared[held->arrival] = {(*entry)->hash, {}};
  }
  // Synced before a byte of them leaves (DESIGN 6).
  if (auto committed = s.transaction.commit(true); !committed) {
    spdlog::error("workspace {}: {}", to_text(s.options.workspace), committed.error().message);
    return self->quit(caf::exit_reason::unhandled_exception);
  }
  if (restored) notice(s.options.objects.incidents, *restored);
  carry_out(self, replica, replica.push->sign_answered(failed));
  for (auto& [number, other] : s.replicas)
    if (&other != &replica && other.push_connected) carry_out(self, other, other.push->changed());
  if (failed && failed->code == errc::rotation_due) rotate(self);
}

std::vector<entry_hash> lacking_of(const net::failure& f) {
  if (!f.detail) return {};
  const auto missing = net::decode<net::missing_entries>(*f.detail);
  return missing ? missing->hashes : std::vector<entry_hash>{};
}

void push_entries(workspace_pointer self, replica_link& replica,
                  const replica::push_entries& batch) {
  const net::feed_push request{state_of(self).options.workspace, std::nullopt};
  ask_replica(self, replica.number, ask_for(request, net::encode_list(batch.entries), bulk_timeout),
              [self](replica_link& from, const net::answer_or_failure& got) {
                if (!got)
                  return carry_out(
                      self, from,
                      from.push->push_refused(got.error().why, lacking_of(got.error())));
                const auto answer = read_answer<net::feed_push_answer>(got);
                if (!answer)
                  return carry_out(self, from, from.push->push_refused(answer.error(), {}));
                from.next_retry = retry_after;
                carry_out(self, from, from.push->push_answered(answer->accepted, answer->wanted));
              });
}

/// Another replica holds the own entries up to that one.
void note_durable(workspace_state& s, const feed::operation_order& until) {
  const auto entry = s.engine.feeds().find(until.hash);
  if (!entry) return;
  s.unshared.erase(s.unshared.begin(), s.unshared.upper_bound(entry->arrival));
  bytes value;
  append_u64(value, entry->arrival + 1);
  s.view.put(durable_key(), value);  // with the next commit: without it, it is only asked again
}

/// A device that was secured gets entries alone again, and what it has is remembered.
void end_securing(workspace_pointer self, replica_link& replica) {
  auto& s = state_of(self);
  const auto held = s.engine.feeds().frontier();
  writer w;
  w.array(held.size());
  for (const auto& head : held)
    w.array(4).bin(head.device).bin(head.generation).uint(head.seq).bin(head.hash);
  s.view.put(secured_key(*replica.device), std::move(w).take());
  replica.securing = false;
  replica.push = make_push(s, false);
  carry_out(self, replica, replica.push->connected(held));
}

std::vector<ledger::feed_head> secured_by(const workspace_state& s, const device_id& device) {
  const auto stored = s.view.get(secured_key(device));
  auto in = stored ? reader::parse(*stored) : fail(errc::not_found);
  if (!in) return {};
  std::vector<ledger::feed_head> out;
  const auto count = in->array_up_to(feed::max_seen);
  for (std::size_t i = 0; i < count && in->good(); ++i) {
    in->array(4);
    auto& head = out.emplace_back();
    head.device = in->id<device_id>();
    head.generation = in->id<generation_id>();
    head.seq = in->count<feed_seq>();
    head.hash = in->id<entry_hash>();
  }
  return in->finish() ? out : std::vector<ledger::feed_head>{};
}

struct push_effects {
  workspace_pointer self;
  replica_link& replica;
  void operator()(const replica::ask_have& e) const { ask_have(self, replica, e); }
  void operator()(const replica::put_object& e) const { put_object(self, replica, e.object); }
  void operator()(const replica::sign_next& e) const { sign(self, replica, e.count); }
  void operator()(const replica::push_entries& e) const { push_entries(self, replica, e); }
  void operator()(const replica::sync_ledger&) const {
    // Without anything new, trying at once again would be refused again.
    refresh_ledger_then(
        self, replica.number,
        [before = state_of(self).ledger.now](workspace_pointer me, replica_link& from) {
          if (state_of(me).ledger.now == before) return;
          carry_out(me, from, from.push->ledger_advanced());
        });
  }
  void operator()(const replica::durable& e) const { note_durable(state_of(self), e.order); }
  void operator()(const replica::object_missing& e) const {
    spdlog::error("workspace {}: the object {} is neither here nor there",
                  to_text(state_of(self).options.workspace), to_text(e.object));
    (void)state_of(self).options.objects.objects->forget_removed(e.object);  // only a hint
  }
  void operator()(const replica::stalled& e) const {
    auto& s = state_of(self);
    replica.stalled = e.reason;
    spdlog::info("workspace {}: sending waits: {}", to_text(s.options.workspace), e.reason.message);
    if (!s.rotating) retry_later(self, replica);
  }
  void operator()(const replica::push_idle&) const {
    replica.push_idle = true;
    replica.stalled.reset();
    if (replica.securing) end_securing(self, replica);
  }
};

}  // namespace

std::unique_ptr<replica::push> make_push(const workspace_state& s, bool objects_first) {
  replica::push_tuning tuning;
  tuning.objects_first = objects_first;
  const auto size_of = [&s](const object_id& id) -> std::optional<std::size_t> {
    const auto size = s.options.objects.objects->size_of(id);
    if (!size || !*size) return std::nullopt;
    return static_cast<std::size_t>(**size);
  };
  return std::make_unique<replica::push>(s.engine.feeds(), s.engine.journal(), s.options.device,
                                         size_of, tuning);
}

void begin_push(workspace_pointer self, replica_link& replica,
                const std::vector<ledger::feed_head>& heads) {
  replica.push_connected = true;
  replica.stalled.reset();
  carry_out(self, replica, replica.push->connected(heads));
}

void secure(workspace_pointer self, replica_link& replica) {
  if (replica.is_relay() || std::exchange(replica.securing, true)) return;
  replica.push = make_push(state_of(self), true);
  replica.push_connected = true;
  replica.stalled.reset();
  carry_out(self, replica, replica.push->connected(secured_by(state_of(self), *replica.device)));
}

void push_changes(workspace_pointer self) {
  for (auto& [number, replica] : state_of(self).replicas)
    if (replica.push_connected) carry_out(self, replica, replica.push->changed());
}

void load_unshared(workspace_state& s) {
  const auto stored = s.view.get(durable_key());
  const auto from = stored && stored->size() == 8 ? read_u64(*stored) : 0;
  s.engine.feeds().visit_arrivals(from, [&](const feed::held_entry& entry) {
    if (entry.order.device == s.options.device) s.unshared[entry.arrival] = {entry.order.hash, {}};
    return true;
  });
  if (!s.unshared.empty()) return;
  bytes value;  // so that the next start looks at nothing twice
  append_u64(value, s.engine.feeds().arrivals());
  s.view.put(durable_key(), value);
}

void retry_later(workspace_pointer self, replica_link& replica) {
  if (std::exchange(replica.retry_planned, true)) return;
  self->delayed_send(self, replica.next_retry, retry_replica{replica.number});
  replica.next_retry = std::min(2 * replica.next_retry, longest_retry);
}

void retry_push(workspace_pointer self, replica::replica_number number) {
  auto* replica = state_of(self).find(number);
  if (replica == nullptr) return;
  replica->retry_planned = false;
  if (!replica->entitled) return;
  if (replica->push_connected)
    carry_out(self, *replica, replica->push->retry());
  else
    ask_anew(self, *replica);
}

void put_again(workspace_pointer self, const objects_wanted& request) {
  auto& s = state_of(self);
  spdlog::warn("workspace {}: the relay has lost {} objects", to_text(s.options.workspace),
               request.objects.size());
  auto* relay = s.relay();
  if (relay == nullptr) return;
  carry_out(self, *relay, relay->push->wanted(request.objects));
  objects_wanted lacking;  // and were here once: a relay cannot make us look for what never was
  auto& objects = *s.options.objects.objects;
  for (const auto& object : request.objects)
    if (!objects.has(object).value_or(true) && objects.is_known(object).value_or(false))
      lacking.objects.push_back(object);
  if (s.mirror && !lacking.objects.empty()) self->send(s.mirror, lacking);
}

void carry_out(workspace_pointer self, replica_link& replica,
               const replica::push::effects& effects) {
  // What could not be read counts as not there, and nothing of what follows from that may be done.
  if (const auto& failed = state_of(self).transaction.failure()) {
    spdlog::error("workspace {}: {}", to_text(state_of(self).options.workspace), failed->message);
    return self->quit(caf::exit_reason::unhandled_exception);
  }
  if (!effects.empty()) replica.push_idle = false;
  for (const auto& effect : effects) std::visit(push_effects{self, replica}, effect);
  advance_syncs(self);
}

}  // namespace keyfold::actors
