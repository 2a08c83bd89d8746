#include "actors/conduit.hpp"

#include "actors/answers.hpp"

namespace keyfold::actors {
namespace {

struct conduit_state {
  std::optional<relay::conduit> core;
  invitation_token token;
  caf::actor_addr organization;  ///< weak: it holds this actor
  std::map<relay::session_number, session_actor> sessions;
  bool guest_told = false;
};

using self_pointer = conduit_actor::stateful_pointer<conduit_state>;

void tell(self_pointer self, const relay::effects& effects) {
  for (const auto& effect : effects) {
    const auto to = self->state.sessions.find(effect.to);
    const auto* news = std::get_if<relay::news::conduit>(&effect.what);
    if (to == self->state.sessions.end() || news == nullptr) continue;
    self->send(to->second, notify_peer{net::make_message(net::conduit_event{
                               news->token, news->attempt,
                               static_cast<net::conduit_news>(news->what), news->payload})});
  }
  auto& s = self->state;
  const bool here = s.core->present(relay::party::guest);
  if (here == std::exchange(s.guest_told, here)) return;
  if (const auto to = caf::actor_cast<organization_actor>(s.organization))
    self->send(to, guest_seat{s.token, here});
}

void forget(self_pointer self, relay::session_number gone) {
  auto& s = self->state;
  if (s.sessions.erase(gone) == 0) return;
  tell(self, s.core->disconnect(gone));
}

net::answer_or_failure answer(self_pointer self, const relay::answered<void>& done) {
  tell(self, done.effects);
  return done.answer ? say_done() : refused(done.answer.error());
}

net::answer_or_failure sit_down(self_pointer self, const take_seat& request) {
  auto& s = self->state;
  s.sessions.emplace(request.number, request.session);
  const auto opened = s.core->open(request.role, request.number);
  tell(self, opened.effects);
  return say(net::conduit_open_answer{opened.answer->attempt, opened.answer->peer_present});
}

net::answer_or_failure serve(self_pointer self, const conduit_request& r) {
  auto& core = *self->state.core;
  const auto body = r.request.body.view();
  if (r.request.kind == net::message_kind::conduit_send) {
    auto said = net::decode<net::conduit_send>(body);
    if (!said) return refused(said.error());
    return answer(self, core.send(said->attempt, r.number, std::move(said->payload)));
  }
  const auto said = net::decode<net::conduit_close>(body);
  if (!said) return refused(said.error());
  return answer(self, core.close(said->attempt, r.number));
}

conduit_actor::behavior_type conduit(self_pointer self, const invitation_token& token,
                                     const caf::actor_addr& organization) {
  auto& s = self->state;
  s.core.emplace(token);
  s.token = token;
  s.organization = organization;
  return {
      [self](const take_seat& request) { return sit_down(self, request); },
      [self](const conduit_request& request) { return serve(self, request); },
      [self](const close_session& gone) { forget(self, gone.session); },
      [self](const end_conduit& over) {
        tell(self, self->state.core->end(over.reason));
        self->quit();
      },
  };
}

}  // namespace

conduit_actor spawn_conduit(caf::actor_system& system, const invitation_token& token,
                            const organization_actor& organization) {
  return system.spawn(conduit, token, caf::actor_cast<caf::actor_addr>(organization));
}

}  // namespace keyfold::actors
