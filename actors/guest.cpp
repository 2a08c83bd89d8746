#include "actors/guest.hpp"

#include "actors/exchange.hpp"

namespace keyfold::actors {
namespace {

namespace out = invitation::out;

struct guest_setup {
  invitation::guest::options options;
  invitation::invitation_link link;
  std::shared_ptr<net::transport> transport;
  guest_storage storage;
};

expected<void> store(const guest_storage& storage, const invitation::effect& effect) {
  if (const auto* e = std::get_if<out::store_progress>(&effect))
    return storage.store_progress(e->progress);
  if (const auto* e = std::get_if<out::store_keys>(&effect)) return storage.store_keys(e->keys);
  if (const auto* e = std::get_if<out::store_admission>(&effect))
    return storage.admitted(e->admitted, e->keys);
  return fail(errc::internal, "a guest was asked for what only a greeter does");
}

exchange_actor::behavior_type guest(exchange_pointer self,
                                    const std::shared_ptr<guest_setup>& given) {
  link_options link{given->transport,
                    given->link.relay,
                    box_key::generate(system_random()),
                    given->link.organization,
                    net::hello_mode::guest,
                    std::nullopt,
                    std::nullopt};
  auto setup = std::make_unique<exchange_setup>();
  setup->side = std::make_unique<invitation::guest>(given->options);
  setup->token = given->link.token;
  setup->role = net::conduit_role::guest;
  setup->carry_out = [storage = given->storage](exchange_pointer,
                                                const invitation::effect& effect) {
    return store(storage, effect);
  };
  const auto connection = spawn_link(self->system(), std::move(link), exchange_actor(self));
  self->attach_functor(
      [connection] { caf::anon_send_exit(connection, caf::exit_reason::user_shutdown); });
  return run_exchange(self, std::move(setup), connection, false);
}

}  // namespace

exchange_actor spawn_guest(caf::actor_system& system, invitation::guest::options options,
                           const invitation::invitation_link& link,
                           std::shared_ptr<net::transport> transport, guest_storage storage) {
  return system.spawn<caf::detached>(
      guest, std::make_shared<guest_setup>(
                 guest_setup{std::move(options), link, std::move(transport), std::move(storage)}));
}

}  // namespace keyfold::actors
