#include "actors/peer.hpp"

#include "actors/answers.hpp"
#include "net/peer_session.hpp"
#include "store/ledger/relay_rules.hpp"

namespace keyfold::actors {
namespace {

constexpr int patience = 6;                         ///< failures in a row before an endpoint rests
constexpr std::chrono::seconds rest{60};            ///< then it is tried so seldom
constexpr std::chrono::milliseconds courtesy{400};  ///< the larger id lets the other dial first

/// Hands transport's calls about a link that we dialled on to the actor.
class forwarder final : public net::listener {
 public:
  explicit forwarder(const peer_actor& to) : to_(caf::actor_cast<caf::actor_addr>(to)) {}
  void on_up(net::link_id link, const net::peer&) override { forward(peer_link_up{link, {}}); }
  void on_message(net::link_id link, net::message m) override {
    forward(peer_link_message{link, std::move(m)});
  }
  void on_down(net::link_id link, const error& why) override { forward(peer_link_down{link, why}); }

 private:
  template <class Message>
  void forward(Message&& m) {
    if (auto to = caf::actor_cast<caf::actor>(to_)) caf::anon_send(to, std::forward<Message>(m));
  }
  caf::actor_addr to_;  // weak: the listener must not keep a finished actor alive
};

/// One connection with the device.
struct connection {
  bool dialled = false;
  std::string endpoint;
  net::peer_session session;
  net::hello_answer greeting;
  std::chrono::milliseconds since{};
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
};

/// An endpoint that is being dialled.
struct dial {
  net::endpoint where;
  int failures = 0;
};

struct peer_state {
  std::optional<peer_options> options;
  ledger_view ledger;
  peer_owner owner;
  std::vector<net::endpoint> endpoints;
  std::map<net::link_id, dial> dials;
  std::map<net::link_id, connection> connections;
  std::optional<net::link_id> chosen;  ///< in use: open, and told to the owner
  std::uint64_t last_token = 0;
  std::map<net::request_token, promise<net::answer_or_failure>> waiting;
  std::optional<net::instant> next_tick;
  net::instant dial_at{};  ///< when to dial again, unless connected

