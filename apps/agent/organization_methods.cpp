// version, agent.status, agent.stop, unlock, lock, org.*, user.list, device.list, peers
#include <unistd.h>

#include "apps/agent/api.hpp"
#include "apps/common/version.hpp"

namespace keyfold::apps {
namespace {

std::string profile_name(ledger::profile p) {
  switch (p) {
    case ledger::profile::administrator:
      return "administrator";
    case ledger::profile::member:
      return "member";
    case ledger::profile::external:
      return "external";
  }
  return "unknown";
}

std::string relay_state(const std::optional<actors::device_facts>& device) {
  if (!device) return "offline";
  switch (device->relay.state) {
    case actors::link_state::online:
      return "online";
    case actors::link_state::refused:
      return "refused";
    case actors::link_state::offline:
      break;
  }
  return "offline";
}

std::optional<actors::device_facts> facts_of(api_context& context, const known_device& device) {
  if (!device.running) return std::nullopt;
  auto facts = context.agent_of.ask<actors::device_facts>(*device.running, actors::get_device{});
  return facts ? std::optional(*facts) : std::nullopt;
}

expected<json> agent_status(api_context& context, const parameters&) {
  auto devices = json::array();
  auto listen = json::array();
  for (const auto& device : context.agent_of.devices()) {
    const auto facts = facts_of(context, device);
    if (facts && facts->listens) listen.push_back(*facts->listens);
    devices.push_back(
        {{"organization", device.header.organization_name},
         {"device", to_text(device.header.device)},
         {"label", device.header.label},
         {"user", facts ? json(to_text(facts->user)) : json(nullptr)},
         {"locked", !device.running},
         {"relay", relay_state(facts)},
         {"trouble",
          error_document(device.trouble || !facts ? device.trouble : facts->ledger->trouble)}});
  }
  return json{{"running", true},
              {"pid", getpid()},
              {"home", context.agent_of.home().data.string()},
              {"listen", listen},
              {"devices", devices}};
}

expected<secret_buffer> password_of(const parameters& p) {
  KEYFOLD_TRY(auto text, p.text("password"));
  secret_buffer out{std::string_view(text)};
  sodium_memzero(text.data(), text.size());
  return out;
}

expected<json> unlock(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto password, password_of(p));
  KEYFOLD_TRY(const auto count, context.agent_of.unlock(p.organization(), password));
  return json{{"ok", true}, {"unlocked", count}};
}

expected<json> create_organization(api_context& context, const parameters& p) {
  founding what;
  KEYFOLD_TRY(what.name, p.plain_text("name", ledger::max_name_size, "/:"));
  KEYFOLD_TRY(what.relay, p.text("relay"));
  KEYFOLD_TRY(what.email, p.plain_text("email", ledger::max_email_size));
  KEYFOLD_TRY(what.person, p.plain_text("person", ledger::max_person_name_size));
  KEYFOLD_CHECK(ledger::check_handle({what.email, what.person}));
  KEYFOLD_TRY(what.device, p.plain_text("device", ledger::max_label_size));
  KEYFOLD_TRY(what.password, password_of(p));
  if (context.agent_of.find(what.name))
    return fail(errc::exists, "this home has an organization named " + what.name + " already");
  KEYFOLD_TRY(const auto made, context.agent_of.create_organization(what));
  return json{{"ok", true},
              {"organization", what.name},
              {"id", to_text(made.organization)},
              {"user", to_text(made.user)},
              {"device", to_text(made.device)}};
}

expected<json> list_organizations(api_context& context, const parameters&) {
  auto out = json::array();
  const auto preferred = context.agent_of.default_organization();
  for (const auto& device : context.agent_of.devices())
    out.push_back({{"organization", device.header.organization_name},
                   {"id", to_text(device.header.organization)},
                   {"default", preferred == device.header.organization_name},
                   {"relay", relay_state(facts_of(context, device))},
                   {"locked", !device.running}});
  return out;
}

expected<json> use_organization(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto name, p.text("name"));
  KEYFOLD_CHECK(context.agent_of.set_default(name));
  return ok();
}

