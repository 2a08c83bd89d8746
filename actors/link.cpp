#include "actors/link.hpp"

#include "store/ledger/receipt.hpp"

namespace keyfold::actors {
namespace {

/// Hands transport's calls on to the actor; lives as long as the transport's link.
class forwarder final : public net::listener {
 public:
  explicit forwarder(const link_actor& to) : to_(caf::actor_cast<caf::actor_addr>(to)) {}
  void on_up(net::link_id link, const net::peer&) override { forward(transport_up{link}); }
  void on_message(net::link_id link, net::message m) override {
    forward(transport_message{std::move(m), link});
  }
  void on_down(net::link_id link, const error& why) override { forward(transport_down{why, link}); }

 private:
  template <class Message>
  void forward(Message&& m) {
    if (auto to = caf::actor_cast<caf::actor>(to_)) caf::anon_send(to, std::forward<Message>(m));
  }
  caf::actor_addr to_;  // weak: the listener must not keep a finished actor alive
};

struct link_actor_state {
  std::optional<link_options> options;
  link_owner owner;
  std::optional<net::client_session> session;
  std::optional<net::link_id> link;
  link_facts facts;
  std::uint64_t last_token = 0;
  std::map<net::request_token, promise<net::answer_or_failure>> waiting;
  std::optional<net::instant> next_tick;