  ~peer_state() {
    if (!options) return;
    for (const auto& [link, dialled] : dials) options->transport->close(link);
    for (const auto& [link, each] : connections)
      if (!each.dialled)
        options->transport->drop(link, {errc::session_closed, "the device is locked"});
  }
};

using self_pointer = peer_actor::stateful_pointer<peer_state>;

void carry_out(self_pointer self, net::link_id link, net::peer_effects effects);

void tick_at(self_pointer self, net::instant when) {
  auto& s = self->state;
  if (s.next_tick && *s.next_tick <= when) return;
  s.next_tick = when;
  const auto now = monotonic_now();
  self->delayed_send(self, when > now ? when - now : net::instant{1}, tick{});
}

void schedule(self_pointer self) {
  for (const auto& [link, each] : self->state.connections)
    if (const auto next = each.session.next()) tick_at(self, *next);
}

net::hello make_hello(const peer_state& s) {
  net::hello out;
  out.organization = s.options->organization;
  system_random().fill(out.nonce.value);
  if (const auto head = s.ledger->state.head()) out.head = net::ledger_head{head->seq, head->hash};
  return out;
}

/// A greeting between devices carries the receipt of the ledger's head: what the relay said to one, both know.
net::hello_answer greeting_of(const peer_state& s) {
  const auto& receipt = s.ledger->state.record_at(s.ledger->state.head()->seq)->receipt;
  return {net::protocol_version, receipt.statement_bytes, receipt.signature, std::nullopt};
}

/// Revoked since, or never here.
expected<void> check_device(const peer_state& s) {
  const auto facts = s.ledger->state.find_device(s.options->device);
  if (!facts || facts->link_key != s.options->key)
    return fail(errc::stranger, "no device of this organization");
  if (s.ledger->state.organization().user(facts->user)->revoked)
    return fail(errc::user_is_revoked, "this user has been revoked");
  return {};
}

// -- dialling

void dial_all(self_pointer self) {
  auto& s = self->state;
  if (s.chosen || !check_device(s)) return;
  for (const auto& where : s.endpoints) {
    if (std::ranges::any_of(s.dials, [&](const auto& d) { return d.second.where == where; }))
      continue;
    const auto& o = *s.options;
    const auto link = o.transport->connect(net::to_text(where), o.key, o.link_key,
                                           std::make_shared<forwarder>(self));
    if (link) s.dials.emplace(*link, dial{where});
  }
}

void dial_after(self_pointer self, net::instant wait) {
  self->state.dial_at = monotonic_now() + wait;
  tick_at(self, self->state.dial_at);
}

/// Dials in its turn: at once, or a little after the other could have.
void dial_soon(self_pointer self) {
  const auto& o = *self->state.options;
  o.self < o.device ? dial_all(self) : dial_after(self, courtesy);
}

void stop_dialling(peer_state& s, const std::optional<net::link_id>& but) {
  std::erase_if(s.dials, [&](const auto& each) {
    if (each.first == but) return false;
    s.options->transport->close(each.first);
    s.connections.erase(each.first);
    return true;
  });
}

// -- which connection is used

device_id dialler_of(const peer_state& s, const connection& c) {
  return c.dialled ? s.options->self : s.options->device;
}

void fail_waiting(peer_state& s, const error& why) {
  for (auto& [token, answer] : std::exchange(s.waiting, {}))
    answer.deliver(net::answer_or_failure(tl::unexpected(net::failure{why, {}})));
}

void abandon(self_pointer self, net::link_id link, const error& why) {
  auto& s = self->state;
  const auto found = s.connections.find(link);
  if (found == s.connections.end()) return;
  const bool dialled = found->second.dialled;
  carry_out(self, link, found->second.session.end(why));
  s.connections.erase(link);
  if (dialled) {
    s.options->transport->close(link);
    s.dials.erase(link);
  }
  if (s.chosen != link) return;
  s.chosen.reset();
  fail_waiting(s, {errc::disconnected, why.message});
  self->send(s.owner, peer_offline{s.options->device, why});
}

void choose(self_pointer self, net::link_id link) {
  auto& s = self->state;
  auto& fresh = s.connections.at(link);
  if (s.chosen == link) return;
  const error twice{errc::session_replaced, "another connection with the device is used"};
  if (s.chosen) {
    const auto winner = std::min(s.options->self, s.options->device);
    const auto& old = s.connections.at(*s.chosen);
    const bool better = dialler_of(s, fresh) == winner || dialler_of(s, old) != winner;
    if (!better) return abandon(self, link, twice);
    abandon(self, *s.chosen, twice);
  }
  s.chosen = link;
  fresh.since = wall_now();
  std::optional<net::endpoint> worked;
  if (const auto dialled = s.dials.find(link); dialled != s.dials.end()) {
    worked = dialled->second.where;
    dialled->second.failures = 0;
  }
  stop_dialling(s, link);
  self->send(s.owner, peer_online{s.options->device, fresh.greeting, worked});
}

// -- the session

void answer(self_pointer self, net::link_id link, std::uint64_t request_id,
            const net::answer_or_failure& result) {
  const auto found = self->state.connections.find(link);
  if (found != self->state.connections.end())
    carry_out(self, link, found->second.session.reply(request_id, result));
}

net::answer_or_failure pull(const peer_state& s, const net::ledger_pull& r) {
  const auto facts = s.ledger->state.find_device(s.options->device);
  const auto pulled = ledger::pull_for(s.ledger->state, facts->user, r.from, r.workspace,
                                       static_cast<std::size_t>(r.max));
  if (!pulled) return refused(pulled.error());
  const net::ledger_pull_answer said{pulled->head, pulled->records.size(), {}, pulled->readable};
  return pulled->records.empty() ? say(said) : say(said, net::encode_list(pulled->records));
}

/// The workspace that a request is about; nullopt for other requests.
expected<std::optional<workspace_id>> workspace_in(const net::message& m) {
  const auto of = [&]<class Body>(const Body*) -> expected<std::optional<workspace_id>> {
    KEYFOLD_TRY(const auto body, net::decode<Body>(m.body.view()));
    return body.workspace;
  };
  switch (m.kind) {
    case net::message_kind::subscribe:
      return of(static_cast<const net::subscribe*>(nullptr));
    case net::message_kind::feed_push:
      return of(static_cast<const net::feed_push*>(nullptr));
    case net::message_kind::object_have:
      return of(static_cast<const net::object_have*>(nullptr));
    case net::message_kind::object_put:
      return of(static_cast<const net::object_put*>(nullptr));
    case net::message_kind::object_get:
      return of(static_cast<const net::object_get*>(nullptr));
    default:
      return std::nullopt;
  }
}

void on_request(self_pointer self, net::link_id link, const net::message& m) {
  auto& s = self->state;
  const auto reply = [&](const net::answer_or_failure& result) {
    answer(self, link, m.request_id, result);
  };
  if (auto may = check_device(s); !may) return abandon(self, link, may.error());
  if (m.kind == net::message_kind::ledger_pull) {
    const auto asked = net::decode<net::ledger_pull>(m.body.view());
    return reply(asked ? pull(s, *asked) : refused(asked.error()));
  }
  const auto workspace = workspace_in(m);
  if (!workspace) return reply(refused(workspace.error()));
  if (!*workspace) return reply(refused({errc::unknown_kind, "a device does not take this"}));
  self->request(s.owner, caf::infinite, peer_request{s.options->device, **workspace, m})
      .then([self, link, id = m.request_id](
                const net::answer_or_failure& result) { answer(self, link, id, result); },
            [self, link, id = m.request_id](const caf::error& e) {
              answer(self, link, id, refused(to_error(e)));
            });
}

void on_greeting(self_pointer self, net::link_id link, const net::hello& hello) {
  auto& s = self->state;
  auto& session = s.connections.at(link).session;
  auto may = check_device(s);
  if (may && hello.organization != s.options->organization)
    may = fail(errc::wrong_organization, "a greeting to another organization");
  carry_out(self, link, may ? session.accept(greeting_of(s)) : session.reject(may.error()));
}

struct effect_handler {
  self_pointer self;
  net::link_id link;
  void operator()(const net::effect::send& e) const {
    auto& s = self->state;
    const auto found = s.connections.find(link);
    if (found == s.connections.end()) return;
    found->second.sent += e.m.size();
    if (auto sent = s.options->transport->send(link, e.m); !sent)
      s.options->transport->drop(link, sent.error());
  }
  void operator()(const net::effect::answered& e) const {
    if (auto node = self->state.waiting.extract(e.token)) node.mapped().deliver(e.result);
  }
  void operator()(const net::effect::greeted& e) const {
    self->state.connections.at(link).greeting = e.answer;
  }
  void operator()(const net::effect::event& e) const {
    const auto& s = self->state;
    if (e.m.kind != net::message_kind::ledger_advanced || s.chosen != link) return;
    auto said = net::decode<net::ledger_advanced>(e.m.body.view());
    if (!said) return s.options->transport->drop(link, said.error());
    self->send(s.owner, peer_ledger_advanced{s.options->device, std::move(*said)});
  }
  void operator()(const net::effect::greeting& e) const { on_greeting(self, link, e.hello); }
  void operator()(const net::effect::requested& e) const { on_request(self, link, e.m); }
  void operator()(const net::effect::closed& e) const {
    self->state.options->transport->drop(link, e.why);
  }
};

void carry_out(self_pointer self, net::link_id link, net::peer_effects effects) {
  for (const auto& effect : effects) std::visit(effect_handler{self, link}, effect);
  const auto found = self->state.connections.find(link);
  if (found != self->state.connections.end() && found->second.session.open()) choose(self, link);
  schedule(self);
}

net::hello_verifier verifier_of(self_pointer self) {
  // Who answers is proven by its key. Whether the relay's word that it brings fits to ours is the owner's to judge.
  return [self](const net::hello&, const net::hello_answer& got) -> expected<void> {
    KEYFOLD_TRY(const auto said, ledger::decode_statement(got.statement));
    if (said.organization != self->state.options->organization)
      return fail(errc::wrong_organization, "a greeting of another organization");
    return {};
  };
}

void link_came(self_pointer self, const peer_link_up& up) {
  auto& s = self->state;
  if (auto may = check_device(s); !may) return s.options->transport->drop(up.link, may.error());
  const auto dialled = s.dials.find(up.link);
  const bool ours = dialled != s.dials.end();
  s.connections.erase(up.link);
  auto& c =
      s.connections
          .emplace(up.link, connection{ours,
                                       ours ? net::to_text(dialled->second.where) : up.address,
                                       net::peer_session(verifier_of(self), monotonic_now()),
                                       {}})
          .first->second;
  carry_out(self, up.link, c.session.up(make_hello(s), monotonic_now()));
}

void link_went(self_pointer self, const peer_link_down& down) {
  auto& s = self->state;
  if (const auto found = s.connections.find(down.link); found != s.connections.end()) {
    carry_out(self, down.link, found->second.session.down(down.why));
    s.connections.erase(down.link);
  }
  if (s.chosen == down.link) {
    s.chosen.reset();
    fail_waiting(s, {errc::disconnected, down.why.message});
    self->send(s.owner, peer_offline{s.options->device, down.why});
    dial_soon(self);
  }
  const auto dialled = s.dials.find(down.link);
  if (dialled == s.dials.end() || ++dialled->second.failures < patience) return;
  s.options->transport->close(down.link);
  s.dials.erase(dialled);
  dial_after(self, rest);
}

caf::result<net::answer_or_failure> make_request(self_pointer self, const ask& request) {
  auto& s = self->state;
  if (!s.chosen) return refused({errc::disconnected, "there is no connection with that device"});
  const auto token = ++s.last_token;
  auto result = self->make_response_promise<net::answer_or_failure>();
  s.waiting.emplace(token, result);
  auto effects = s.connections.at(*s.chosen).session.ask(token, request.what, monotonic_now());
  if (effects) {
    carry_out(self, *s.chosen, std::move(*effects));
  } else {
    s.waiting.erase(token);
    result.deliver(refused(effects.error()));
  }
  return result;
}

void take_ledger(self_pointer self, const ledger_view& ledger) {
  auto& s = self->state;
  const auto before = s.ledger->state.head();
  s.ledger = ledger;
  if (auto may = check_device(s); !may) {
    stop_dialling(s, std::nullopt);
    while (!s.connections.empty()) abandon(self, s.connections.begin()->first, may.error());
    return;
  }
  const auto head = ledger->state.head();
  if (!s.chosen || head == before) return;
  const auto& receipt = ledger->state.record_at(head->seq)->receipt;
  const net::ledger_advanced said{receipt.statement_bytes, receipt.signature};
  carry_out(self, *s.chosen, s.connections.at(*s.chosen).session.notify(net::make_message(said)));
}

void on_tick(self_pointer self) {
  auto& s = self->state;
  s.next_tick.reset();
  const auto now = monotonic_now();
  std::vector<net::link_id> links;
  for (const auto& [link, each] : s.connections) links.push_back(link);
  for (const auto link : links)
    if (const auto found = s.connections.find(link); found != s.connections.end())
      carry_out(self, link, found->second.session.tick(now));
  if (s.dial_at > now) tick_at(self, s.dial_at);
  if (s.dial_at != net::instant{} && s.dial_at <= now) {
    s.dial_at = {};
    dial_all(self);
  }
}

peer_facts facts_of(const peer_state& s) {
  if (!s.chosen) return {};
  const auto& c = s.connections.at(*s.chosen);
  return {true, c.endpoint, c.since, c.sent, c.received};
}

peer_actor::behavior_type peer(self_pointer self, peer_options options, ledger_view ledger,
                               peer_owner owner) {
  auto& s = self->state;
  s.options.emplace(std::move(options));
  s.ledger = std::move(ledger);
  s.owner = std::move(owner);
  return {
      [self](const ask& request) { return make_request(self, request); },
      [self](get_peer) { return facts_of(self->state); },
      [self](const dial_peer& told) {
        self->state.endpoints = told.endpoints;
        dial_soon(self);
      },
      [self](const hang_up& request) {
        if (const auto chosen = self->state.chosen) abandon(self, *chosen, request.why);
      },
      [self](const ledger_changed& changed) { take_ledger(self, changed.ledger); },
      [self](const peer_link_up& up) { link_came(self, up); },
      [self](const peer_link_message& got) {
        const auto found = self->state.connections.find(got.link);
        if (found == self->state.connections.end()) return;
        found->second.received += got.m.size();
        carry_out(self, got.link, found->second.session.received(got.m, monotonic_now()));
      },
      [self](const peer_link_down& down) { link_went(self, down); },
      [self](tick) { on_tick(self); },
  };
}

}  // namespace

peer_actor spawn_peer(caf::actor_system& system, peer_options options, ledger_view ledger,
                      const peer_owner& owner) {
  return system.spawn(peer, std::move(options), std::move(ledger), owner);
}

void peer_directory::set(std::map<box_public_key, peer_actor> known) {
  const std::lock_guard guard(mutex_);
  known_ = std::move(known);
}

bool peer_directory::admits(const box_public_key& key) const {
  const std::lock_guard guard(mutex_);
  return known_.contains(key);
}

void peer_directory::serve(const std::shared_ptr<net::transport>& transport) {
  const std::lock_guard guard(mutex_);
  transport_ = transport;
}

void peer_directory::on_up(net::link_id link, const net::peer& who) {
  const std::lock_guard guard(mutex_);
  const auto found = known_.find(who.key);
  const auto transport = transport_.lock();
  if (found != known_.end()) {
    links_[link] = found->second;
    caf::anon_send(found->second, peer_link_up{link, who.address});
  } else if (transport) {
    transport->drop(link, {errc::stranger, "no device of this organization"});
  }
}

void peer_directory::on_message(net::link_id link, net::message m) {
  const std::lock_guard guard(mutex_);
  if (const auto found = links_.find(link); found != links_.end())
    caf::anon_send(found->second, peer_link_message{link, std::move(m)});
}

void peer_directory::on_down(net::link_id link, const error& why) {
  const std::lock_guard guard(mutex_);
  const auto found = links_.find(link);
  if (found == links_.end()) return;
  caf::anon_send(found->second, peer_link_down{link, why});
  links_.erase(found);
}

}  // namespace keyfold::actors
