#include "apps/lab/lab.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <csignal>

#include "apps/lab/proxy_server.hpp"

namespace keyfold::apps::lab {
namespace {

constexpr std::chrono::milliseconds patience{20'000}, goodbye{10'000};
constexpr auto commands_log = "commands";

error not_running(const std::string& what) {
  return {errc::not_found, what + " does not run"};
}

std::vector<std::string> command_line(const lab_folder& folder, const std::string& device,
                                      const std::vector<std::string>& arguments) {
  std::vector<std::string> out{program("keyfold"), "--home", folder.home(device).string()};
  out.insert(out.end(), arguments.begin(), arguments.end());
  return out;
}

}  // namespace

expected<laboratory> laboratory::open(lab_folder folder) {
  KEYFOLD_TRY(auto plan, load_plan(folder));
  return laboratory(std::move(folder), std::move(plan));
}

expected<void> laboratory::lock() {
  lock_ = db::file(::open(folder_.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!lock_) return db::fail_from_errno("cannot open " + folder_.lock().string());
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(errc::busy, "another keyfold-lab is at work in " + folder_.root.string());
  return {};
}

// -- commands in homes ----------------------------------------------------------------------------

expected<child> laboratory::talk(const std::string& device,
                                 const std::vector<std::string>& arguments) const {
  auto line = command_line(folder_, device, arguments);
  line.emplace_back("--json");
  return child::start(line, folder_.log(commands_log));
}

expected<laboratory::outcome> laboratory::run(const std::string& device,
                                              const std::vector<std::string>& arguments,
                                              std::chrono::milliseconds time) const {
  KEYFOLD_TRY(auto running,
              child::start(command_line(folder_, device, arguments), folder_.log(commands_log)));
  const auto until = in(time);
  outcome out;
  for (;;) {
    KEYFOLD_TRY(const auto line, running.line(until));
    if (!line) break;
    out.output += *line + "\n";
  }
  KEYFOLD_TRY(out.exit, running.wait(until));
  return out;
}

expected<json> laboratory::call(const std::string& device,
                                const std::vector<std::string>& arguments,
                                std::chrono::milliseconds time) const {
  auto with_json = arguments;
  with_json.emplace_back("--json");
  auto ran = run(device, with_json, time);
  const auto what = device + ": keyfold " + arguments.front();
  if (!ran) return fail(ran.error().code, what + ": " + ran.error().message);
  auto document = json::parse(ran->output, nullptr, false);
  if (document.is_object() && document.contains("error")) {
    const auto& e = document["error"];
    return fail(errc_from_string(e.value("code", "")), what + ": " + e.value("message", ""));
  }
  if (ran->exit != 0 || document.is_discarded())
    return fail(errc::internal, what + ": exit code " + std::to_string(ran->exit) + "; see " +
                                    folder_.log(commands_log).string());
  return document;
}

// -- agents ---------------------------------------------------------------------------------------

json laboratory::agent_status(const std::string& device) const {
  return call(device, {"agent", "status"}).value_or(json{{"running", false}});
}

std::optional<process> laboratory::agent(const std::string& device) const {
  const auto status = agent_status(device);
  if (status.value("running", false)) return process::with_id(status["pid"].get<pid_t>());
  return process::recorded(folder_.record(device));  // it may run, and not answer
}

expected<void> laboratory::start_device(const std::string& device) const {
  KEYFOLD_TRY(const auto started, call(device, {"agent", "start"}));
  const auto status = agent_status(device);
  if (!status.value("running", false)) return tl::unexpected(not_running("the agent of " + device));
  KEYFOLD_CHECK(write_record(folder_.record(device), status["pid"].get<pid_t>()));
  const auto& devices = status["devices"];
  if (devices.empty() || !devices[0].value("locked", true)) return {};
  KEYFOLD_TRY(const auto unlocked,
              call(device, {"unlock", "--password-file", folder_.password().string()}));
  return {};
}

expected<void> laboratory::stop_device(const std::string& device) const {
  const auto running = agent(device);
  if (!running) return tl::unexpected(not_running("the agent of " + device));
  const auto asked = call(device, {"agent", "stop"});
  if (asked && running->wait(in(goodbye))) return {};
  running->end(goodbye);
  return {};
}

expected<void> laboratory::kill_device(const std::string& device) const {
  const auto running = agent(device);
  if (!running) return tl::unexpected(not_running("the agent of " + device));
  running->signal(SIGKILL);
  if (!running->wait(in(goodbye))) return fail(errc::timed_out, device + " does not end");
  return {};
}

// -- relay and proxies ----------------------------------------------------------------------------

expected<void> laboratory::start_relay() {
  if (process::recorded(folder_.record(relay_name))) return {};
  const auto listen = "tcp://127.0.0.1:" + std::to_string(plan_.relay_port);
  KEYFOLD_TRY(
      const auto ready,
      start_in_background({program("keyfold-relay"), "serve", "--listen", listen, "--data",
                           folder_.relay().string(), "--open", "--json"},
                          folder_.record(relay_name), folder_.log(relay_name), in(patience)));
  const auto address = ready.value("address", "");
  if (address == plan_.relay_address) return {};
  plan_.relay_address = address;
  return save_plan(folder_, plan_);
}

expected<void> laboratory::start_proxies() const {
  if (process::recorded(folder_.record(proxies_name))) return {};
  KEYFOLD_TRY(
      const auto ready,
      start_in_background({program("keyfold-lab"), "--dir", folder_.root.string(), "serve-proxies"},
                          folder_.record(proxies_name), folder_.log(proxies_name), in(patience)));
  return {};
}

expected<void> laboratory::stop(const std::string& what) const {
  const auto running = process::recorded(folder_.record(what));
  if (!running) return tl::unexpected(not_running("the " + what));
  running->end(goodbye);
  return {};
}

expected<void> laboratory::kill(const std::string& what) const {
  const auto running = process::recorded(folder_.record(what));
  if (!running) return tl::unexpected(not_running("the " + what));
  running->end(std::chrono::milliseconds(0));
  return {};
}

json laboratory::status() const {
  const auto record = [&](const std::string& what) {
    const auto found = process::recorded(folder_.record(what));
    return json{{"running", found.has_value()}, {"pid", found ? json(found->id()) : json()}};
  };
  auto devices = json::array();
  for (const auto& each : plan_.devices) {
    const auto agent = agent_status(each.name);
    const bool running = agent.value("running", false);
    const auto known = running && !agent["devices"].empty() ? agent["devices"][0] : json::object();
    devices.push_back({{"name", each.name},
                       {"email", each.email()},
                       {"device", each.id},
                       {"home", folder_.home(each.name).string()},
                       {"folder", folder_.mirror(each.name).string()},
                       {"running", running},
                       {"pid", running ? agent["pid"] : json()},
                       {"locked", known.value("locked", json())},
                       {"relay", known.value("relay", json())}});
  }
  auto relay = record(relay_name);
  relay["address"] = plan_.relay_address;
  const auto links = ask_proxies(folder_, {{"do", "links"}});
  return {{"dir", folder_.root.string()},
          {"complete", plan_.complete},
          {"workspace", workspace_name},
          {"password_file", folder_.password().string()},
          {"relay", relay},
          {"proxies", record(proxies_name)},
          {"devices", devices},
          {"links", links ? (*links)["links"] : json::array()}};
}

}  // namespace keyfold::apps::lab
