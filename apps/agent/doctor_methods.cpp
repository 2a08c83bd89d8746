// doctor: the home's files, then what is unlocked.
#include <algorithm>
#include <random>

#include "actors/rebuild.hpp"
#include "apps/agent/api.hpp"
#include "apps/agent/checkup.hpp"

namespace keyfold::apps {
namespace {

constexpr std::size_t objects_sampled = 200;

finding examine_relay(const actors::device_facts& device) {
  const auto check = "relay of " + device.label;
  const auto& relay = device.relay;
  if (relay.state == actors::link_state::online)
    return {check, true, relay.endpoint + " is connected", {}};
  const auto why = relay.why ? ": " + relay.why->message : "";
  if (relay.state == actors::link_state::refused)
    return {check, false, relay.endpoint + " refuses this device" + why,
            "ask an administrator, or who runs the relay"};
  return {check, false, relay.endpoint + " is not connected" + why,
          "look whether the network and the relay are up; what waits is sent when it is back"};
}

finding examine_ledger(const actors::device_facts& device) {
  const auto check = "ledger of " + device.label;
  const auto head = device.ledger->state.head();
  if (!head)
    return {check, false, "nothing of the organization's ledger is here yet",
            "wait until the relay is connected"};
  if (device.ledger->trouble)
    return {check, false, device.ledger->trouble->message, "keyfold org mend shows both lines"};
  return {check, true, "verified up to position " + std::to_string(head->seq.value), {}};
}

finding examine_incidents(const actors::device_facts& device, const incident::book& book) {
  const auto check = "incidents of " + device.label;
  const auto counts = book.counts();
  if (!counts) return {check, false, counts.error().message, {}};
  std::uint64_t all = 0;
  std::uint64_t lies = 0;
  for (const auto& [kind, count] : *counts) {
    all += count;
    if (incident::convicts(kind)) lies += count;
  }
  if (lies > 0)
    return {check, false, "somebody lied: " + std::to_string(lies) + " times", "keyfold incidents"};
  return {check, true, all == 0 ? "none" : "nobody lied; " + std::to_string(all) + " notes", {}};
}

/// Reads some objects, or all: one that is damaged is put aside by that, and fetched again when it is needed.
finding examine_objects(const actors::device_facts& device, object::store& objects,
                        const checkup_options& o) {
  const auto check = "objects of " + device.label;
  std::vector<object_id> ids;
  auto read = objects.list([&](const object_id& id, std::uint64_t) {
    ids.push_back(id);
    return true;
  });
  if (!read) return {check, false, read.error().message, {}};
  const auto all = ids.size();
  if (!o.deep && ids.size() > objects_sampled) {
    std::sample(ids.begin(), ids.end(), ids.begin(), objects_sampled, std::random_device());
    ids.resize(objects_sampled);
  }
  for (const auto& id : ids)
    if (auto got = objects.get(id); !got && got.error().code != errc::damaged)
      return {check, false, got.error().message, "look whether the disk fails (dmesg, smartctl)"};
  const auto aside = objects.aside();
  if (!aside) return {check, false, aside.error().message, {}};
  std::size_t lacking = 0;
  std::size_t good_again = 0;
  for (const auto& id : *aside) {
    if (!objects.has(id).value_or(false)) {
      ++lacking;
    } else if (!o.mend || !objects.drop_aside(id)) {
      ++good_again;
    }
  }
  if (lacking > 0)
    return {check, false, std::to_string(lacking) + " were damaged, and are not fetched again yet",
            "they come from the relay when they are read: keyfold get, cat, or a mirror"};
  if (good_again > 0)
    return {check, false,
            std::to_string(good_again) + " were damaged; good copies were fetched since",
            "look whether the disk fails (dmesg, smartctl); remove the damaged copies: keyfold "
            "doctor --mend"};
  return {check,
          true,
          std::to_string(ids.size()) + " of " + std::to_string(all) + " were read and are whole",
          {}};
}

void examine_rebuilding(const actors::device_facts& device, const db::store& store, findings& out) {
  const auto rebuilt = actors::find_rebuilding(store);
  if (!rebuilt) return;
  const auto check = "rebuilding of " + device.label;
  const auto saved = rebuilt->trouble.empty()
                         ? std::to_string(rebuilt->changes) + " unsent changes were saved"
                         : "nothing could be saved of it (" + rebuilt->trouble + ")";
  for (const auto& [id, actor] : device.workspaces) {
    const auto* fold = device.ledger->state.workspace(id);
    const bool reads = fold != nullptr && ledger::may_read(fold->role_of(device.user));
    if (reads && actors::is_rebuilding(store, id))
      return out.push_back(
          {check, false,
           "the damaged database was replaced; " + saved + "; the relay's part is not here yet",
           "wait until the relay is connected"});
  }
  out.push_back({check,
                 true,
                 "the damaged database was replaced; " + saved + "; it lies in " + rebuilt->from,
                 {}});
}

finding examine_workspace(const std::string& name, const actors::workspace_status& status) {
  const auto check = (status.mirror ? "mirror " : "workspace ") + name;
  if (status.trouble)
    return {check, false, status.state + ": " + status.trouble->message,
            advice(*status.trouble, name)};
  return {check, true, status.state + (status.mirror ? ", at " + *status.mirror : ""), {}};
}

void examine_unlocked(api_context& context, const known_device& known, const checkup_options& o,
                      findings& out) {
  auto& agent = context.agent_of;
  auto services = agent.services(known.header.device);
  const auto device = agent.ask<actors::device_facts>(*known.running, actors::get_device{});
  if (!services || !device)
    return out.push_back({"device " + known.header.label, false, "it does not answer",
                          "keyfold agent stop, then: keyfold unlock"});
  const auto trouble = services->health->trouble();
  auto database = database_finding(
      known.header, trouble ? expected<void>(tl::unexpected(*trouble)) : expected<void>{});
  if (services->health->damaged()) {
    services = fail(errc::damaged);  // it cannot be closed while it is held here
    return out.push_back(o.mend ? agent.set_aside(known.header) : std::move(database));
  }
  out.push_back(std::move(database));
  examine_rebuilding(*device, *services->store, out);
  out.push_back(examine_relay(*device));
  out.push_back(examine_ledger(*device));
  out.push_back(examine_incidents(*device, *services->incidents));
  out.push_back(examine_objects(*device, *services->objects, o));
  for (const auto& [id, actor] : device->workspaces) {
    const auto* fold = device->ledger->state.workspace(id);
    if (fold == nullptr || !ledger::may_read(fold->role_of(device->user))) continue;
    const auto name = device->ledger->keys.name_of(*fold).value_or(to_text(id));
    const auto status = agent.ask<actors::workspace_status>(actor, actors::get_workspace_status{});
    out.push_back(status ? examine_workspace(name, *status)
                         : finding{"workspace " + name, false, status.error().message, {}});
  }
}

expected<json> doctor(api_context& context, const parameters& p) {
  const checkup_options o{p.flag("mend"), p.flag("deep")};
  auto& agent = context.agent_of;
  std::vector<vault::header> readable;
  auto out = examine_home(agent.home(), o, readable);
  out.push_back({"agent", true, "it runs", {}});
  for (const auto& device : agent.devices()) {
    if (device.running) {
      examine_unlocked(context, device, o, out);
      continue;
    }
    auto database = agent.examine_closed(device.header, o);
    const bool sound = database.ok;
    out.push_back(std::move(database));
    if (sound)
      out.push_back({"device " + device.header.label, false,
                     "it is locked: nothing of it is synced", "keyfold unlock"});
  }
  return to_json(out);
}

}  // namespace

void add_doctor_methods(method_table& table) {
  table["doctor"] = doctor;
}

}  // namespace keyfold::apps
