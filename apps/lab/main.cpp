// keyfold-lab: a relay and several devices on one machine, for who develops or tries Keyfold. Links can be cut and
// slowed down, programs ended and killed, by hand or by a scenario. No place for real data: its one password lies in
// its folder.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "apps/common/exit_code.hpp"
#include "apps/common/version.hpp"
#include "apps/keyfold/terminal.hpp"
#include "apps/lab/proxy_server.hpp"
#include "apps/lab/runner.hpp"
#include "crypto/random.hpp"

namespace {

using namespace keyfold;
using namespace keyfold::apps;
using namespace keyfold::apps::lab;

struct options {
  std::string dir;
  bool json_output = false;
  lab_size size;
  std::string a, b, name, file;
  std::int64_t ms = 0;
  bool remove = false;
};

lab_folder folder_of(const options& o) {
  auto dir = o.dir;
  if (const char* set = std::getenv("KEYFOLD_LAB"); dir.empty() && set != nullptr) dir = set;
  if (dir.empty()) dir = "keyfold-lab";
  return {std::filesystem::absolute(dir).lexically_normal()};
}

void print_links(const json& links) {
  for (const auto& each : links) {
    const bool cut = each.value("cut", false);
    std::cout << "  " << cell(each["a"]) << " - " << cell(each["b"]) << ": "
              << (cut ? "cut" : cell(each["delay_ms"]) + " ms later") << '\n';
  }
}

void print_status(const json& status) {
  const auto runs = [](const json& what) {
    return what.value("running", false) ? "runs" : "does not run";
  };
  std::cout << "The lab in " << cell(status["dir"]) << " (no place for real data).\nThe relay "
            << runs(status["relay"]) << ": " << cell(status["relay"]["address"])
            << "\nThe proxies between " << runs(status["proxies"]) << ".\n";
  std::vector<std::vector<std::string>> rows;
  for (const auto& d : status["devices"])
    rows.push_back({cell(d["name"]), d.value("running", false) ? "yes" : "no", cell(d["relay"]),
                    cell(d["home"]), cell(d["folder"])});
  print_table({"DEVICE", "RUNS", "RELAY", "HOME", "FOLDER"}, rows);
  std::cout << "Commands in a device: keyfold --home HOME …; its password is in "
            << cell(status["password_file"]) << ".\n";
  print_links(status["links"]);
}

expected<json> status(const options& o) {
  KEYFOLD_TRY(const auto of, laboratory::open(folder_of(o)));
  return of.status();
}

expected<json> up(const options& o) {
  KEYFOLD_TRY(const auto made, bring_up(folder_of(o), o.size, [&](const std::string& what) {
                if (o.json_output)
                  std::cout << json{{"event", "progress"}, {"step", what}} << std::endl;
                else
                  std::cerr << what << '\n';
              }));
  return made.status();
}

expected<json> down(const options& o) {
  KEYFOLD_TRY(auto of, laboratory::open(folder_of(o)));
  KEYFOLD_CHECK(of.lock());
  KEYFOLD_TRY(const auto ended, bring_down(of, o.remove));
  return json{{"ok", true}, {"ended", ended}, {"removed", o.remove}};
}

expected<json> change_links(const options& o, json request) {
  KEYFOLD_TRY(const auto of, laboratory::open(folder_of(o)));
  if (!o.a.empty()) {
    KEYFOLD_TRY(request["a"], ends_of(o.a, of.plan().names()));
  }
  if (!o.b.empty()) {
    KEYFOLD_TRY(request["b"], ends_of(o.b, of.plan().names()));
  }
  KEYFOLD_TRY(const auto said, ask_proxies(of.folder(), request));
  return json{{"ok", true}, {"links", said["links"]}};
}

/// start, stop or kill, of a device or the relay.
expected<json> power(const options& o, const std::string& what) {
  KEYFOLD_TRY(auto of, laboratory::open(folder_of(o)));
  KEYFOLD_CHECK(of.lock());
  const bool relay = o.name == relay_name;
  if (!relay && of.plan().find(o.name) == nullptr)
    return fail(errc::usage, "this lab has no device " + o.name);
  if (what == "start")
    KEYFOLD_CHECK(relay ? of.start_relay() : of.start_device(o.name));
  else if (what == "stop")
    KEYFOLD_CHECK(relay ? of.stop(o.name) : of.stop_device(o.name));
  else
    KEYFOLD_CHECK(relay ? of.kill(o.name) : of.kill_device(o.name));
  return json{{"ok", true}, {"name", o.name}};
}

expected<json> run_file(const options& o) {
  KEYFOLD_TRY(const auto what, load_scenario(o.file));
  KEYFOLD_TRY(auto of, laboratory::open(folder_of(o)));
  KEYFOLD_CHECK(of.lock());
  if (!o.json_output) std::cout << what.title << '\n';
  const auto began = std::chrono::steady_clock::now();
  KEYFOLD_CHECK(run_scenario(of, what, [&](std::size_t i, std::chrono::milliseconds took) {
    const auto& text = what.steps[i].text;
    if (o.json_output)
      std::cout << json{{"event", "step"}, {"step", i + 1}, {"what", text}, {"ms", took.count()}}
                << std::endl;
    else
      std::cout << "  " << text << "  (" << took.count() << " ms)" << std::endl;
  }));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  return json{{"ok", true},
              {"scenario", what.title},
              {"steps", what.steps.size()},
              {"seconds", seconds.count()}};
}

/// The process that `up` starts.
expected<json> serve_proxies(const options& o) {
  const auto folder = folder_of(o);
  KEYFOLD_TRY(const auto plan, load_plan(folder));
  KEYFOLD_TRY(auto server, proxy_server::bind(plan, folder));
  std::cout << json{{"event", "ready"}} << std::endl;
  server.run();
}

/// Commands, each of which leaves an exit code.
class command_line {
 public:
  explicit command_line(CLI::App& app) : app_(app) {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.add_option("--dir", o_.dir, "The lab's folder (default: KEYFOLD_LAB, or ./keyfold-lab)");
    app_.add_flag("--json", o_.json_output, "One JSON document on standard output");
    add_lab_commands();
    add_link_commands();
    add_power_commands();
  }
  [[nodiscard]] int code() const { return code_; }

