#include "apps/agent/founding.hpp"

#include <future>

#include "actors/link.hpp"
#include "actors/replies.hpp"

namespace keyfold::apps {
namespace {

constexpr auto patience = std::chrono::seconds(15);

struct relay_target {
  invitation::relay_address relay;
  std::optional<invitation::creation_token> token;
};

expected<relay_target> target_of(const founding& what) {
  KEYFOLD_TRY(const auto link, invitation::parse_link(what.relay));
  if (const auto* address = std::get_if<invitation::relay_address>(&link))
    return relay_target{*address, {}};
  const auto* creation = std::get_if<invitation::creation_link>(&link);
  if (creation == nullptr)
    return fail(errc::bad_link, "that is an invitation; follow it with: keyfold join LINK");
  if (creation->name != what.name)
    return fail(errc::usage, "the link is for an organization named " + creation->name);
  return relay_target{creation->relay, creation->token};
}

/// Hears of the greeting of a creator's link.
caf::behavior wait_for_greeting(
    caf::event_based_actor* self,
    const std::shared_ptr<std::promise<expected<net::hello_answer>>>& greeted) {
  const auto told = std::make_shared<bool>(false);
  return {[=](const actors::relay_online& online) {
            if (!std::exchange(*told, true)) greeted->set_value(online.greeting);
          },
          [=](const actors::relay_offline& lost) {
            if (!std::exchange(*told, true))
              greeted->set_value(
                  fail(errc::unreachable, "the relay cannot be reached: " + lost.why.message));
          },
          [self](const actors::relay_event&) { (void)self; }};
}

/// The link of one creation; ends with it.
class creator_link {
 public:
  creator_link(caf::actor_system& system, const std::shared_ptr<net::transport>& transport,
               const relay_target& target, const box_key& key, const organization_id& organization)
      : self_(system) {
    auto greeted = std::make_shared<std::promise<expected<net::hello_answer>>>();
    greeting_ = greeted->get_future();
    owner_ = system.spawn(wait_for_greeting, greeted);
    link_ = actors::spawn_link(system,
                               {transport, target.relay, key, organization,
                                net::hello_mode::creator, std::nullopt, std::nullopt},
                               caf::actor_cast<actors::link_owner>(owner_));
  }
  ~creator_link() {
    self_->send_exit(link_, caf::exit_reason::user_shutdown);
    self_->send_exit(owner_, caf::exit_reason::user_shutdown);
  }
  creator_link(const creator_link&) = delete;
  creator_link& operator=(const creator_link&) = delete;

  expected<net::hello_answer> greeting() {
    if (greeting_.wait_for(patience) != std::future_status::ready)
      return fail(errc::unreachable,
                  "the relay does not answer; check its address, and that it runs");
    return greeting_.get();
  }
  net::answer_or_failure ask(const actors::ask& request) {
    net::answer_or_failure out = tl::unexpected(net::failure{{errc::internal, "no answer"}, {}});
    self_->request(link_, caf::infinite, request)
        .receive([&](net::answer_or_failure& answer) { out = std::move(answer); },
                 [&](const caf::error& e) {
                   out = tl::unexpected(net::failure{actors::to_error(e), {}});
                 });
    return out;
  }

 private:
  caf::scoped_actor self_;
  std::future<expected<net::hello_answer>> greeting_;
  caf::actor owner_;
  actors::link_actor link_;
};

expected<ledger::record> append_genesis(creator_link& link, const founding& what,
                                        const relay_target& target,
                                        const ledger::certificate& genesis,
                                        const signing_public_key& receipt_key) {
  net::organization_create request;
  request.name = what.name;
  if (target.token) request.creation_token = to_base64url(target.token->view());
  const auto got = link.ask(actors::ask_for(request, ledger::encode_certificate(genesis)));
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
  KEYFOLD_TRY(const auto target, target_of(what));
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

  creator_link link(system, transport, target, link_key, out.header.organization);
  KEYFOLD_TRY(const auto greeting, link.greeting());
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
  KEYFOLD_TRY(out.genesis, append_genesis(link, what, target, genesis, receipt_key));
  return out;
}

}  // namespace keyfold::apps