  ~link_actor_state() {
    if (link) options->transport->close(*link);
  }
};

using self_pointer = link_actor::stateful_pointer<link_actor_state>;

net::hello make_hello(const link_options& options) {
  net::hello out;
  out.organization = options.organization;
  out.mode = options.mode;
  system_random().fill(out.nonce.value);
  out.head = options.head;
  return out;
}

void schedule(self_pointer self) {
  auto& s = self->state;
  const auto next = s.session->next();
  if (!next || (s.next_tick && *s.next_tick <= *next)) return;
  s.next_tick = next;
  const auto now = monotonic_now();
  self->delayed_send(self, *next > now ? *next - now : net::instant{1}, tick{});
}

/// The relay's word on its ledger has to have its signature, in an event as in a greeting.
expected<void> check_event(const link_options& options, const net::message& m) {
  if (m.kind != net::message_kind::ledger_advanced || !options.receipt_key) return {};
  return check_advance(m, options.organization, *options.receipt_key);
}

void carry_out(self_pointer self, net::client_effects effects) {
  auto& s = self->state;
  for (auto& effect : effects) {
    if (auto* out = std::get_if<net::effect::send>(&effect)) {
      if (auto sent = s.options->transport->send(*s.link, out->m); !sent)
        s.options->transport->drop(*s.link, sent.error());
    } else if (auto* answered = std::get_if<net::effect::answered>(&effect)) {
      if (auto node = s.waiting.extract(answered->token)) node.mapped().deliver(answered->result);
    } else if (auto* greeted = std::get_if<net::effect::greeted>(&effect)) {
      s.facts.state = link_state::online;
      s.facts.why.reset();
      self->send(s.owner, relay_online{std::move(greeted->answer)});
    } else if (auto* event = std::get_if<net::effect::event>(&effect)) {
      if (const auto good = check_event(*s.options, event->m); !good)
        s.options->transport->drop(*s.link, good.error());
      else
        self->send(s.owner, relay_event{std::move(event->m)});
    } else if (auto* closed = std::get_if<net::effect::closed>(&effect)) {
      s.options->transport->drop(*s.link, closed->why);
    }
  }
  schedule(self);
}

/// A refusal that trying again will hardly change; everything else is "not there now".
bool is_refusal(const error& why) {
  switch (why.code) {
    case errc::handshake_failed:
    case errc::key_refused:
    case errc::stranger:
    case errc::user_is_revoked:
    case errc::organization_frozen:
    case errc::organization_unknown:
    case errc::bad_receipt:
    case errc::bad_signature:
    case errc::unknown_version:
      return true;
    default:
      return false;
  }
}

void went_down(self_pointer self, const error& why) {
  auto& s = self->state;
  carry_out(self, s.session->down(why));
  s.facts.state = is_refusal(why) ? link_state::refused : link_state::offline;
  s.facts.why = why;
  self->send(s.owner, relay_offline{why});
}

net::hello_verifier verifier_of(self_pointer self) {
  return [self](const net::hello& sent, const net::hello_answer& got) -> expected<void> {
    const auto& key = self->state.options->receipt_key;
    if (!key) return {};
    return check_greeting(sent, got, *key);
  };
}

void connect(self_pointer self, link_options options) {
  auto& s = self->state;
  s.facts.endpoint = invitation::host_and_port(options.relay);
  auto connected = options.transport->connect("tcp://" + s.facts.endpoint, options.relay.key,
                                              options.key, std::make_shared<forwarder>(self));
  s.options.emplace(std::move(options));
  if (connected)
    s.link = *connected;
  else
    self->send(s.owner, relay_offline{connected.error()});
}

/// Leaves the relay for another one.
void go_to(self_pointer self, const invitation::relay_address& relay) {
  auto& s = self->state;
  went_down(self, {errc::relay_moved, "the organization has moved to another relay"});
  if (s.link) s.options->transport->close(*s.link);
  s.link.reset();
  auto options = *s.options;
  options.relay = relay;
  connect(self, std::move(options));
}

caf::result<net::answer_or_failure> make_request(self_pointer self, const ask& request) {
  auto& s = self->state;
  if (!s.link)
    return net::answer_or_failure(
        tl::unexpected(net::failure{{errc::unreachable, "there is no link to the relay"}, {}}));
  const auto token = ++s.last_token;
  auto answer = self->make_response_promise<net::answer_or_failure>();
  s.waiting.emplace(token, answer);
  auto effects = s.session->ask(token, request.what, monotonic_now());
  if (effects) {
    carry_out(self, std::move(*effects));
  } else {
    s.waiting.erase(token);
    answer.deliver(net::answer_or_failure(tl::unexpected(net::failure{effects.error(), {}})));
  }
  return answer;
}

link_actor::behavior_type link(self_pointer self, link_options options, link_owner owner) {
  auto& s = self->state;
  s.session.emplace(verifier_of(self));
  s.owner = std::move(owner);
  connect(self, std::move(options));
  return {
      [self](const ask& request) { return make_request(self, request); },
      [self](get_link_facts) { return self->state.facts; },
      [self](const set_ledger_facts& said) {
        auto& now = self->state;
        now.options->head = said.head;
        now.options->receipt_key = said.receipt_key;
        if (said.relay && *said.relay != now.options->relay) go_to(self, *said.relay);
      },
      [self](const transport_up& up) {
        auto& now = self->state;
        if (up.link != now.link) return;  // of a relay that was left
        carry_out(self, now.session->up(make_hello(*now.options), monotonic_now()));
      },
      [self](const transport_message& got) {
        auto& now = self->state;
        if (got.link == now.link) carry_out(self, now.session->received(got.m, monotonic_now()));
      },
      [self](const transport_down& got) {
        if (got.link == self->state.link) went_down(self, got.why);
      },
      [self](tick) {
        self->state.next_tick.reset();
        carry_out(self, self->state.session->tick(monotonic_now()));
      },
  };
}

}  // namespace

expected<void> check_greeting(const net::hello& sent, const net::hello_answer& got,
                              const signing_public_key& receipt_key) {
  KEYFOLD_TRY(const auto said, ledger::verify_statement(got.statement, got.signature, receipt_key));
  if (said.statement.organization != sent.organization || said.statement.nonce != sent.nonce)
    return fail(errc::bad_receipt, "the relay's greeting is not an answer to ours");
  return {};
}

expected<void> check_advance(const net::message& event, organization_id organization,
                             const signing_public_key& receipt_key) {
  KEYFOLD_TRY(const auto said, net::decode<net::ledger_advanced>(event.body.view()));
  KEYFOLD_TRY(const auto receipt,
              ledger::verify_statement(said.statement, said.signature, receipt_key));
  if (receipt.statement.organization != organization || receipt.statement.nonce)
    return fail(errc::bad_receipt, "the relay's word is not a receipt of this ledger");
  return {};
}

std::optional<invitation::relay_address> moved_to(const ledger::state& s) {
  if (s.organization().terms().size() < 2) return std::nullopt;
  for (const auto& text : s.organization().addresses())
    if (auto address = invitation::parse_address(text)) return *std::move(address);
  return std::nullopt;
}

link_actor spawn_link(caf::actor_system& system, link_options options, const link_owner& owner) {
  return system.spawn(link, std::move(options), owner);
}

}  // namespace keyfold::actors
