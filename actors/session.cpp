#include "actors/session.hpp"

#include <mutex>
#include <unordered_map>

namespace keyfold::actors {
namespace {

struct session_options {
  std::shared_ptr<net::transport> transport;
  net::link_id link;
  session_peer peer;
  registry_actor registry;
};

struct session_actor_state {
  std::optional<session_options> options;
  std::optional<net::server_session> session;
  organization_actor organization;  ///< once the hello named it
  std::optional<net::instant> next_tick;
  std::set<workspace_id> waiting;  ///< workspaces in which entries wait for the peer
  bool taking = false;

  ~session_actor_state() {
    if (organization) caf::anon_send(organization, close_session{options->peer.number});
  }
};

using self_pointer = session_actor::stateful_pointer<session_actor_state>;

void carry_out(self_pointer self, const net::server_effects& effects);
void take_next(self_pointer self);

bool is_creator(const session_actor_state& s) {
  return s.options->peer.mode == net::hello_mode::creator;
}

void greeted(self_pointer self, const expected<net::hello_answer>& answer) {
  auto& session = *self->state.session;
  carry_out(self, answer ? session.accept(*answer) : session.reject(answer.error()));
}

template <class Actor>
void open_at(self_pointer self, const Actor& whom, const net::hello& hello) {
  self->request(whom, caf::infinite,
                open_session{self->state.options->peer, hello, session_actor(self)})
      .then([self](const expected<net::hello_answer>& answer) { greeted(self, answer); },
            [self](const caf::error& e) { greeted(self, tl::unexpected(to_error(e))); });
}

void greet(self_pointer self, const net::effect::greeting& greeting) {
  auto& s = self->state;
  s.options->peer.mode = greeting.hello.mode;
  if (is_creator(s)) return open_at(self, s.options->registry, greeting.hello);
  self->request(s.options->registry, caf::infinite, find_organization{greeting.hello.organization})
      .then(
          [self, hello = greeting.hello](const expected<organization_actor>& found) {
            if (!found) return greeted(self, fail(found));
            self->state.organization = *found;
            self->monitor(*found);
            open_at(self, *found, hello);
          },
          [self](const caf::error& e) { greeted(self, tl::unexpected(to_error(e))); });
}

void answered(self_pointer self, std::uint64_t request_id, const net::answer_or_failure& result) {
  auto& session = *self->state.session;
  carry_out(self, result ? session.reply(request_id, result->body, result->bulk)
                         : session.refuse(request_id, result.error().why, result.error().detail));
}

template <class Actor>
void request_at(self_pointer self, const Actor& whom, const net::message& m) {
  self->request(whom, caf::infinite, session_request{self->state.options->peer, m})
      .then([self, id = m.request_id](
                const net::answer_or_failure& result) { answered(self, id, result); },
            [self, id = m.request_id](const caf::error& e) {
              answered(self, id, tl::unexpected(net::failure{to_error(e), {}}));
            });
}

void schedule(self_pointer self) {
  auto& s = self->state;
  const auto next = s.session->next();
  if (!next || (s.next_tick && *s.next_tick <= *next)) return;
  s.next_tick = next;
  const auto now = monotonic_now();
  self->delayed_send(self, *next > now ? *next - now : net::instant{1}, tick{});
}

struct effect_handler {
  self_pointer self;
  void operator()(const net::effect::send& e) const {
    const auto& o = *self->state.options;
    if (auto sent = o.transport->send(o.link, e.m); !sent) o.transport->drop(o.link, sent.error());
  }
  void operator()(const net::effect::greeting& e) const { greet(self, e); }
  void operator()(const net::effect::requested& e) const {
    const auto& s = self->state;
    is_creator(s) ? request_at(self, s.options->registry, e.m)
                  : request_at(self, s.organization, e.m);
  }
  void operator()(const net::effect::room&) const { take_next(self); }
  void operator()(const net::effect::closed& e) const {
    const auto& o = *self->state.options;
    o.transport->drop(o.link, e.why);
  }
};

void carry_out(self_pointer self, const net::server_effects& effects) {
  for (const auto& effect : effects) std::visit(effect_handler{self}, effect);
  schedule(self);
}

/// One slice of entries at a time, as long as the peer keeps up.
void take_next(self_pointer self) {
  auto& s = self->state;
  if (s.taking || s.waiting.empty() || !s.session->has_room()) return;
  s.taking = true;
  const auto workspace = *s.waiting.begin();
  self->request(s.organization, caf::infinite, take_entries_for{s.options->peer.number, workspace})
      .then(
          [self, workspace](const expected<shared_bytes>& entries) {
            auto& now = self->state;
            now.taking = false;
            if (!entries || entries->empty())
              now.waiting.erase(workspace);
            else
              carry_out(self, now.session->notify(
                                  net::make_message(net::feed_advanced{workspace}, 0, *entries)));
            take_next(self);
          },
          [self](const caf::error&) { self->state.taking = false; });
}

session_actor::behavior_type session(self_pointer self, session_options options) {
  auto& s = self->state;
  s.options.emplace(std::move(options));
  s.session.emplace(monotonic_now());
  schedule(self);
  // What its organization knew of the session went with it: the peer connects anew.
  self->set_down_handler([self](const caf::down_msg&) {
    carry_out(self, self->state.session->end(
                        {errc::session_closed, "the relay could not go on; connect again"}));
  });
  return {
      [self](const transport_message& got) {
        carry_out(self, self->state.session->received(got.m, monotonic_now()));
      },
      [self](const transport_down&) { self->quit(); },
      [self](tick) {
        self->state.next_tick.reset();
        carry_out(self, self->state.session->tick(monotonic_now()));
      },
      [self](const notify_peer& said) { carry_out(self, self->state.session->notify(said.event)); },
      [self](const feed_grew& grown) {
        self->state.waiting.insert(grown.workspace);
        take_next(self);
      },
      [self](const end_session& ended) { carry_out(self, self->state.session->end(ended.why)); },
  };
}

class listener final : public session_listener {
 public:
  listener(caf::actor_system& system, const std::shared_ptr<net::transport>& transport)
      : system_(system), transport_(transport) {}

