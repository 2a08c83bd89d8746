// agent, unlock, lock.
#include <unistd.h>

#include <iostream>

#include "apps/common/endpoint.hpp"
#include "apps/keyfold/command.hpp"
#include "apps/keyfold/terminal.hpp"

namespace keyfold::apps {
namespace {

void print_status(const json& status) {
  if (!status.value("running", false)) {
    std::cout << "The agent does not run.\n";
    return;
  }
  std::cout << "The agent runs (process " << cell(status["pid"]) << ", home "
            << cell(status["home"]) << ").\n";
  std::vector<std::vector<std::string>> rows;
  for (const auto& d : status["devices"])
    rows.push_back({cell(d["organization"]), cell(d["label"]), cell(d["locked"]), cell(d["relay"]),
                    cell(d["device"])});
  print_table({"ORGANIZATION", "DEVICE", "LOCKED", "RELAY", "ID"}, rows);
}

void status(commander& c) {
  if (c.api().running()) return c.call("agent.status", json::object(), print_status);
  c.succeed({{"running", false},
             {"pid", nullptr},
             {"home", c.api().home().data.string()},
             {"listen", json::array()},
             {"devices", json::array()}},
            print_status);
}

void stop(commander& c) {
  if (!c.api().running())
    return c.succeed({{"ok", true}}, [](const json&) { std::cout << "The agent does not run.\n"; });
  c.call("agent.stop", json::object());
  const auto deadline = std::chrono::steady_clock::now() + c.timeout();
  while (c.api().running() && std::chrono::steady_clock::now() < deadline)
    usleep(10'000);  // its exit has no event to await here
}

void unlock(commander& c, const std::optional<std::string>& file) {
  const auto password = read_password(file, false);
  if (!password) return c.fail_with(password.error());
  c.call("unlock", {{"password", to_string(password->view())}});
}

/// How the agent is to be started.
struct start_options {
  std::optional<std::string> listen;
  bool no_discovery = false;

  [[nodiscard]] std::vector<std::string> arguments() const {
    std::vector<std::string> out;
    if (listen) out.insert(out.end(), {"--listen", *listen});
    if (no_discovery) out.emplace_back("--no-discovery");
    return out;
  }
};

std::string listen_problem(const std::string& text) {
  if (text == "none") return {};
  const auto good = check_listen(text);
  return good ? std::string() : good.error().message;
}

void run_in_foreground(commander& c, const start_options& options) {
  if (c.api().running())
    return c.fail_with(
        {errc::exists, "an agent runs for this home already; stop it with: keyfold agent stop"});
  std::error_code problem;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", problem);
  std::vector<std::string> arguments{(self.parent_path() / "keyfold-agent").string(), "run"};
  const auto& home = c.api().home();
  if (home.config == home.data) arguments.insert(arguments.end(), {"--home", home.data.string()});
  for (auto& each : options.arguments()) arguments.push_back(std::move(each));
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (auto& each : arguments) argv.push_back(each.data());
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  c.fail_with({errc::agent_not_running, "cannot run " + arguments.front()});
}

}  // namespace

void add_agent_commands(commander& c) {
  auto* agent = c.app().add_subcommand("agent", "The sync agent")->require_subcommand(1);
  auto options = std::make_shared<start_options>();
  const auto with_options = [&](CLI::App* sub) {
    sub->add_option("--listen", options->listen,
                    "Where peers reach this agent: tcp://HOST:PORT (0: any free port), or none")
        ->check(CLI::Validator(listen_problem, "tcp://HOST:PORT|none"));
    sub->add_flag("--no-discovery", options->no_discovery,
                  "Look for no peers in the local network");
    return sub;
  };
  with_options(agent->add_subcommand("start", "Start the agent; returns when it serves"))
      ->callback([&c, options] {
        const auto started = c.api().start(options->arguments());
        started ? c.succeed({{"ok", true}}) : c.fail_with(started.error());
      });
  with_options(agent->add_subcommand("run", "Run the agent in the foreground"))
      ->callback([&c, options] { run_in_foreground(c, *options); });
  agent->add_subcommand("stop", "Stop the agent")->callback([&c] { stop(c); });
  agent->add_subcommand("status", "Whether it runs, and its devices")->callback([&c] {
    status(c);
  });

  auto* unlocking = c.app().add_subcommand("unlock", "Unlock this home's devices");
  auto file = std::make_shared<std::optional<std::string>>();
  unlocking->add_option("--password-file", *file,
                        "Its first line is the password (-: standard input)");
  unlocking->callback([&c, file] { unlock(c, *file); });
  c.app().add_subcommand("lock", "Lock this home's devices")->callback([&c] {
    c.call("lock", json::object());
  });
}

}  // namespace keyfold::apps
