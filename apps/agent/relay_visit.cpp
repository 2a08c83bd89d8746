#include "apps/agent/relay_visit.hpp"

#include "actors/replies.hpp"

namespace keyfold::apps {
namespace {

constexpr auto relay_patience = std::chrono::seconds(15);

/// What the relay said, or that it said nothing.
error refusal_of(const error& why) {
  switch (why.code) {
    case errc::organization_unknown:
    case errc::organization_frozen:
    case errc::stranger:
    case errc::user_is_revoked:
    case errc::unknown_version:
      return why;
    default:
      return {errc::unreachable, "the relay cannot be reached: " + why.message};
  }
}

/// Hears of the first greeting, or of what came instead.
caf::behavior wait_for_greeting(
    caf::event_based_actor* self,
    const std::shared_ptr<std::promise<expected<net::hello_answer>>>& greeted) {
  const auto told = std::make_shared<bool>(false);
  return {[=](const actors::relay_online& online) {
            if (!std::exchange(*told, true)) greeted->set_value(online.greeting);
          },
          [=](const actors::relay_offline& lost) {
            if (!std::exchange(*told, true))
              greeted->set_value(tl::unexpected(refusal_of(lost.why)));
          },
          [self](const actors::relay_event&) { (void)self; }};
}

}  // namespace

relay_visit::relay_visit(caf::actor_system& system, actors::link_options options) : self_(system) {
  auto greeted = std::make_shared<std::promise<expected<net::hello_answer>>>();
  greeting_ = greeted->get_future();
  owner_ = system.spawn(wait_for_greeting, greeted);
  link_ =
      actors::spawn_link(system, std::move(options), caf::actor_cast<actors::link_owner>(owner_));
}

relay_visit::~relay_visit() {
  self_->send_exit(link_, caf::exit_reason::user_shutdown);
  self_->send_exit(owner_, caf::exit_reason::user_shutdown);
}

expected<net::hello_answer> relay_visit::greeting() {
  if (greeting_.wait_for(relay_patience) != std::future_status::ready)
    return fail(errc::unreachable,
                "the relay does not answer; check its address, and that it runs");
  return greeting_.get();
}

net::answer_or_failure relay_visit::ask(const actors::ask& request) {
  net::answer_or_failure out = tl::unexpected(net::failure{{errc::internal, "no answer"}, {}});
  self_->request(link_, caf::infinite, request)
      .receive([&](net::answer_or_failure& answer) { out = std::move(answer); },
               [&](const caf::error& e) {
                 out = tl::unexpected(net::failure{actors::to_error(e), {}});
               });
  return out;
}

expected<given_records> pull_records(const relay_asker& relay, ledger_seq from, std::uint64_t max) {
  const auto got = relay(actors::ask_for(net::ledger_pull{from, std::nullopt, max}));
  KEYFOLD_TRY(const auto said, actors::read_answer<net::ledger_pull_answer>(got));
  given_records out{said.head, {}};
  if (said.count == 0 || got->bulk.empty()) return out;
  KEYFOLD_TRY(const auto list, net::decode_list(got->bulk.view()));
  for (const auto encoded : list) {
    KEYFOLD_TRY(auto record, ledger::decode_record(encoded));
    out.records.push_back(std::move(record));
  }
  return out;
}

expected<relay_target> target_of(const std::string& text, const std::string& organization) {
  KEYFOLD_TRY(const auto link, invitation::parse_link(text));
  if (const auto* address = std::get_if<invitation::relay_address>(&link))
    return relay_target{*address, {}};
  const auto* creation = std::get_if<invitation::creation_link>(&link);
  if (creation == nullptr)
    return fail(errc::bad_link, "that is an invitation; follow it with: keyfold join LINK");
  if (creation->name != organization)
    return fail(errc::usage, "the link is for an organization named " + creation->name);
  return relay_target{creation->relay, creation->token};
}

}  // namespace keyfold::apps