  void report(const error& e, bool as_json) {
    if (as_json)
      std::cout << json{{"error", {{"code", to_string(e.code)}, {"message", e.message}}}}.dump(
                       -1, ' ', false, json::error_handler_t::replace)
                << '\n';
    std::cerr << "keyfold-lab: " << e.message << '\n';
    code_ = static_cast<int>(exit_code_of(e.code));
  }

 private:
  using printer = std::function<void(const json&)>;
  void finish(const expected<json>& done, const printer& print) {
    if (!done) return report(done.error(), o_.json_output);
    if (o_.json_output)
      std::cout << dump_document(*done) << '\n';
    else
      print(*done);
  }
  static void print_done(const json&) { std::cout << "Done.\n"; }

  void add_lab_commands() {
    auto* making = app_.add_subcommand("up", "Make a lab, or start what does not run of it");
    making->add_option("--users", o_.size.users, "How many people")
        ->check(CLI::Range(1U, most_users));
    making->add_option("--devices", o_.size.devices, "How many devices of each")
        ->check(CLI::Range(1U, most_devices));
    making->add_option("--role", o_.size.role, "Of all but the first user in the workspace")
        ->check(CLI::IsMember({"reader", "contributor", "manager", "owner"}));
    making->callback([this] { finish(up(o_), print_status); });
    app_.add_subcommand("status", "What runs, where it lies, and which links are not as usual")
        ->callback([this] { finish(status(o_), print_status); });
    auto* ending = app_.add_subcommand("down", "End all that was started");
    ending->add_flag("--remove", o_.remove, "Remove the lab's folder with all files in it");
    ending->callback([this] { finish(down(o_), print_done); });
    auto* running = app_.add_subcommand("run", "Take the steps of a scenario");
    running->add_option("SCENARIO", o_.file, "A TOML file")->required();
    running->callback(
        [this] { finish(run_file(o_), [](const json&) { std::cout << "As expected.\n"; }); });
    app_.add_subcommand("serve-proxies", "Used by up")->group("")->callback([this] {
      finish(serve_proxies(o_), print_done);
    });
    app_.add_subcommand("version", "The version of this program")->callback([this] {
      finish(json{{"version", version()}, {"commit", commit()}},
             [](const json& v) { std::cout << cell(v["version"]) << '\n'; });
    });
  }

