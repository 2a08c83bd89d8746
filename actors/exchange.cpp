#include "actors/exchange.hpp"

#include <spdlog/spdlog.h>

#include "actors/replies.hpp"

namespace keyfold::actors {
namespace {

namespace in = invitation::in;
namespace out = invitation::out;

/// A program that does not ask for events any more is gone.
constexpr std::chrono::milliseconds abandoned_after{15'000};
constexpr std::chrono::milliseconds watch_interval{1'000};
constexpr net::instant telling_timeout{5'000};

/// What only the person sees; nullopt for any other effect.
std::optional<exchange_event> shown(const invitation::effect& effect) {
  return std::visit(
      [](const auto& e) -> std::optional<exchange_event> {
        using type = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<type, out::show_waiting> ||
                      std::is_same_v<type, out::show_choose> ||
                      std::is_same_v<type, out::show_tell> ||
                      std::is_same_v<type, out::show_confirm> || std::is_same_v<type, out::done> ||
                      std::is_same_v<type, out::failed>)
          return exchange_event(e);
        else
          return std::nullopt;
      },
      effect);
}

void show(exchange_pointer self, exchange_event event) {
  auto& s = self->state;
  if (s.poller) {
    std::exchange(s.poller, std::nullopt)->deliver(std::move(event));
  } else {
    s.events.push_back(std::move(event));
  }
}

bool is_last(const exchange_event& event) {
  return std::holds_alternative<out::done>(event) || std::holds_alternative<out::failed>(event);
}

void show_last(exchange_pointer self) {
  auto& s = self->state;
  if (s.untold == 0 && s.last_event) show(self, *std::exchange(s.last_event, std::nullopt));
}

void fail_exchange(exchange_pointer self, invitation::reason why, const error& cause) {
  self->state.last_event = out::failed{why, cause};
  self->state.setup->side.reset();
}

/// Why the relay closed a conduit or refused to open it.
invitation::reason reason_of(const error& why) {
  switch (why.code) {
    case errc::invitation_expired:
      return invitation::reason::expired;
    case errc::invitation_used:
      return invitation::reason::used;
    case errc::invitation_unknown:
      return invitation::reason::cancelled;
    default:
      return invitation::reason::refused;
  }
}

bool is_lost_link(const error& why) {
  return why.code == errc::disconnected || why.code == errc::timed_out;
}

void open_conduit(exchange_pointer self) {
  auto& s = self->state;
  if (!s.online) {
    s.open_wanted = true;
    return;
  }
  self->request(s.link, caf::infinite, ask_for(net::conduit_open{s.setup->token, s.setup->role}))
      .then(
          [self](const net::answer_or_failure& got) {
            const auto answer = read_answer<net::conduit_open_answer>(got);
            if (answer) return hand_in(self, in::opened{answer->attempt, answer->peer_present});
            if (is_lost_link(answer.error())) return;  // relay_offline says the rest
            spdlog::info("code exchange: {}", answer.error().message);
            hand_in(self, in::closed{reason_of(answer.error())});
          },
          [](const caf::error&) {});
}

template <class Body>
void say(exchange_pointer self, const Body& body) {
  tell_relay(self, ask_for(body));
}

void carry_out(exchange_pointer self, const invitation::effect& effect) {
  auto& s = self->state;
  if (const auto* e = std::get_if<out::show_choose>(&effect)) s.shown_attempt = e->attempt;
  if (const auto* e = std::get_if<out::show_confirm>(&effect)) s.shown_attempt = e->attempt;
  if (auto event = shown(effect)) {
    if (!is_last(*event)) return show(self, std::move(*event));
    s.last_event = std::move(*event);
    return;
  }
  if (std::holds_alternative<out::open_conduit>(effect)) return open_conduit(self);
  if (const auto* e = std::get_if<out::send>(&effect))
    return say(self, net::conduit_send{s.setup->token, e->attempt, e->payload});
  if (const auto* e = std::get_if<out::close_conduit>(&effect))
    return say(self, net::conduit_close{s.setup->token, e->attempt, e->why});
  if (const auto* e = std::get_if<out::attempt_ended>(&effect)) {
    spdlog::info("code exchange: an attempt ended: {}", invitation::to_string(e->why));
    return;
  }
  if (auto done = s.setup->carry_out(self, effect); !done)
    fail_exchange(self, invitation::reason::refused, done.error());
}

void carry_out_all(exchange_pointer self, const invitation::effects& effects) {
  for (const auto& effect : effects)
    if (self->state.setup->side) carry_out(self, effect);
  show_last(self);
  auto& s = self->state;
  const auto next = s.setup->side ? s.setup->side->next_timeout() : std::nullopt;
  if (!next || (s.next_tick && *s.next_tick <= *next)) return;
  s.next_tick = next;
  const auto now = wall_now();
  self->delayed_send(self, *next > now ? *next - now : std::chrono::milliseconds(1), tick{});
}

void hear(exchange_pointer self, const net::message& m) {
  if (m.kind != net::message_kind::conduit_event) return;
  const auto event = net::decode<net::conduit_event>(m.body.view());
  if (!event || event->token != self->state.setup->token) return;
  switch (event->what) {
    case net::conduit_news::peer_came:
      return;  // who comes opens the conduit, and so an attempt
    case net::conduit_news::peer_left:
      return hand_in(self, in::peer_left{event->attempt});
    case net::conduit_news::message:
      return hand_in(self, in::received{event->attempt, event->payload});
    case net::conduit_news::closed:
      return hand_in(self, in::closed{invitation::reason_from_string(as_text(event->payload))});
    case net::conduit_news::replaced:
      return hand_in(self, in::replaced{});
    case net::conduit_news::restarted:
      return hand_in(self, in::restarted{event->attempt});
  }
}

void end_unreachable(exchange_pointer self, const error& why) {
  fail_exchange(self, invitation::reason::timeout,
                {errc::unreachable, "the relay cannot be reached: " + why.message});
  show_last(self);
}

void went_offline(exchange_pointer self, const error& why) {
  auto& s = self->state;
  s.online = false;
  if (!s.was_online) return end_unreachable(self, why);
  hand_in(self, in::disconnected{});
}

caf::result<exchange_event> poll(exchange_pointer self, std::chrono::milliseconds timeout) {
  auto& s = self->state;
  s.last_poll = monotonic_now();
  if (!s.events.empty()) {
    auto event = std::move(s.events.front());
    s.events.pop_front();
    return event;
  }
  if (!s.setup->side && !s.last_event) return exchange_event(std::monostate{});
  if (s.poller) s.poller->deliver(exchange_event(std::monostate{}));
  auto answer = self->make_response_promise<exchange_event>();
  s.poller = answer;
  self->delayed_send(self, timeout, event_timeout{++s.polls});
  return answer;
}

void end_poll(exchange_pointer self, std::uint64_t wait) {
  auto& s = self->state;
  if (!s.poller || wait != s.polls) return;
  s.last_poll = monotonic_now();
  std::exchange(s.poller, std::nullopt)->deliver(exchange_event(std::monostate{}));
}

void on_tick(exchange_pointer self) {
  auto& s = self->state;
  if (!s.setup->side) return;
  s.next_tick.reset();
  if (!s.poller && monotonic_now() - s.last_poll > abandoned_after) hand_in(self, in::cancel{});
  hand_in(self, in::tick{});
}

}  // namespace

void tell_relay(exchange_pointer self, ask request) {
  ++self->state.untold;
  request.what.timeout = telling_timeout;  // the person waits for the end meanwhile
  const auto told = [self] {
    --self->state.untold;
    show_last(self);
  };
  self->request(self->state.link, caf::infinite, std::move(request))
      .then(
          [told](const net::answer_or_failure& got) {
            // A lost message ends the attempt by its timeout; the other side may be gone by now.
            if (!got) spdlog::debug("code exchange: {}", got.error().why.message);
            told();
          },
          [told](const caf::error&) { told(); });
}

void hand_in(exchange_pointer self, const invitation::input& event) {
  auto& s = self->state;
  if (!s.setup->side) return;
  carry_out_all(self, s.setup->side->handle(event, wall_now(), system_random()));
}

exchange_actor::behavior_type run_exchange(exchange_pointer self,
                                           std::unique_ptr<exchange_setup> setup,
                                           const link_actor& link, bool online) {
  auto& s = self->state;
  s.setup = std::move(setup);
  s.link = link;
  s.online = s.was_online = online;
  s.last_poll = monotonic_now();
  carry_out_all(self, s.setup->side->start());
  self->delayed_send(self, watch_interval, tick{});
  return {
      [self](const next_event& wanted) { return poll(self, wanted.timeout); },
      [self](exchange_answer& given) {
        const auto attempt = self->state.shown_attempt;
        if (auto* pick = std::get_if<in::picked>(&given.answer)) pick->attempt = attempt;
        if (auto* confirm = std::get_if<in::confirmed>(&given.answer)) confirm->attempt = attempt;
        hand_in(self, given.answer);
      },
      [self](const event_timeout& over) { end_poll(self, over.wait); },
      [self](tick) {
        on_tick(self);
        if (!self->state.next_tick) self->delayed_send(self, watch_interval, tick{});
      },
      [self](const relay_online&) {
        self->state.online = self->state.was_online = true;
        if (std::exchange(self->state.open_wanted, false)) open_conduit(self);
      },
      [self](const relay_offline& lost) { went_offline(self, lost.why); },
      [self](const relay_event& event) { hear(self, event.m); },
  };
}

}  // namespace keyfold::actors
