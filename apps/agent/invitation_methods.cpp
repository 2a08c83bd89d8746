// invite.*, exchange.*
#include "actors/replies.hpp"
#include "apps/agent/api.hpp"
#include "store/invitation/about.hpp"

namespace keyfold::apps {
namespace {

using invitation::kind;

constexpr std::chrono::milliseconds usual_lifetime = std::chrono::days(7);
constexpr std::chrono::milliseconds longest_lifetime =
    std::chrono::days(31);  ///< a relay takes no longer one
constexpr std::chrono::milliseconds longest_poll{30'000};
constexpr auto patience = std::chrono::minutes(10);  ///< of a person who greets or joins

/// The key by which those who may greet recognize an invitation, and the epoch that it names.
struct inviting_key {
  symmetric_key key;
  epoch_number epoch;
};

expected<inviting_key> key_for(const actors::device_facts& device, kind k,
                               const std::optional<epoch_number>& named) {
  const auto& keys = device.ledger->keys;
  if (k == kind::device)
    return inviting_key{invitation::device_inviting_key(keys.user_key().secret()), {}};
  const auto& directory = device.ledger->state.organization().directory();
  if (directory.empty()) return fail(errc::unreachable, "the ledger has not come yet; try again");
  const auto epoch = named.value_or(directory.back().epoch);
  const auto* key = keys.directory_key(epoch);
  if (key == nullptr)
    return fail(errc::key_not_held, "only Administrators and Members know of invitations of users");
  return inviting_key{*key, epoch};
}

expected<invitation_token> token_of(const parameters& p) {
  KEYFOLD_TRY(const auto text, p.text("token"));
  const auto token = invitation_token::from_text(text);
  if (!token)
    return fail(errc::usage, "that is no token of an invitation; see: keyfold invite list");
  return *token;
}

expected<invitation::invitation_link> link_of(const actors::device_facts& device,
                                              const net::invitation_row& row) {
  const auto k = static_cast<kind>(row.what);
  KEYFOLD_TRY(const auto key, key_for(device, k, row.epoch));
  return invitation::invitation_link{device.relay_address, device.organization, k, row.token,
                                     invitation::make_link_secret(key.key, row.token)};
}

json invitation_document(const invitation::invitation_link& link, std::uint64_t expires) {
  return {{"link", invitation::format(link)},
          {"token", to_text(link.token)},
          {"expires", time_of_ms(expires)}};
}

/// The device, once the relay is there and its ledger has come: a device that has just joined has neither yet.
expected<actors::device_facts> current_device_of(api_context& context, const parameters& p) {
  KEYFOLD_TRY(auto device, device_of(context, p));
  KEYFOLD_CHECK(require_online(context, device, p));
  KEYFOLD_TRY(device.ledger, context.agent_of.ask_flat<actors::ledger_view>(
                                 device.ledger_of, actors::refresh_ledger{},
                                 p.duration("timeout", std::chrono::seconds(60))));
  return device;
}

expected<json> invite(api_context& context, const parameters& p, kind k,
                      const std::optional<std::string>& email) {
  KEYFOLD_TRY(const auto device, current_device_of(context, p));
  KEYFOLD_TRY(const auto key, key_for(device, k, std::nullopt));
  const auto lifetime = p.duration("expires_in", usual_lifetime);
  if (lifetime < std::chrono::seconds(1) || lifetime > longest_lifetime)
    return fail(errc::usage, "an invitation lasts from a second to 31 days");
  const auto now = actors::wall_now();
  net::invitation_row row;
  row.token = system_random().id<invitation_token>();
  row.what = static_cast<net::invitation_kind>(k);
  row.expires = static_cast<std::uint64_t>((now + lifetime).count());
  row.epoch = key.epoch;
  row.sealed_about =
      invitation::seal_about({k, email, false, now}, key.key, row.token, system_random());
  KEYFOLD_CHECK(ask_relay(context, device,
                          actors::ask_for(net::invitation_create{row.token, row.what, row.expires,
                                                                 row.epoch, row.sealed_about})));
  KEYFOLD_TRY(const auto link, link_of(device, row));
  return invitation_document(link, row.expires);
}

expected<json> invite_user(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto email, p.plain_text("email", ledger::max_email_size));
  if (email.find('@') == std::string::npos)
    return fail(errc::usage, email + " is no e-mail address");
  return invite(context, p, kind::user, email);
}

expected<std::vector<net::invitation_row>> rows_of(api_context& context,
                                                   const actors::device_facts& device) {
  KEYFOLD_TRY(const auto answer,
              ask_relay(context, device, actors::ask_for(net::invitation_list{})));
  KEYFOLD_TRY(auto list, net::decode<net::invitation_list_answer>(answer.body.view()));
  return list.rows;
}

expected<invitation::about> about_of(const actors::device_facts& device,
                                     const net::invitation_row& row) {
  KEYFOLD_TRY(const auto key, key_for(device, static_cast<kind>(row.what), row.epoch));
  return invitation::open_about(row.sealed_about, key.key, row.token);
}

expected<json> list_invitations(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto device, current_device_of(context, p));
  KEYFOLD_TRY(const auto rows, rows_of(context, device));
  auto out = json::array();
  for (const auto& row : rows) {
    const auto about = about_of(device, row);
    out.push_back({{"token", to_text(row.token)},
                   {"kind", row.what == net::invitation_kind::user ? "user" : "device"},
                   {"email", about && about->email ? json(*about->email) : json(nullptr)},
                   {"expires", time_of_ms(row.expires)},
                   {"state", row.guest_present ? "guest_waiting" : "open"}});
  }
  return out;
}

expected<json> cancel(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto device, device_of(context, p));
  KEYFOLD_TRY(const auto token, token_of(p));
  KEYFOLD_CHECK(require_online(context, device, p));
  KEYFOLD_CHECK(ask_relay(context, device, actors::ask_for(net::invitation_cancel{token})));
  return ok();
}

