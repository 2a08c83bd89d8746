#include <spdlog/spdlog.h>

#include "actors/device_state.hpp"
#include "actors/disk.hpp"
#include "actors/greeter.hpp"
#include "actors/incidents.hpp"
#include "actors/ledger.hpp"
#include "actors/link.hpp"
#include "actors/workspace.hpp"

namespace keyfold::actors {
namespace {

using self_pointer = device_pointer;

bool online(const device_actor_state& s) {
  return s.relay.state == link_state::online;
}

workspace_actor start_workspace(self_pointer self, const workspace_id& id) {
  auto& s = self->state;
  const auto& o = *s.options;
  auto child = spawn_workspace(self->system(),
                               {id, o.organization, o.user, o.device, o.key, o.objects, s.heads},
                               s.current, s.ledger, s.disk);
  self->monitor(child);
  for (const auto& [number, replica] : s.replicas) self->send(child, replica);
  for (const auto& [device, since] : s.present) self->send(child, device_at_relay{device, true});
  return child;
}

void report(const device_actor_state& s, const incident::witness::contradictions& found,
            const std::optional<device_id>& from = {}) {
  for (const auto& each : found) {
    auto r = incident::of_relay(each, report_time());
    r.from = from;
    notice(s.options->objects.incidents, r);
  }
}

/// Every workspace in which this user ever had a role has an actor: what was here stays readable.
void take_ledger(self_pointer self, const ledger_view& ledger) {
  auto& s = self->state;
  const bool moved = s.current && s.current->state.organization().terms().size() <
                                      ledger->state.organization().terms().size();
  if (moved) self->send(s.disk, nothing_held{});
  s.current = ledger;
  report(s, s.witness.advanced(ledger->state));
  for (const auto& [id, child] : s.workspaces) self->send(child, ledger_changed{ledger});
  for (const auto& id : ledger->state.workspaces()) {
    const auto* fold = ledger->state.workspace(id);
    if (!s.workspaces.contains(id) && fold->roles().contains(s.options->user))
      s.workspaces.emplace(id, start_workspace(self, id));
  }
  review_peers(self);
}

template <class Actor>
void end_child(self_pointer self, const Actor& child, const caf::actor_addr& but) {
  auto& s = self->state;
  if (!child || child.address() == but) return;
  s.still_there.insert(child.address());
  s.stop(child);
}

/// All work by the handles of link, ledger and disk: when one of these fails, everything ends, and starts again
/// from disk once it has ended. (Two actors must not write one part of the database.)
void begin_rebuilding(self_pointer self, const caf::actor_addr& failed) {
  auto& s = self->state;
  spdlog::error("a part of device {} failed; all of it is started again",
                to_text(s.options->device));
  s.rebuilding = true;
  s.relay.state = link_state::offline;
  if (const auto number = std::exchange(s.relay_replica, std::nullopt)) s.replicas.erase(*number);
  for (const auto& [id, child] : s.workspaces) {
    if (!s.fallen.contains(id)) end_child(self, child, failed);
  }
  for (const auto& [token, child] : std::exchange(s.greeters, {}))
    self->send(child, exchange_answer{invitation::in::cancel{}});
  end_child(self, s.link, failed);
  end_child(self, s.ledger, failed);
  end_child(self, s.disk, failed);
}

void child_ended(self_pointer self, const caf::down_msg& down) {
  auto& s = self->state;
  if (!s.rebuilding) {
    const auto is_down = [&](const auto& child) { return child.address() == down.source; };
    const auto found = std::find_if(s.workspaces.begin(), s.workspaces.end(),
                                    [&](const auto& each) { return is_down(each.second); });
    if (found != s.workspaces.end()) {
      spdlog::error("workspace {} failed and is started again", to_text(found->first));
      s.fallen.insert(found->first);
      self->delayed_send(self, restart_after, start_again{});
      return;
    }
    if (!is_down(s.link) && !is_down(s.ledger) && !is_down(s.disk)) return;
    begin_rebuilding(self, down.source);
  }
  s.still_there.erase(down.source);
  if (s.still_there.empty()) self->delayed_send(self, restart_after, start_again{});
}

void refresh(self_pointer self) {
  self->request(self->state.ledger, caf::infinite, refresh_ledger{})
      .then([](const expected<ledger_view>&) {}, [](const caf::error&) {});
}

void hear(self_pointer self, const relay_event& event) {
  auto& s = self->state;
  const auto body = event.m.body.view();
  switch (event.m.kind) {
    case net::message_kind::ledger_advanced:
      if (const auto said = net::decode<net::ledger_advanced>(body))
        (void)examine(s, said->statement, said->signature, std::nullopt);
      return refresh(self);
    case net::message_kind::feed_advanced:
      if (const auto said = net::decode<net::feed_advanced>(body)) {
        const auto child = s.workspaces.find(said->workspace);
        if (child != s.workspaces.end()) self->send(child->second, entries_came{event.m.bulk});
      }
      return;
    case net::message_kind::objects_wanted:
      if (auto said = net::decode<net::objects_wanted>(body)) {
        const auto child = s.workspaces.find(said->workspace);
        if (child != s.workspaces.end())
          self->send(child->second, objects_wanted{std::move(said->objects)});
      }
      return;
    case net::message_kind::conduit_event:
      if (const auto said = net::decode<net::conduit_event>(body)) {
        const auto child = s.greeters.find(said->token);
        if (child != s.greeters.end()) self->send(child->second, event);
      }
      return;
    case net::message_kind::presence:
      if (const auto said = net::decode<net::presence>(body)) take_presence(self, *said);
      return;
    case net::message_kind::delivered:
      if (const auto said = net::decode<net::delivered>(body)) take_delivery(self, *said);
      return;
    default:
      return;  // invitations: nobody here waits for them
  }
}

template <class Message>
void tell_greeters(self_pointer self, const Message& message) {
  for (const auto& [token, child] : self->state.greeters) self->send(child, message);
}

/// A relay that was restored from a backup gets the ledger before the feeds: it refuses what it cannot judge.
void follow_greeting(self_pointer self) {
  auto& s = self->state;
  const auto follow = [self, greeting = ++s.greetings] {
    auto& now = self->state;
    if (now.rebuilding || !online(now) || now.greetings != greeting || now.relay_replica) return;
    now.relay_replica = add_replica(self, now.link, std::nullopt);
  };
  self->request(s.ledger, caf::infinite, refresh_ledger{{}, true})
      .then([follow](const expected<ledger_view>&) { follow(); },
            [follow](const caf::error&) { follow(); });
}

void relay_came(self_pointer self, const relay_online& greeted) {
  auto& s = self->state;
  s.relay.state = link_state::online;
  s.relay.why.reset();
  (void)examine(s, greeted.greeting.statement, greeted.greeting.signature, std::nullopt);
  if (const auto number = std::exchange(s.relay_replica, std::nullopt))
    remove_replica(self, *number, {errc::disconnected, "greeted anew"});
  tell_greeters(self, greeted);
  follow_greeting(self);
}

void relay_went(self_pointer self, const relay_offline& lost) {
  auto& s = self->state;
  const bool was_online = online(s);
  self->request(s.link, caf::infinite, get_link_facts{})
      .then([self](const link_facts& facts) { self->state.relay = facts; },
            [](const caf::error&) {});
  s.relay.state = link_state::offline;
  if (!was_online) return;
  if (const auto number = std::exchange(s.relay_replica, std::nullopt))
    remove_replica(self, *number, lost.why);
  s.present.clear();
  tell_greeters(self, lost);
}

exchange_actor greet(self_pointer self, const start_greeting& request) {
  auto& s = self->state;
  const auto& o = *s.options;
  const auto& terms = request.side.terms;
  const bool for_device = terms.kind == invitation::kind::device;
  std::optional<box_secret_key> user_secret;
  if (for_device) user_secret = o.user_key.secret();
  auto child = spawn_greeter(
      self->system(), {request.side, o.objects.store, s.ledger, o.device, o.key, user_secret},
      s.link, online(s));
  // The newest attempt wins; the older one is told so.
  if (auto before = s.greeters.find(terms.token); before != s.greeters.end())
    self->send(before->second, exchange_answer{invitation::in::replaced{}});
  s.greeters[terms.token] = child;
  return child;
}

/// The key file's address is only where it began.
invitation::relay_address present_relay(const device_options& o, const ledger::state& ledger) {
  return moved_to(ledger).value_or(o.relay);
}

device_facts facts_of(self_pointer self) {
  const auto& s = self->state;
  const auto& o = *s.options;
  return {o.organization,
          o.user,
          o.device,
          o.label,
          o.key,
          o.link_key,
          present_relay(o, s.current->state),
          s.current,
          s.relay,
          s.link,
          s.ledger,
          s.disk,
          s.workspaces,
          s.listening,
          peers_of(s)};
}

link_options link_options_of(const device_options& o, const ledger::state& stored,
                             std::shared_ptr<net::transport> transport) {
  link_options out{std::move(transport), present_relay(o, stored), o.link_key,
                   o.organization,       net::hello_mode::member,  std::nullopt,
                   std::nullopt};
  if (const auto head = stored.head()) {
    out.head = net::ledger_head{head->seq, head->hash};
    out.receipt_key = stored.organization().receipt_key();
  }
  return out;
}

void start_children(self_pointer self, ledger::state stored) {
  auto& s = self->state;
  const auto& o = *s.options;
  ledger::keyring keys(o.user, o.user_key);
  (void)keys.update(stored);  // the ledger actor reports its incidents
  const auto first =
      std::make_shared<const ledger_snapshot>(ledger_snapshot{stored, std::move(keys)});
  s.disk = spawn_disk(self->system(), o.objects.objects, object::origin::fetched);
  s.link = spawn_link(self->system(), link_options_of(o, stored, s.transport), device_actor(self));
  s.ledger = spawn_ledger(
      self->system(), {o.objects.store, o.organization, o.user, o.user_key, o.objects.incidents},
      std::move(stored), s.link, device_actor(self));
  self->monitor(s.disk);
  self->monitor(s.link);
  self->monitor(s.ledger);
  take_ledger(self, first);  // from the first answer on, all that is stored is there
}

void restart(self_pointer self) {
  auto& s = self->state;
  if (s.options->objects.health->damaged()) {
    // Whatever is started would end again at once: it stays as it is until a person mends it.
    spdlog::error("device {}: its database is damaged; see: keyfold doctor",
                  to_text(s.options->device));
    return;
  }
  if (!s.rebuilding) {
    for (const auto& id : std::exchange(s.fallen, {})) s.workspaces[id] = start_workspace(self, id);
    return;
  }
  if (!s.still_there.empty()) return;  // a workspace's turn; all the rest comes later
  auto stored = load_ledger(*s.options->objects.store, s.options->organization);
  if (!stored) {
    spdlog::error("device {}: {}", to_text(s.options->device), stored.error().message);
    self->delayed_send(self, restart_after, start_again{});
    return;
  }
  s.rebuilding = false;
  s.fallen.clear();
  s.workspaces.clear();
  start_children(self, std::move(*stored));
}

device_actor::behavior_type device(self_pointer self, device_options options,
                                   const std::shared_ptr<ledger::state>& stored,
                                   std::shared_ptr<net::transport> transport) {
  auto& s = self->state;
  s.relay.endpoint = invitation::host_and_port(present_relay(options, *stored));
  s.transport = std::move(transport);
  s.options.emplace(std::move(options));
  start_listening(self);
  start_children(self, std::move(*stored));
  self->set_down_handler([self](const caf::down_msg& down) { child_ended(self, down); });
  return {
      [self](get_device) { return facts_of(self); },
      [self](const start_greeting& request) { return greet(self, request); },
      [self](start_again) { restart(self); },
      [self](tick) { look_after_endpoints(self); },
      [self](const ledger_changed& changed) {
        if (!self->state.rebuilding) take_ledger(self, changed.ledger);
      },
      [self](const relay_online& greeted) {
        if (!self->state.rebuilding) relay_came(self, greeted);
      },
      [self](const relay_offline& lost) {
        if (!self->state.rebuilding) relay_went(self, lost);
      },
      [self](const relay_event& event) { hear(self, event); },
      [self](const neighbour_heard& heard) { take_neighbour(self, heard); },
      [self](const peer_online& came) { peer_came(self, came); },
      [self](const peer_offline& gone) { peer_went(self, gone); },
      [self](const peer_ledger_advanced& told) { peer_advanced(self, told); },
      [self](const peer_request& request) { return forward(self, request); },
  };
}

}  // namespace

bool examine(device_actor_state& s, bytes_view said_bytes, bytes_view signature,
             const std::optional<device_id>& from) {
  const auto& organization = s.current->state.organization();
  if (!organization.founded()) return true;
  const auto said = ledger::verify_statement(said_bytes, signature, organization.receipt_key());
  // Links refuse what the relay did not sign; of a relay to come records are verified one by one.
  if (!said || said->statement.organization != s.options->organization) return true;
  const auto found = s.witness.heard(s.current->state, *said);
  report(s, found, from);
  // Objects that it held may be lost with all the rest.
  if (std::ranges::any_of(found,
                          [](const auto& e) { return e.what == ledger::contradiction::restored; }))
    caf::anon_send(s.disk, nothing_held{});
  return std::ranges::none_of(found, [](const auto& e) { return ledger::convicts(e.what); });
}

expected<device_actor> spawn_device(caf::actor_system& system, device_options options,
                                    std::shared_ptr<net::transport> transport) {
  KEYFOLD_TRY(auto stored, load_ledger(*options.objects.store, options.organization));
  return system.spawn(device, std::move(options),
                      std::make_shared<ledger::state>(std::move(stored)), std::move(transport));
}

}  // namespace keyfold::actors