  void add_link_commands() {
    const auto print = [](const json& done) {
      std::cout << (done["links"].empty() ? "All links are as usual.\n" : "Links:\n");
      print_links(done["links"]);
    };
    constexpr auto ends = "Devices (a1), all of a user (a), relay, all; lists with commas";
    auto* cutting = app_.add_subcommand("partition", "Cut the links between A and B");
    cutting->add_option("A", o_.a, ends)->required();
    cutting->add_option("B", o_.b, "The same; without it: all others");
    cutting->callback([this, print] { finish(change_links(o_, {{"do", "partition"}}), print); });
    auto* delaying = app_.add_subcommand("delay", "Delay what goes between A and B");
    delaying->add_option("A", o_.a, ends)->required();
    delaying->add_option("B", o_.b, "The same")->required();
    delaying->add_option("MS", o_.ms, "Milliseconds, in each direction")
        ->required()
        ->check(CLI::Range(std::int64_t{0}, std::int64_t{longest_delay.count()}));
    delaying->callback([this, print] {
      finish(change_links(o_, {{"do", "delay"}, {"ms", o_.ms}}), print);
    });
    auto* healing = app_.add_subcommand("heal", "Links as usual again: between A and B, or all");
    healing->add_option("A", o_.a, ends);
    healing->add_option("B", o_.b, "The same; without it: all others");
    healing->callback([this, print] { finish(change_links(o_, {{"do", "heal"}}), print); });
  }

  void add_power_commands() {
    for (const auto* each : {"start", "stop", "kill"}) {
      const auto then = [this, each] { finish(power(o_, each), print_done); };
      auto* command = app_.add_subcommand(
          each, std::string_view(each) == "kill"   ? "Kill an agent, as a crash would"
                : std::string_view(each) == "stop" ? "Stop an agent"
                                                   : "Start an agent, and unlock it");
      command->add_option("DEVICE", o_.name, "a1, b2, … or relay")->required();
      command->callback(then);
    }
    auto* relay = app_.add_subcommand("relay", "Start, stop or kill the relay");
    relay->add_option("WHAT", o_.a)->required()->check(CLI::IsMember({"start", "stop", "kill"}));
    relay->callback([this] {
      o_.name = relay_name;
      finish(power(o_, o_.a), print_done);
    });
  }

  CLI::App& app_;
  options o_;
  int code_ = 0;
};

/// --json can stand anywhere, also in a line that does not parse otherwise.
bool asks_for_json(int argc, char** argv) {
  return std::any_of(argv + 1, argv + argc,
                     [](const char* a) { return std::string_view(a) == "--json"; });
}

int run(int argc, char** argv) {
  CLI::App app("Keyfold: several devices on one machine, to try things out", "keyfold-lab");
  command_line line(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
  } catch (const CLI::ParseError& problem) {
    line.report({errc::usage, std::string(problem.what()) + "; see keyfold-lab --help"},
                asks_for_json(argc, argv));
  } catch (const std::exception& problem) {
    line.report({errc::internal, problem.what()}, asks_for_json(argc, argv));
  }
  return line.code();
}

}  // namespace

int main(int argc, char** argv) {
  initialize_crypto();
  std::signal(SIGPIPE, SIG_IGN);
  setenv("KEYFOLD_NO_AUTOSTART", "1", 1);  // an agent that was killed stays so
  try {
    return run(argc, argv);
  } catch (const std::exception& problem) {
    std::cerr << "keyfold-lab: " << problem.what() << '\n';
    return 1;
  }
}