expected<ledger::profile> profile_from(const std::string& name) {
  if (name == "administrator") return ledger::profile::administrator;
  if (name == "member") return ledger::profile::member;
  if (name == "external") return ledger::profile::external;
  return fail(errc::usage, "a profile is administrator, member or external");
}

expected<json> greet(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto device, current_device_of(context, p));
  KEYFOLD_TRY(const auto token, token_of(p));
  KEYFOLD_TRY(const auto rows, rows_of(context, device));
  const auto row =
      std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.token == token; });
  if (row == rows.end())
    return fail(errc::not_found,
                "there is no such invitation (any more); see: keyfold invite list");
  KEYFOLD_TRY(const auto about, about_of(device, *row));
  KEYFOLD_TRY(const auto link, link_of(device, *row));
  invitation::greeter::options side;
  side.terms = {device.organization, token, link.kind, link.secret, about.mailed};
  side.expires = invitation::timestamp(row->expires);
  side.email = about.email.value_or("");
  side.give_up = actors::wall_now() + p.duration("timeout", patience);
  if (const auto profile = p.optional_text("profile")) {
    KEYFOLD_TRY(side.profile, profile_from(*profile));
  }
  KEYFOLD_TRY(const auto self, context.agent_of.find(p.organization()));
  KEYFOLD_TRY(const auto exchange, context.agent_of.ask<actors::exchange_actor>(
                                       *self.running, actors::start_greeting{side}));
  KEYFOLD_TRY(const auto id, context.exchanges_of.add(exchange));
  return json{{"exchange", id}};
}

expected<json> join(api_context& context, const parameters& p) {
  joining what;
  KEYFOLD_TRY(what.link, p.text("link"));
  KEYFOLD_TRY(what.device, p.plain_text("device", ledger::max_label_size));
  what.person = p.optional_text("person").value_or("");
  if (!what.person.empty()) KEYFOLD_CHECK(p.plain_text("person", ledger::max_person_name_size));
  KEYFOLD_TRY(const auto password, p.text("password"));
  what.password = secret_buffer(std::string_view(password));
  what.timeout = p.duration("timeout", patience);
  const auto invitation = what.link.substr(0, what.link.find('#'));
  context.exchanges_of.replace(invitation);
  KEYFOLD_TRY(const auto exchange, context.agent_of.join(what));
  KEYFOLD_TRY(const auto id, context.exchanges_of.add(exchange, invitation));
  return json{{"exchange", id}};
}

