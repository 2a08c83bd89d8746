#include "actors/greeter.hpp"

#include "actors/device_store.hpp"
#include "actors/exchange.hpp"
#include "actors/replies.hpp"

namespace keyfold::actors {
namespace {

namespace in = invitation::in;
namespace out = invitation::out;

using shared_options = std::shared_ptr<greeter_options>;

bytes progress_key(const invitation_token& token) {
  bytes key = prefix_of(part::invitations);
  append(key, token.view());
  return key;
}

invitation::progress load_progress(const db::store& store, const invitation_token& token) {
  const auto stored = store.get(progress_key(token));
  if (!stored || !*stored) return {};
  return invitation::progress::decode(**stored).value_or(invitation::progress{});
}

expected<void> store_progress(const greeter_options& o, const invitation::progress& progress) {
  return o.store->write({{progress_key(o.side.terms.token), progress.encode()}}, true);
}

/// What the guest is told of himself and of the organization.
invitation::admission admission_of(const greeter_options& o, const ledger::state& state,
                                   const ledger::device_record& device) {
  const auto& organization = state.organization();
  const auto* user = organization.user(device.facts.user);
  return {device.facts.user,   device.id,     user->profile(),          organization.root_key(),
          organization.name(), *state.head(), organization.addresses(), o.user_secret};
}

/// The device that has exactly these keys; `taken` when some of them stand in the ledger otherwise.
in::looked_up look_up(const greeter_options& o, const ledger::state& state,
                      const invitation::claimed_keys& keys) {
  const auto& organization = state.organization();
  for (const auto& [id, device] : organization.devices()) {
    if (device.facts.signing_key != keys.signing || device.facts.link_key != keys.link) continue;
    const auto* user = organization.user(device.facts.user);
    const bool same_user = keys.user ? user->key == *keys.user
                                     : state.find_device(o.device)->user == device.facts.user;
    if (same_user && !user->revoked) return {keys, admission_of(o, state, device), false};
  }
  const bool taken = organization.key_used(keys.signing) || organization.key_used(keys.link) ||
                     (keys.user && organization.key_used(*keys.user));
  return {keys, std::nullopt, taken};
}

expected<ledger::certificate> make_certificate(const greeter_options& o, const ledger_snapshot& now,
                                               const invitation::append_request& request,
                                               user_id user, device_id device) {
  const ledger::author author{
      now.state,      now.keys, o.device, o.key, static_cast<std::uint64_t>(wall_now().count()),
      system_random()};
  const ledger::device_draft draft{device, request.keys.signing, request.keys.link, request.label};
  if (request.kind == invitation::kind::device) return make_device_added(author, draft);
  return make_user_added(
      author, {user, request.profile, *request.keys.user, {request.email, request.name}, draft});
}

void report_append(exchange_pointer self, const greeter_options& o, const ledger_snapshot& now,
                   const device_id& device, const error& why) {
  const auto* added = now.state.organization().device(device);
  if (added == nullptr) return hand_in(self, in::append_failed{why});
  hand_in(self, in::appended{admission_of(o, now.state, *added)});
}

/// The answer to an append may have been lost after the relay took it: the ledger tells.
void find_out(exchange_pointer self, const shared_options& o, const device_id& device,
              const error& why) {
  self->request(o->ledger, caf::infinite, refresh_ledger{})
      .then(
          [self, o, device, why](const expected<ledger_view>& ledger) {
            if (!ledger) return hand_in(self, in::append_failed{why});
            report_append(self, *o, **ledger, device, why);
          },
          [self](const caf::error& e) { hand_in(self, in::append_failed{to_error(e)}); });
}

void append(exchange_pointer self, const shared_options& o,
            const invitation::append_request& request) {
  const auto user = system_random().id<user_id>();
  const auto device = system_random().id<device_id>();
  const statement make = [o, request, user, device](const ledger_snapshot& now) {
    return make_certificate(*o, now, request, user, device);
  };
  self->request(o->ledger, caf::infinite, append_statement{make})
      .then(
          [self, o, device](const expected<ledger_view>& ledger) {
            if (ledger) return report_append(self, *o, **ledger, device, {errc::internal, ""});
            find_out(self, o, device, ledger.error());
          },
          [self](const caf::error& e) { hand_in(self, in::append_failed{to_error(e)}); });
}

/// The ledger first comes up to date: an earlier run may have appended what it never heard of.
void answer_look_up(exchange_pointer self, const shared_options& o,
                    const invitation::claimed_keys& keys) {
  self->request(o->ledger, caf::infinite, refresh_ledger{})
      .then(
          [self, o, keys](const expected<ledger_view>& ledger) {
            ledger ? hand_in(self, look_up(*o, (*ledger)->state, keys))
                   : hand_in(self, in::append_failed{ledger.error()});
          },
          [self](const caf::error& e) { hand_in(self, in::append_failed{to_error(e)}); });
}

expected<void> carry_out(exchange_pointer self, const shared_options& o,
                         const invitation::effect& effect) {
  if (const auto* e = std::get_if<out::store_progress>(&effect))
    return store_progress(*o, e->progress);
  if (const auto* e = std::get_if<out::look_up>(&effect)) {
    answer_look_up(self, o, e->keys);
  } else if (const auto* e2 = std::get_if<out::append>(&effect)) {
    append(self, o, e2->request);
  } else if (std::holds_alternative<out::close_invitation>(effect)) {
    // If it fails: an invitation that stays behind lets nobody else in, and expires.
    tell_relay(self, ask_for(net::invitation_cancel{o->side.terms.token}));
  } else {
    return fail(errc::internal, "a greeter was asked for what only a guest does");
  }
  return {};
}

exchange_actor::behavior_type greeter(exchange_pointer self, const shared_options& o,
                                      const link_actor& link, bool online) {
  auto setup = std::make_unique<exchange_setup>();
  o->side.progress = load_progress(*o->store, o->side.terms.token);
  setup->side = std::make_unique<invitation::greeter>(o->side);
  setup->token = o->side.terms.token;
  setup->carry_out = [o](exchange_pointer me, const invitation::effect& effect) {
    return carry_out(me, o, effect);
  };
  return run_exchange(self, std::move(setup), link, online);
}

}  // namespace

exchange_actor spawn_greeter(caf::actor_system& system, greeter_options options,
                             const link_actor& link, bool online) {
  return system.spawn<caf::detached>(greeter, std::make_shared<greeter_options>(std::move(options)),
                                     link, online);
}

}  // namespace keyfold::actors