expected<json> organization_info(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto device, device_of(context, p));
  const auto& organization = device.ledger->state.organization();
  std::uint64_t bytes = 0;
  for (const auto& [id, actor] : device.workspaces) {
    KEYFOLD_TRY(const auto status, context.agent_of.ask<actors::workspace_status>(
                                       actor, actors::get_workspace_status{}));
    bytes += status.total_bytes;
  }
  KEYFOLD_TRY(const auto services, context.agent_of.services(device.device));
  return json{{"organization", organization.name()},
              {"id", to_text(device.organization)},
              {"relay", device.relay.endpoint},
              {"root", to_base64url(organization.root_key().encode())},
              {"users", organization.users().size() - organization.revocations().size()},
              {"devices", organization.devices().size()},
              {"external_allowed", true},
              {"bytes", bytes},
              {"history_bytes", services.objects->total_size()}};
}

expected<json> list_users(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto device, device_of(context, p));
  auto out = json::array();
  for (const auto& [id, user] : device.ledger->state.organization().users()) {
    const auto handle = device.ledger->keys.handle_of(user);
    out.push_back({{"user", to_text(id)},
                   {"email", handle ? json(handle->email) : json(nullptr)},
                   {"name", handle ? json(handle->name) : json(nullptr)},
                   {"profile", profile_name(user.profile())},
                   {"revoked", user.revoked.has_value()},
                   {"devices", user.devices.size()}});
  }
  return out;
}

expected<json> list_devices(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto device, device_of(context, p));
  auto out = json::array();
  for (const auto& [id, record] : device.ledger->state.organization().devices()) {
    if (record.facts.user != device.user) continue;
    const auto label = device.ledger->keys.label_of(record);
    out.push_back(
        {{"device", to_text(id)},
         {"label", label ? json(*label) : json(nullptr)},
         {"user", to_text(record.facts.user)},
         {"created", time_of_ms(record.added_ms)},
         {"purpose", record.purpose == ledger::purpose::recovery ? "recovery" : "standard"},
         {"this", id == device.device}});
  }
  return out;
}

json peer_row(const actors::device_facts& device, const actors::known_peer& peer,
              const actors::peer_facts& facts) {
  const auto* record = device.ledger->state.organization().device(peer.device);
  const auto label = device.ledger->keys.label_of(*record);
  const auto since = facts.direct ? facts.since : peer.relayed_since;
  return {{"device", to_text(peer.device)},
          {"user", to_text(peer.user)},
          {"label", label ? json(*label) : json(nullptr)},
          {"link", facts.direct ? "direct" : "relayed"},
          {"endpoint", facts.direct ? json(facts.endpoint) : json(nullptr)},
          {"since", time_of_ms(static_cast<std::uint64_t>(since.count()))},
          {"sent", facts.sent},
          {"received", facts.received}};
}

expected<json> list_peers(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto device, device_of(context, p));
  auto out = json::array();
  for (const auto& peer : device.peers) {
    actors::peer_facts facts;
    if (peer.direct)
      facts = context.agent_of.ask<actors::peer_facts>(*peer.direct, actors::get_peer{})
                  .value_or(actors::peer_facts{});
    if (facts.direct || peer.relayed_since.count() != 0)
      out.push_back(peer_row(device, peer, facts));
  }
  return out;
}

}  // namespace

void add_organization_methods(method_table& table) {
  table["version"] = [](api_context&, const parameters&) -> expected<json> {
    return json{{"version", version()}, {"commit", commit()}};
  };
  table["agent.status"] = agent_status;
  table["agent.stop"] = [](api_context& context, const parameters&) -> expected<json> {
    context.stop();
    return ok();
  };
  table["unlock"] = unlock;
  table["lock"] = [](api_context& context, const parameters& p) -> expected<json> {
    if (const auto organization = p.organization())
      KEYFOLD_CHECK(context.agent_of.find(organization));
    context.agent_of.lock(p.organization());
    return ok();
  };
  table["org.create"] = create_organization;
  table["org.list"] = list_organizations;
  table["org.use"] = use_organization;
  table["org.info"] = organization_info;
  table["user.list"] = list_users;
  table["device.list"] = list_devices;
  table["peers"] = list_peers;
}

}  // namespace keyfold::apps