struct event_document {
  json operator()(std::monostate) const { return {{"event", "none"}}; }
  json operator()(const invitation::out::show_waiting&) const { return {{"event", "waiting"}}; }
  json operator()(const invitation::out::show_choose& e) const {
    auto codes = json::array();
    for (const auto code : e.codes) codes.push_back(to_text(code));
    return {{"event", "choose"}, {"codes", codes}};
  }
  json operator()(const invitation::out::show_tell& e) const {
    return {{"event", "tell"}, {"code", to_text(e.code)}};
  }
  json operator()(const invitation::out::show_confirm& e) const {
    return {{"event", "confirm"},
            {"email", e.email.empty() ? json(nullptr) : json(e.email)},
            {"name", e.name.empty() ? json(nullptr) : json(e.name)},
            {"device", e.device}};
  }
  json operator()(const invitation::out::done& e) const {
    return {{"event", "done"}, {"user", to_text(e.user)}, {"device", to_text(e.device)}};
  }
  json operator()(const invitation::out::failed& e) const {
    json out{{"event", "failed"}, {"reason", invitation::to_string(e.why)}};
    if (e.refusal)
      out["error"] = {{"code", to_string(e.refusal->code)}, {"message", e.refusal->message}};
    return out;
  }
};

bool is_last(const actors::exchange_event& event) {
  return std::holds_alternative<invitation::out::done>(event) ||
         std::holds_alternative<invitation::out::failed>(event);
}

expected<json> next(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto id, p.text("exchange"));
  KEYFOLD_TRY(const auto exchange, context.exchanges_of.find(id));
  const auto timeout = std::min(p.duration("timeout", std::chrono::seconds(5)), longest_poll);
  KEYFOLD_TRY(const auto event,
              context.agent_of.ask<actors::exchange_event>(exchange, actors::next_event{timeout},
                                                           timeout + std::chrono::seconds(10)));
  if (is_last(event)) context.exchanges_of.remove(id);
  return std::visit(event_document{}, event);
}

expected<invitation::input> input_of(const json& answer) {
  const parameters p(answer);
  if (answer.contains("pick")) {
    if (answer["pick"].is_null()) return invitation::in::picked{};
    KEYFOLD_TRY(const auto text, p.text("pick"));
    KEYFOLD_TRY(const auto code, sas_from_text(text));
    return invitation::in::picked{0, code};
  }
  if (!answer.contains("accept") || !answer["accept"].is_boolean())
    return fail(errc::usage,
                R"(answer with {"pick":CODE}, {"pick":null} or {"accept":true|false})");
  invitation::in::confirmed out{0, p.flag("accept"), std::nullopt, p.optional_text("email"),
                                p.optional_text("name")};
  if (const auto profile = p.optional_text("profile")) {
    KEYFOLD_TRY(out.profile, profile_from(*profile));
  }
  return out;
}

expected<json> answer(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto id, p.text("exchange"));
  KEYFOLD_TRY(const auto exchange, context.exchanges_of.find(id));
  const auto given = p.document().find("answer");
  if (given == p.document().end() || !given->is_object())
    return fail(errc::usage, "the answer is missing");
  KEYFOLD_TRY(auto input, input_of(*given));
  caf::anon_send(exchange, actors::exchange_answer{std::move(input)});
  return ok();
}

expected<json> cancel_exchange(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto id, p.text("exchange"));
  KEYFOLD_TRY(const auto exchange, context.exchanges_of.find(id));
  caf::anon_send(exchange, actors::exchange_answer{invitation::in::cancel{}});
  return ok();
}

}  // namespace

void add_invitation_methods(method_table& table) {
  table["invite.user"] = invite_user;
  table["invite.device"] = [](api_context& context, const parameters& p) {
    return invite(context, p, kind::device, std::nullopt);
  };
  table["invite.list"] = list_invitations;
  table["invite.cancel"] = cancel;
  table["exchange.greet"] = greet;
  table["exchange.join"] = join;
  table["exchange.next"] = next;
  table["exchange.answer"] = answer;
  table["exchange.cancel"] = cancel_exchange;
}

}  // namespace keyfold::apps
