// Replicas that come and go, and what they bring: entries of the relay's events and of other devices' pushes.
#include <spdlog/spdlog.h>

#include "actors/incidents.hpp"
#include "actors/replies.hpp"
#include "actors/workspace_state.hpp"

namespace keyfold::actors {
namespace {

net::feed_position position_of(const ledger::feed_head& h) {
  return {h.device, h.generation, h.seq, h.hash};
}
ledger::feed_head head_of(const net::feed_position& p) {
  return {p.device, p.generation, p.seq, p.hash};
}

void subscribe(workspace_pointer self, replica_link& replica,
               const std::vector<ledger::feed_head>& frontier) {
  net::subscribe request{state_of(self).options.workspace, {}};
  for (const auto& head : frontier) request.frontier.push_back(position_of(head));
  ask_replica(self, replica.number, ask_for(request),
              [self, asked = ++replica.subscriptions](replica_link& from,
                                                      const net::answer_or_failure& got) {
                if (from.subscriptions != asked) return;
                const auto answer = read_answer<net::subscribe_answer>(got);
                if (!answer) {
                  spdlog::info("workspace {}: not subscribed: {}",
                               to_text(state_of(self).options.workspace), answer.error().message);
                  from.pull.disconnected();
                  if (from.is_relay()) end_syncs(self, false, answer.error());
                  // It may not have heard yet who may read here.
                  return retry_later(self, from);
                }
                std::vector<ledger::feed_head> heads;
                for (const auto& p : answer->frontier) heads.push_back(head_of(p));
                from.pull.subscribed(heads);
                if (!from.push_connected) begin_push(self, from, heads);
                end_rebuilding(self);
              });
}

/// What came just now, and from whom (nullopt: the relay).
struct batch {
  std::span<const feed::entry> entries;
  std::optional<device_id> from;
};

/// The report of what is wrong with an entry; nullopt where that is no incident.
std::optional<incident::report> report_of(const workspace_state& s,
                                          const workspace::entry_incident& what,
                                          const batch& came) {
  using kind = workspace::entry_incident::kind;
  const auto& feeds = s.engine.feeds();
  const auto& o = s.options;
  const auto now = report_time();
  if (what.what == kind::payload_damaged)
    return incident::of_damaged_payload(o.organization, o.workspace, what.entry, what.why, now,
                                        came.from);
  if (what.what == kind::feed_forked) {
    const auto first = feeds.find_entry(what.other->hash);
    const auto second = feeds.find_entry(what.entry.hash);
    if (!first || !second) return std::nullopt;
    return incident::of_fork(*first, *second, now, came.from);
  }
  const auto found = std::ranges::find(came.entries, what.entry.hash, &feed::entry::hash);
  if (what.what != kind::invalid || found == came.entries.end()) return std::nullopt;
  const auto header_of = [&](const entry_hash& hash) -> std::optional<bytes> {
    const auto held = feeds.find_entry(hash);
    return held ? std::optional(held->header_bytes) : std::nullopt;
  };
  return incident::of_invalid(*found, what.why, header_of, now, came.from);
}

void report(const workspace_state& s, const std::vector<workspace::entry_incident>& incidents,
            const batch& came = {}) {
  for (const auto& each : incidents) {
    spdlog::info("workspace {}: entry {} of device {}: {}", to_text(s.options.workspace),
                 each.entry.seq.value, to_text(each.entry.device), to_string(each.why));
    if (const auto found = report_of(s, each, came)) notice(s.options.objects.incidents, *found);
  }
}

bool may_read(const workspace_state& s, const device_id& device) {
  const auto facts = s.ledger.now->state.find_device(device);
  const auto* fold = s.ledger.now->state.workspace(s.options.workspace);
  return facts && ledger::may_read(fold->role_of(facts->user));
}

/// Entries are exchanged with a replica while this user may read, and so may who is at the other end.
bool is_entitled(const workspace_state& s, const replica_link& replica) {
  return ledger::may_read(s.role()) && (replica.is_relay() || may_read(s, *replica.device));
}

void end_exchange(workspace_pointer self, replica_link& replica) {
  replica.entitled = false;
  replica.pull.disconnected();
  replica.push = make_push(state_of(self), replica.is_relay());
  replica.push_connected = replica.push_idle = replica.securing = false;
  replica.uploading = 0;
  replica.stalled.reset();
  carry_out(self, state_of(self).fetch.replica_down(replica.number));
}

/// Begins or ends the exchange, as the ledger says now.
void review(workspace_pointer self, replica_link& replica) {
  const bool may = is_entitled(state_of(self), replica);
  if (may == replica.entitled) return;
  if (!may) return end_exchange(self, replica);
  replica.entitled = true;
  // What the relay stores, a device on the way may have nearer.
  const auto rank = replica.is_relay() ? replica::rank::far : replica::rank::near;
  carry_out(self, state_of(self).fetch.replica_up(replica.number, rank));
  ask_anew(self, replica);
}

/// Whoever is given an entry, or made it, has it; and the relay gets it of its author, where he can bring it.
void note_holders(workspace_state& s, replica::replica_number from,
                  std::span<const feed::entry> entries) {
  const auto may = [&](const device_id& device) { return may_read(s, device); };
  for (const auto& e : entries) {
    if (!s.engine.feeds().holds(e.hash)) continue;
    for (auto& [number, replica] : s.replicas) {
      const bool has_it = number == from || replica.device == e.header.device;
      if (has_it || (replica.is_relay() && s.authors.brings(e.header.device, may)))
        replica.push->came_from_replica(e.hash);
    }
  }
}

/// Somebody may not have brought all that was left to him: what the relay holds is asked anew.
void bring_for_others(workspace_pointer self) {
  auto* relay = state_of(self).relay();
  if (relay == nullptr || !relay->push_connected) return;
  relay->push = make_push(state_of(self), true);
  relay->push_connected = relay->push_idle = false;
  relay->uploading = 0;
  ask_anew(self, *relay);
}

}  // namespace

expected<std::vector<feed::entry>> decode_entries(const shared_bytes& bulk) {
  KEYFOLD_TRY(const auto list, net::decode_list(bulk.view()));
  std::vector<feed::entry> out;
  for (const auto encoded : list) {
    KEYFOLD_TRY(auto entry, feed::decode_entry(encoded));
    out.push_back(std::move(entry));
  }
  return out;
}

void ask_anew(workspace_pointer self, replica_link& replica) {
  carry_out(self, replica, replica.pull.connected());
}

void refresh_ledger_then(workspace_pointer self, replica::replica_number from,
                         const std::function<void(workspace_pointer, replica_link&)>& then) {
  auto& s = state_of(self);
  const auto* replica = s.find(from);
  if (replica == nullptr) return;
  const refresh_ledger wanted{replica->is_relay() ? replica_actor{} : replica->to};
  self->request(s.ledger_of, caf::infinite, wanted)
      .then(
          [self, from, then](const expected<ledger_view>& ledger) {
            if (!ledger) return;
            if (*ledger != state_of(self).ledger.now) take_ledger(self, *ledger);
            if (auto* still = state_of(self).find(from)) then(self, *still);
          },
          [](const caf::error&) {});
}

void carry_out(workspace_pointer self, replica_link& replica,
               const replica::pull::effects& effects) {
  for (const auto& effect : effects) {
    if (const auto* e = std::get_if<replica::subscribe>(&effect))
      subscribe(self, replica, e->frontier);
    if (std::holds_alternative<replica::pull_ledger>(effect))
      refresh_ledger_then(self, replica.number, [](workspace_pointer me, replica_link& from) {
        carry_out(me, from, from.pull.ledger_pulled());
      });
    if (const auto* e = std::get_if<replica::withheld>(&effect)) {
      const auto& o = state_of(self).options;
      spdlog::info("workspace {}: {} entries are not given", to_text(o.workspace),
                   e->entries.size());
      if (replica.is_relay())  // a device may be about to get them itself
        notice(o.objects.incidents,
               incident::of_withheld(o.organization, o.workspace, e->entries, report_time()));
    }
  }
}

void went_online(workspace_pointer self, const replica_online& said) {
  auto& s = state_of(self);
  const auto [at, fresh] = s.replicas.try_emplace(said.number, said, s.engine);
  if (!fresh) return;
  at->second.push = make_push(s, at->second.is_relay());
  review(self, at->second);
}

void went_offline(workspace_pointer self, const replica_offline& said) {
  auto& s = state_of(self);
  const auto found = s.replicas.find(said.number);
  if (found == s.replicas.end()) return;
  const bool was_relay = found->second.is_relay();
  if (found->second.entitled) end_exchange(self, found->second);
  if (was_relay) s.authors.clear();
  s.replicas.erase(found);
  const error gone{
      errc::unreachable,
      (was_relay ? "the relay went away: " : "the other device went away: ") + said.why.message};
  const bool any_device =
      std::ranges::any_of(s.replicas, [](const auto& each) { return !each.second.is_relay(); });
  if (was_relay || !any_device) end_syncs(self, !was_relay, gone);
  if (s.replicas.empty()) end_wants(s, gone);
}

void note_at_relay(workspace_pointer self, const device_at_relay& said) {
  auto& s = state_of(self);
  if (said.there)
    s.authors.came(said.device);
  else if (s.authors.went(said.device))
    bring_for_others(self);
}

void take_ledger(workspace_pointer self, const ledger_view& ledger) {
  auto& s = state_of(self);
  const auto before = s.ledger.now->state.head();
  if (before && *ledger->state.head() < *before) return;  // an older snapshot that came late
  s.ledger.now = ledger;
  const auto incidents = s.engine.ledger_advanced();
  if (!commit(self)) return;
  report(s, incidents);
  for (auto& [number, replica] : s.replicas) {
    review(self, replica);
    if (!replica.entitled) continue;
    carry_out(self, replica, replica.pull.ledger_advanced());
    if (replica.push_connected) carry_out(self, replica, replica.push->ledger_advanced());
  }
  if (s.authors.review([&](const device_id& device) { return may_read(s, device); }))
    bring_for_others(self);
}

std::optional<workspace::received> take_batch(workspace_pointer self, replica::replica_number from,
                                              std::span<const feed::entry> entries) {
  auto& s = state_of(self);
  auto result = s.engine.receive(entries);
  const auto* replica = s.find(from);
  const batch came{entries, replica == nullptr ? std::nullopt : replica->device};
  note_holders(s, from, entries);
  if (!commit(self)) return std::nullopt;
  s.options.heads->note(s.engine.feeds(), s.ledger);
  // Not before: where a read fails, an entry may seem to be another one.
  report(s, result.incidents, came);
  return result;
}

void take_entries(workspace_pointer self, const shared_bytes& bulk) {
  auto& s = state_of(self);
  auto* relay = s.relay();
  if (relay == nullptr || !relay->pull.streaming()) return;
  const auto entries = decode_entries(bulk);
  if (!entries) {
    spdlog::warn("workspace {}: the relay sent no entries: {}", to_text(s.options.workspace),
                 entries.error().message);
    return;
  }
  const auto result = take_batch(self, relay->number, *entries);
  if (!result) return;
  carry_out(
      self, *relay,
      relay->pull.received({!result->fresh.empty(), !result->lacks.empty(),
                            result->lacks_records || !result->lacks_keys.empty(), result->lacks}));
  end_rebuilding(self);
  advance_syncs(self);
}

}  // namespace keyfold::actors
