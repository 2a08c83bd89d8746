#include "apps/lab/plan.hpp"

#include <algorithm>

#include "store/db/file.hpp"

namespace keyfold::apps::lab {
namespace {

constexpr int format = 1;
constexpr std::size_t most_bytes = 1024 * 1024;

}  // namespace

const lab_device* lab_plan::find(const std::string& name) const {
  const auto found = std::find_if(devices.begin(), devices.end(),
                                  [&](const auto& each) { return each.name == name; });
  return found == devices.end() ? nullptr : &*found;
}

std::vector<std::string> lab_plan::names() const {
  std::vector<std::string> out;
  for (const auto& each : devices) out.push_back(each.name);
  return out;
}

json to_json(const lab_plan& plan) {
  auto devices = json::array();
  for (const auto& each : plan.devices)
    devices.push_back({{"name", each.name},
                       {"socks_port", each.socks_port},
                       {"listen_port", each.listen_port},
                       {"id", each.id}});
  return {{"format", format},
          {"complete", plan.complete},
          {"relay_port", plan.relay_port},
          {"relay_address", plan.relay_address},
          {"devices", devices}};
}

expected<lab_plan> plan_from_json(const json& document) try {
  if (document.at("format") != format)
    return fail(errc::unknown_version, "the lab is of another version of Keyfold");
  lab_plan out;
  document.at("complete").get_to(out.complete);
  document.at("relay_port").get_to(out.relay_port);
  document.at("relay_address").get_to(out.relay_address);
  for (const auto& each : document.at("devices")) {
    lab_device device;
    each.at("name").get_to(device.name);
    each.at("socks_port").get_to(device.socks_port);
    each.at("listen_port").get_to(device.listen_port);
    each.at("id").get_to(device.id);
    if (device.name.empty()) return fail(errc::malformed, "a device without a name");
    out.devices.push_back(std::move(device));
  }
  return out;
} catch (const json::exception& problem) {
  return fail(errc::malformed, problem.what());
}

expected<lab_plan> load_plan(const lab_folder& folder) {
  const auto read = db::read_file(folder.plan().string(), most_bytes);
  if (!read && read.error().code == errc::not_found)
    return fail(errc::not_found,
                "no lab lies in " + folder.root.string() + "; make one with: keyfold-lab up");
  if (!read) return fail(read);
  const auto document = json::parse(read->begin(), read->end(), nullptr, false);
  auto plan = plan_from_json(document);
  if (!plan) return fail(plan.error().code, folder.plan().string() + ": " + plan.error().message);
  return plan;
}

expected<void> save_plan(const lab_folder& folder, const lab_plan& plan) {
  return db::replace_file(folder.plan().string(), as_bytes(to_json(plan).dump(2) + "\n"));
}

}  // namespace keyfold::apps::lab
