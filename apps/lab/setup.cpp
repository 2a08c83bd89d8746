// Making a lab, and ending it.
#include "apps/lab/exchange.hpp"
#include "apps/lab/lab.hpp"
#include "apps/lab/loopback.hpp"
#include "crypto/random.hpp"

namespace keyfold::apps::lab {
namespace {

namespace fs = std::filesystem;

constexpr auto organization_name = "lab";
constexpr std::chrono::milliseconds patience{60'000};
constexpr std::size_t password_bytes = 15;

std::string person(const lab_device& device) {
  return std::string("User ") + static_cast<char>(device.user() - 'a' + 'A');
}

expected<void> write_private(const fs::path& path, const std::string& text) {
  return db::replace_file(path.string(), as_bytes(text));
}

expected<lab_plan> plan_of(const lab_size& size) {
  const auto names = device_names(size.users, size.devices);
  KEYFOLD_TRY(const auto ports, free_ports(2 * names.size() + 1));
  lab_plan out;
  out.relay_port = ports.back();
  for (std::size_t i = 0; i < names.size(); ++i)
    out.devices.push_back({names[i], ports[2 * i], ports[2 * i + 1], {}});
  return out;
}

/// A home that listens where the lab says, and reaches others through its proxy alone.
expected<void> make_home_of(const lab_folder& folder, const lab_device& device) {
  KEYFOLD_CHECK(db::make_private_folder(folder.home(device.name).string()));
  KEYFOLD_CHECK(db::make_private_folder(folder.mirror(device.name).string()));
  return write_private(
      folder.home(device.name) / "config.toml",
      "[network]\nlisten = \"tcp://127.0.0.1:" + std::to_string(device.listen_port) +
          "\"\ndiscovery = false\nsocks_proxy = \"127.0.0.1:" + std::to_string(device.socks_port) +
          "\"\n");
}

expected<void> found(laboratory& of, const progress& tell) {
  auto& first = of.plan().devices.front();
  tell(first.name + " creates the organization");
  KEYFOLD_TRY(
      const auto made,
      of.call(first.name, {"org", "create", organization_name, "--relay", of.plan().relay_address,
                           "--email", first.email(), "--name", person(first), "--device",
                           first.name, "--password-file", of.folder().password().string()}));
  first.id = made.value("device", "");
  return save_plan(of.folder(), of.plan());
}

/// The first device lets in other people, and each person's first his others.
expected<void> let_in(laboratory& of, lab_device& device, const progress& tell) {
  const auto first_of_user = std::string(1, device.user()) + "1";
  const bool is_person = device.name == first_of_user;
  const auto greeter = is_person ? of.plan().devices.front().name : first_of_user;
  tell(device.name + " joins, let in by " + greeter);
  auto invite = is_person ? std::vector<std::string>{"invite", "user", device.email()}
                          : std::vector<std::string>{"invite", "device"};
  KEYFOLD_TRY(const auto invitation, of.call(greeter, invite));
  std::vector<std::string> greet{"greet", invitation.value("token", "")};
  if (is_person) greet.insert(greet.end(), {"--profile", "member"});
  KEYFOLD_TRY(auto host, of.talk(greeter, greet));
  KEYFOLD_TRY(
      auto guest,
      of.talk(device.name, {"join", invitation.value("link", ""), "--device", device.name, "--name",
                            person(device), "--password-file", of.folder().password().string()}));
  KEYFOLD_TRY(const auto joined, exchange_codes(host, guest, in(patience)));
  device.id = joined.value("device", "");
  return save_plan(of.folder(), of.plan());
}

expected<void> await_workspace(const laboratory& of, const std::string& device) {
  const auto until = in(patience);
  for (;;) {
    KEYFOLD_TRY(const auto listed, of.call(device, {"workspace", "list"}));
    for (const auto& each : listed)
      if (each.value("name", "") == workspace_name) return {};
    if (std::chrono::steady_clock::now() >= until)
      return fail(errc::timed_out, device + " does not hear of the workspace");
    pause_a_little();
  }
}

expected<void> share(laboratory& of, const std::string& role, const progress& tell) {
  const auto& devices = of.plan().devices;
  const auto& first = devices.front().name;
  tell("the workspace is created, shared and mirrored");
  KEYFOLD_TRY(const auto made, of.call(first, {"workspace", "create", workspace_name}));
  for (const auto& each : devices)
    if (each.name[1] == '1' && each.name != first)
      KEYFOLD_CHECK(
          of.call(first, {"workspace", "share", workspace_name, each.email(), "--role", role}));
  for (const auto& each : devices) {
    KEYFOLD_CHECK(await_workspace(of, each.name));
    KEYFOLD_CHECK(of.call(each.name, {"workspace", "mirror", workspace_name,
                                      of.folder().mirror(each.name).string()}));
  }
  return {};
}

expected<void> start_all(laboratory& of, const progress& tell) {
  tell("proxies and relay start");
  KEYFOLD_CHECK(of.start_proxies());
  KEYFOLD_CHECK(of.start_relay());
  for (const auto& each : of.plan().devices) {
    tell("the agent of " + each.name + " starts");
    KEYFOLD_CHECK(of.start_device(each.name));
  }
  return {};
}

expected<laboratory> resume(laboratory existing, const progress& tell) {
  KEYFOLD_CHECK(existing.lock());
  if (!existing.plan().complete)
    return fail(errc::exists, "a lab that was not finished lies in " +
                                  existing.folder().root.string() +
                                  "; end it with: keyfold-lab down --remove");
  KEYFOLD_CHECK(start_all(existing, tell));
  return existing;
}

}  // namespace

expected<laboratory> bring_up(const lab_folder& folder, const lab_size& size,
                              const progress& tell) {
  std::error_code problem;
  if (fs::exists(folder.plan(), problem)) {
    KEYFOLD_TRY(auto existing, laboratory::open(folder));
    return resume(std::move(existing), tell);
  }
  if (fs::exists(folder.root, problem) && !fs::is_empty(folder.root, problem))
    return fail(errc::exists, folder.root.string() + " holds other things, and no lab");
  KEYFOLD_CHECK(db::make_private_folder(folder.root.string()));
  KEYFOLD_TRY(auto plan, plan_of(size));
  laboratory made(folder, std::move(plan));
  KEYFOLD_CHECK(save_plan(folder, made.plan()));  // from here on `down` ends what was begun
  KEYFOLD_CHECK(made.lock());
  bytes password(password_bytes);
  system_random().fill(password);
  KEYFOLD_CHECK(write_private(folder.password(), to_base64url(password) + "\n"));
  for (const auto& each : made.plan().devices) KEYFOLD_CHECK(make_home_of(folder, each));
  KEYFOLD_CHECK(start_all(made, tell));
  KEYFOLD_CHECK(found(made, tell));
  auto& devices = made.plan().devices;
  for (std::size_t i = 1; i < devices.size(); ++i) KEYFOLD_CHECK(let_in(made, devices[i], tell));
  KEYFOLD_CHECK(share(made, size.role, tell));
  made.plan().complete = true;
  KEYFOLD_CHECK(save_plan(folder, made.plan()));
  return made;
}

expected<std::vector<std::string>> bring_down(laboratory& of, bool remove) {
  std::vector<std::string> out;
  const auto note = [&](const std::string& name, const expected<void>& ended) {
    if (ended) out.push_back(name);
  };
  for (const auto& each : of.plan().devices) note(each.name, of.stop_device(each.name));
  for (const auto* each : {relay_name, proxies_name}) note(each, of.stop(each));
  if (!remove) return out;
  std::error_code problem;
  fs::remove_all(of.folder().root, problem);
  if (problem)
    return fail(errc::io_failed,
                "cannot remove " + of.folder().root.string() + ": " + problem.message());
  return out;
}

}  // namespace keyfold::apps::lab
