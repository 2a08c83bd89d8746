#include "actors/organization_state.hpp"

#include <spdlog/spdlog.h>

namespace keyfold::actors {
namespace {

constexpr std::size_t slice_bytes = 1024 * 1024;

net::message event_of(const relay::news::ledger_advanced& e) {
  return net::make_message(net::ledger_advanced{e.receipt.statement_bytes, e.receipt.signature});
}
net::message event_of(const relay::news::objects_wanted& e) {
  return net::make_message(net::objects_wanted{e.workspace, e.objects});
}
net::message event_of(const relay::news::presence& e) {
  return net::make_message(net::presence{e.device, e.online});
}
net::message event_of(const relay::news::invitation_changed& e) {
  return net::make_message(
      net::invitation_changed{e.token, static_cast<net::invitation_state>(e.state)});
}
net::message event_of(const relay::news::delivered& e) {
  return net::make_message(net::delivered{e.from, e.payload});
}
void leave_conduits(organization_pointer self, relay::session_number session) {
  for (const auto& [token, conduit] : state_of(self).conduits)
    self->send(conduit, close_session{session});
}

struct teller {
  organization_pointer self;
  relay::session_number number;
  const session_actor& to;
  void operator()(const relay::news::feed_grew& e) const { self->send(to, feed_grew{e.workspace}); }
  void operator()(const relay::news::ended& e) const {
    leave_conduits(self, number);
    self->send(to, end_session{e.why});
  }
  void operator()(const relay::news::conduit&) const {}          // its conduit's own
  void operator()(const relay::news::invitation_over&) const {}  // for a conduit
  template <class News>
  void operator()(const News& e) const {
    self->send(to, notify_peer{event_of(e)});
  }
};

void commit(organization_pointer self) {
  auto& s = state_of(self);
  const auto committed = s.transaction.empty() ? expected<void>{} : s.transaction.commit(true);
  if (!committed)
    spdlog::error("organization {}: {}", to_text(s.options.id), committed.error().message);
  for (const auto& then : std::exchange(s.after_commit, {})) then(committed);
  // The core is not what the disk says any more: the registry starts another.
  if (!committed) self->quit(caf::exit_reason::unhandled_exception);
}

expected<net::hello_answer> greeting_of(organization_state& s, const net::hello& hello) {
  const auto said = s.core->greet(hello.nonce);
  return net::hello_answer{net::protocol_version, said.statement_bytes, said.signature,
                           std::nullopt};
}

caf::result<expected<net::hello_answer>> open(organization_pointer self,
                                              const open_session& request) {
  using greeting = expected<net::hello_answer>;
  auto& s = state_of(self);
  relay::effects effects;
  if (request.peer.mode == net::hello_mode::member) {
    auto connected = s.core->connect(request.peer.number, request.peer.key);
    if (!connected.answer) return greeting(fail(connected.answer));
    effects = std::move(connected.effects);
  } else if (s.core->frozen()) {
    return greeting(fail(errc::organization_frozen, "the organization is frozen"));
  }
  s.sessions[request.peer.number] = request.session;
  auto answer = self->make_response_promise<greeting>();
  when_durable(self, [self, answer, effects,
                      said = greeting_of(s, request.hello)](const expected<void>& durable) mutable {
    answer.deliver(durable ? said : greeting(fail(durable)));
    if (durable) tell(self, effects);
  });
  return answer;
}

caf::result<expected<shared_bytes>> take_entries(organization_pointer self,
                                                 const take_entries_for& request) {
  using bulk = expected<shared_bytes>;
  const auto slice = state_of(self).core->deliver(request.session, request.workspace, slice_bytes);
  if (!slice) return bulk(fail(slice));
  const shared_bytes list =
      slice->entries.empty() ? shared_bytes{} : shared_bytes(net::encode_list(slice->entries));
  auto answer = self->make_response_promise<bulk>();
  when_durable(self, [answer, list](const expected<void>& durable) mutable {
    answer.deliver(durable ? bulk(list) : bulk(fail(durable)));
  });
  return answer;
}

void expire(organization_pointer self) {
  auto& s = state_of(self);
  s.expiry_scheduled.reset();
  const auto effects = s.core->expire(wall_now());
  when_durable(self, [self, effects](const expected<void>& durable) {
    if (durable) tell(self, effects);
  });
  schedule_expiry(self);
}

organization_actor::behavior_type behavior(organization_pointer self) {
  return {
      [self](const open_session& request) { return open(self, request); },
      [self](const session_request& request) -> caf::result<net::answer_or_failure> {
        auto answer = self->make_response_promise<net::answer_or_failure>();
        handle(self, request, answer);
        return answer;
      },
      [self](const take_entries_for& request) { return take_entries(self, request); },
      [self](const close_session& gone) {
        auto& s = state_of(self);
        s.sessions.erase(gone.session);
        leave_conduits(self, gone.session);
        const auto effects = s.core->disconnect(gone.session);
        when_durable(self, [self, effects](const expected<void>&) { tell(self, effects); });
      },
      [self](const guest_seat& seat) {
        tell(self, state_of(self).core->guest_moved(seat.token, seat.taken));
      },
      [self](const set_frozen& request) {
        tell(self, state_of(self).core->set_frozen(request.frozen));
      },
      [self](expire_invitations) { expire(self); },
      [self](tick) { commit(self); },
  };
}

organization_actor::behavior_type run(
    organization_pointer self, const std::shared_ptr<std::unique_ptr<organization_state>>& state) {
  self->state.inside = std::move(*state);
  auto& s = state_of(self);
  s.disk = spawn_disk(self->system(), s.objects, object::origin::made);
  schedule_expiry(self);
  return behavior(self);
}

}  // namespace

organization_state::organization_state(organization_options o,
                                       std::unique_ptr<object::store> objects_of)
    : options(std::move(o)),
      transaction(*options.store),
      view(transaction, relay::registry::part_of(options.id)),
      objects(std::move(objects_of)) {}

organization_holder::~organization_holder() {
  if (!inside) return;
  if (inside->disk) caf::anon_send_exit(inside->disk, caf::exit_reason::user_shutdown);
  for (const auto& [token, conduit] : inside->conduits)
    caf::anon_send_exit(conduit, caf::exit_reason::user_shutdown);
}

void schedule_expiry(organization_pointer self) {
  auto& s = state_of(self);
  const auto next = s.core->next_expiry();
  if (!next || (s.expiry_scheduled && *s.expiry_scheduled <= *next)) return;
  s.expiry_scheduled = *next;
  // The wall clock may jump, so it is looked at now and then.
  constexpr relay::timestamp longest{60'000};
  const auto wait = std::clamp(*next - wall_now(), relay::timestamp{0}, longest);
  self->delayed_send(self, wait, expire_invitations{});
}

void when_durable(organization_pointer self, std::function<void(const expected<void>&)> then) {
  auto& s = state_of(self);
  if (s.after_commit.empty() && s.transaction.empty()) return then({});
  // The first sets a message after everything that waits already: all of that is committed at once.
  if (s.after_commit.empty()) self->send(self, tick{});
  s.after_commit.push_back(std::move(then));
}

void tell(organization_pointer self, const relay::effects& effects) {
  auto& s = state_of(self);
  for (const auto& effect : effects) {
    if (const auto* over = std::get_if<relay::news::invitation_over>(&effect.what)) {
      if (const auto conduit = s.conduits.extract(over->token))
        self->send(conduit.mapped(), end_conduit{std::string(over->reason)});
    } else if (const auto to = s.sessions.find(effect.to); to != s.sessions.end()) {
      std::visit(teller{self, effect.to, to->second}, effect.what);
    }
  }
}

expected<organization_actor> spawn_organization(caf::actor_system& system,
                                                organization_options options) {
  bytes objects_prefix = relay::registry::part_of(options.id);
  objects_prefix.insert(objects_prefix.begin(), 'x');
  KEYFOLD_TRY(auto objects, object::store::open(options.folder, *options.store, objects_prefix));
  auto state = std::make_unique<organization_state>(std::move(options), std::move(objects));
  KEYFOLD_TRY(state->core, relay::organization::load(state->view, state->options.id,
                                                     state->options.receipt_key, system_random()));
  if (state->options.frozen) (void)state->core->set_frozen(true);
  return system.spawn<caf::detached>(
      run, std::make_shared<std::unique_ptr<organization_state>>(std::move(state)));
}

}  // namespace keyfold::actors
