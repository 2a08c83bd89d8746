// incidents, incidents.export
#include "apps/agent/api.hpp"
#include "store/db/file.hpp"
#include "store/incident/proof.hpp"

namespace keyfold::apps {
namespace {

std::string name_of(const std::optional<device_id>& device) {
  return device ? to_text(*device) : "relay";
}

expected<json> list_incidents(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto device, device_of(context, p));
  KEYFOLD_TRY(const auto services, context.agent_of.services(device.device));
  KEYFOLD_TRY(const auto all, services.incidents->list());
  auto out = json::array();
  for (const auto& each : all)
    out.push_back({{"id", to_text(incident::id_of(each))},
                   {"kind", incident::to_string(each.what)},
                   {"when", time_of_ms(each.when)},
                   {"organization", device.ledger->state.organization().name()},
                   {"about", name_of(each.about)},
                   {"from", name_of(each.from)},
                   {"convicts", incident::convicts(each.what)},
                   {"message", incident::message_of(each)}});
  return out;
}

expected<json> export_incident(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto device, device_of(context, p));
  KEYFOLD_TRY(const auto text, p.text("incident"));
  KEYFOLD_TRY(const auto path, p.text("local"));
  const auto id = incident::incident_id::from_text(text);
  KEYFOLD_TRY(const auto services, context.agent_of.services(device.device));
  std::optional<incident::report> found;
  if (id) {
    KEYFOLD_TRY(found, services.incidents->find(*id));
  }
  if (!found)
    return fail(errc::not_found, "there is no incident " + text + "; see: keyfold incidents");
  KEYFOLD_TRY(const auto file, incident::make_proof(*found, device.ledger->state));
  KEYFOLD_CHECK(db::replace_file(path, file));
  return json{{"ok", true}, {"incident", to_text(*id)}, {"file", path}, {"bytes", file.size()}};
}

}  // namespace

void add_incident_methods(method_table& table) {
  table["incidents"] = list_incidents;
  table["incidents.export"] = export_incident;
}

}  // namespace keyfold::apps
