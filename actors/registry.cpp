#include "actors/registry.hpp"

#include <spdlog/spdlog.h>

#include "actors/organization.hpp"

namespace keyfold::actors {
namespace {

struct registry_state {
  explicit registry_state(registry_options o)
      : options(std::move(o)), transaction(*options.store), core(transaction, options.open) {}

  registry_options options;
  db::transaction transaction;
  relay::registry core;
  std::map<organization_id, organization_actor> running;
};
struct registry_holder {
  std::unique_ptr<registry_state> inside;
  ~registry_holder() {
    if (!inside) return;
    for (const auto& [id, child] : inside->running)
      caf::anon_send_exit(child, caf::exit_reason::user_shutdown);
  }
};
using self_pointer = registry_actor::stateful_pointer<registry_holder>;
registry_state& state_of(self_pointer self) {
  return *self->state.inside;
}

expected<organization_actor> find(self_pointer self, const organization_id& id) {
  auto& s = state_of(self);
  if (const auto found = s.running.find(id); found != s.running.end()) return found->second;
  const auto registered = s.core.find(id);
  if (!registered) return fail(errc::organization_unknown, "this relay has no such organization");
  KEYFOLD_TRY(const auto started,
              spawn_organization(self->system(),
                                 {s.options.store, s.options.folder + "/objects/" + to_text(id), id,
                                  s.options.identity.receipt_key, registered->frozen}));
  self->monitor(started);
  s.running.emplace(id, started);
  return started;
}

expected<net::hello_answer> greet_creator(registry_state& s, const net::hello& hello) {
  const auto& key = s.options.identity.receipt_key;
  KEYFOLD_TRY(const auto said,
              s.core.greet_creator(hello.organization, hello.nonce, key, system_random()));
  return net::hello_answer{net::protocol_version, said.statement_bytes, said.signature,
                           key.public_key().encode()};
}

expected<std::optional<invitation::creation_token>> token_of(
    const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  KEYFOLD_TRY(const auto raw, from_base64url(*text));
  KEYFOLD_TRY(const auto token, invitation::creation_token::from(raw));
  return token;
}

expected<bytes> create(registry_state& s, const session_request& request) {
  if (request.request.kind != net::message_kind::organization_create)
    return fail(errc::stranger, "only an organization's members may do this");
  KEYFOLD_TRY(const auto body, net::decode<net::organization_create>(request.request.body.view()));
  KEYFOLD_TRY(const auto token, token_of(body.creation_token));
  const relay::registry::creation what{body.name, token, request.request.bulk.view()};
  KEYFOLD_TRY(const auto created,
              s.core.create(what, request.peer.address, s.options.identity.receipt_key, wall_now(),
                            system_random()));
  KEYFOLD_CHECK(s.transaction.commit(true));
  spdlog::info("organization {} was created", to_text(created.id));
  return created.receipt;
}

expected<net::answer> adopt(registry_state& s, const session_request& request) {
  KEYFOLD_TRY(const auto body, net::decode<net::organization_adopt>(request.request.body.view()));
  KEYFOLD_TRY(const auto token, token_of(body.creation_token));
  std::vector<bytes_view> records;
  if (!request.request.bulk.empty()) {
    KEYFOLD_TRY(records, net::decode_list(request.request.bulk.view()));
  }
  KEYFOLD_TRY(auto moved, s.core.adopt({body.organization, token, records, body.relay_set},
                                       request.peer.address, s.options.identity.receipt_key,
                                       wall_now(), system_random()));
  KEYFOLD_CHECK(s.transaction.commit(true));
  if (moved.whole) spdlog::info("organization {} has moved here", to_text(body.organization));
  net::answer out{net::encode(net::organization_adopt_answer{moved.head, moved.taken, moved.whole}),
                  {}};
  if (moved.receipt) out.bulk = shared_bytes(std::move(*moved.receipt));
  return out;
}

net::answer_or_failure answer_request(registry_state& s, const session_request& request) {
  if (request.request.kind == net::message_kind::ping)
    return net::answer{net::encode(net::empty_body{}), {}};
  if (request.request.kind == net::message_kind::organization_adopt) {
    auto done = adopt(s, request);
    if (done) return *std::move(done);
    s.transaction.discard();
    s.core.forget_moves();
    return tl::unexpected(net::failure{done.error(), {}});
  }
  const auto receipt = create(s, request);
  if (receipt) return net::answer{net::encode(net::empty_body{}), shared_bytes(*receipt)};
  s.transaction.discard();
  return tl::unexpected(net::failure{receipt.error(), {}});
}

expected<std::string> make_link(registry_state& s, const std::string& name) {
  KEYFOLD_TRY(const auto token, s.core.create_token(name, wall_now(), system_random()));
  KEYFOLD_CHECK(s.transaction.commit(true));
  return invitation::format(invitation::creation_link{s.options.address, name, token});
}

expected<void> freeze(self_pointer self, const freeze_organization& request) {
  auto& s = state_of(self);
  const auto found = s.core.find(request.name);
  if (!found)
    return fail(errc::organization_unknown, "this relay has no organization named " + request.name);
  KEYFOLD_CHECK(s.core.set_frozen(found->id, request.frozen));
  KEYFOLD_CHECK(s.transaction.commit(true));
  if (const auto running = s.running.find(found->id); running != s.running.end())
    self->send(running->second, set_frozen{request.frozen});
  return {};
}

registry_actor::behavior_type registry(self_pointer self,
                                       const std::shared_ptr<registry_options>& options) {
  self->state.inside = std::make_unique<registry_state>(std::move(*options));
  self->set_down_handler([self](const caf::down_msg& down) {
    std::erase_if(state_of(self).running,
                  [&](const auto& each) { return each.second.address() == down.source; });
  });
  return {
      [self](const find_organization& r) { return find(self, r.id); },
      [self](const open_session& r) { return greet_creator(state_of(self), r.hello); },
      [self](const session_request& r) { return answer_request(state_of(self), r); },
      [self](list_organizations) { return state_of(self).core.list(); },
      [self](const make_creation_link& r) { return make_link(state_of(self), r.name); },
      [self](const freeze_organization& r) { return freeze(self, r); },
  };
}

}  // namespace

registry_actor spawn_registry(caf::actor_system& system, registry_options options) {
  return system.spawn<caf::detached>(registry,
                                     std::make_shared<registry_options>(std::move(options)));
}

}  // namespace keyfold::actors
