#include "apps/agent/founding.hpp"

#include "actors/replies.hpp"
#include "apps/agent/relay_visit.hpp"

namespace keyfold::apps {
namespace {

expected<ledger::record> append_genesis(relay_visit& relay, const founding& what,
                                        const relay_target& target,
                                        const ledger::certificate& genesis,
                                        const signing_public_key& receipt_key) {
  net::organization_create request;
  request.name = what.name;
  if (target.token) request.creation_token = to_base64url(target.token->view());
  const auto got = relay.ask(actors::ask_for(request, ledger::encode_certificate(genesis)));
  if (!got) return tl::unexpected(got.error().why);
  KEYFOLD_TRY(auto receipt, ledger::decode_receipt(got->bulk.view()));
  ledger::record out{genesis, std::move(receipt)};
  KEYFOLD_CHECK(ledger::check_receipt(out, receipt_key));
  return out;
}

}  // namespace

expected<invitation::relay_address> relay_of(const vault::secrets& secrets) {
  return invitation::parse_address("keyfold://" + secrets.relay_address +
                                   "/?k=" + to_base64url(secrets.relay_key.encode()));
}

expected<founded_organization> found_organization(caf::actor_system& system,
                                                  const std::shared_ptr<net::transport>& transport,
                                                  const founding& what) {
  KEYFOLD_TRY(const auto target, target_of(what.relay, what.name));
  auto& random = system_random();
  const auto root = signing_key::generate(random);
  const auto device = signing_key::generate(random);
  const auto user_key = box_key::generate(random);
  const auto link_key = box_key::generate(random);
  founded_organization out;
  out.header.organization_name = what.name;
  out.header.organization = ledger::organization_of(root.public_key());
  out.header.device = random.id<device_id>();
  out.header.label = what.device;
  out.secrets = {root.public_key(), invitation::host_and_port(target.relay),
                 target.relay.key,  random.id<user_id>(),
                 user_key.secret(), device.seed(),
                 link_key.secret(), random.key()};

  relay_visit relay(system, {transport, target.relay, link_key, out.header.organization,
                             net::hello_mode::creator, std::nullopt, std::nullopt});
  KEYFOLD_TRY(const auto greeting, relay.greeting());
  if (!greeting.receipt_key) return fail(errc::malformed, "the relay did not say its receipt key");
  KEYFOLD_TRY(const auto receipt_key, signing_public_key::decode(*greeting.receipt_key));
  KEYFOLD_TRY(const auto genesis,
              ledger::make_genesis({what.name,
                                    receipt_key,
                                    {out.secrets.relay_address},
                                    out.secrets.user,
                                    user_key.public_key(),
                                    {what.email, what.person},
                                    out.header.device,
                                    link_key.public_key(),
                                    what.device},
                                   root, device,
                                   static_cast<std::uint64_t>(actors::wall_now().count()), random));
  KEYFOLD_TRY(out.genesis, append_genesis(relay, what, target, genesis, receipt_key));
  return out;
}

}  // namespace keyfold::apps