  void serve(const registry_actor& registry) override {
    const std::lock_guard guard(mutex_);
    registry_ = registry;
  }
  void stop() override {
    const std::lock_guard guard(mutex_);
    registry_ = nullptr;
    for (const auto& [link, child] : std::exchange(sessions_, {}))
      caf::anon_send_exit(child, caf::exit_reason::user_shutdown);
  }
  void on_up(net::link_id link, const net::peer& who) override {
    const std::lock_guard guard(mutex_);
    const auto transport = transport_.lock();
    if (!transport) return;
    if (!registry_) return transport->drop(link, {errc::disconnected, "the relay is not serving"});
    // 0 is nobody; numbers are never used again.
    const session_peer peer{++last_number_, who.key, who.address, net::hello_mode::member};
    sessions_[link] = system_.spawn(session, session_options{transport, link, peer, registry_});
  }
  void on_message(net::link_id link, net::message m) override {
    const std::lock_guard guard(mutex_);
    if (const auto found = sessions_.find(link); found != sessions_.end())
      caf::anon_send(found->second, transport_message{std::move(m)});
  }
  void on_down(net::link_id link, const error& why) override {
    const std::lock_guard guard(mutex_);
    const auto found = sessions_.find(link);
    if (found == sessions_.end()) return;
    caf::anon_send(found->second, transport_down{why});
    sessions_.erase(found);
  }

 private:
  caf::actor_system& system_;
  std::weak_ptr<net::transport> transport_;  // transport holds its listeners
  std::mutex mutex_;
  registry_actor registry_;
  relay::session_number last_number_ = 0;
  std::unordered_map<net::link_id, session_actor> sessions_;
};

}  // namespace

std::shared_ptr<session_listener> make_session_listener(
    caf::actor_system& system, const std::shared_ptr<net::transport>& transport) {
  return std::make_shared<listener>(system, transport);
}

}  // namespace keyfold::actors
