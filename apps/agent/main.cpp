// keyfold-agent: the desktop sync agent of one home.
#include <fcntl.h>
#include <pthread.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>
#include <thread>

#include "apps/agent/api_server.hpp"
#include "apps/common/descriptors.hpp"
#include "apps/common/endpoint.hpp"
#include "apps/common/exit_code.hpp"
#include "crypto/random.hpp"
#include "store/db/file.hpp"

namespace {

using namespace keyfold;
using namespace keyfold::apps;

struct options {
  std::optional<std::string> home;
  std::optional<int> ready_fd;
  std::optional<std::string> listen;  ///< instead of what config.toml says
  bool no_discovery = false;
  checkup_options checkup;
};

/// Held as long as the agent runs: a home has one agent.
expected<db::file> lock_home(const home_paths& home) {
  db::file lock(open(home.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return db::fail_from_errno("cannot open " + home.lock().string());
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(errc::exists, "an agent runs for this home already: " + home.data.string());
  return lock;
}

/// Looks at a home for which no agent runs; `errc::exists` where one does.
expected<void> check(const options& o) {
  KEYFOLD_TRY(const auto home, find_home(o.home));
  // Where it cannot be locked for another reason (no home, a full or read-only disk), no agent runs either.
  const auto lock = lock_home(home);
  if (!lock && lock.error().code == errc::exists) return fail(lock);
  std::cout << to_json(examine_without_agent(home, o.checkup)).dump() << std::endl;
  return {};
}

/// The signals that end the agent, taken by one thread.
sigset_t block_ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, s);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

/// What config.toml says, and what the options say instead.
expected<network_settings> network_of(const options& o, const home_paths& home) {
  KEYFOLD_TRY(auto network, load_network(home));
  if (o.listen && *o.listen != "none") KEYFOLD_CHECK(check_listen(*o.listen));
  if (o.listen) network.listen = *o.listen;
  if (o.no_discovery) network.discovery = false;
  return network;
}

expected<void> serve(const options& o, const sigset_t& signals) {
  KEYFOLD_TRY(const auto home, find_home(o.home));
  KEYFOLD_CHECK(make_home(home));
  KEYFOLD_TRY(auto network, network_of(o, home));
  KEYFOLD_TRY(const auto lock, lock_home(home));
  if (!raise_descriptor_limit()) spdlog::warn("the limit of open files could not be raised");
  agent devices(home, std::move(network));
  exchanges running;
  const auto stop = [] { kill(getpid(), SIGTERM); };
  KEYFOLD_TRY(const auto server, api_server::bind(home, {devices, running, stop}));
  std::thread waiter([&] {
    int received = 0;
    sigwait(&signals, &received);
    // First what calls wait for: so none of them keeps the server from ending.
    running.stop();
    devices.lock(std::nullopt);
    server->stop();
  });
  server->run([&] {
    spdlog::info("serving {}", home.data.string());
    if (o.ready_fd) close(*o.ready_fd);
  });
  kill(getpid(), SIGTERM);  // where run() ended by itself, the waiter still waits
  waiter.join();
  spdlog::info("stopping");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  initialize_crypto();
  const auto signals = block_ending_signals();
  spdlog::set_default_logger(spdlog::stderr_logger_mt("agent"));
  spdlog::flush_on(spdlog::level::info);
  options o;
  CLI::App app("Keyfold's sync agent; usually started by: keyfold agent start", "keyfold-agent");
  app.fallthrough();
  app.add_option("--home", o.home, "The folder of this installation (default: KEYFOLD_HOME)");
  app.add_option("--ready-fd", o.ready_fd, "A descriptor to close once the agent serves");
  auto* running = app.add_subcommand("run", "Run until stopped");
  running->add_option("--listen", o.listen,
                      "tcp://HOST:PORT, where peers reach this agent, or none");
  running->add_flag("--no-discovery", o.no_discovery, "Look for no peers in the local network");
  auto* checking = app.add_subcommand("check", "What keyfold doctor asks when no agent runs");
  checking->add_flag("--mend", o.checkup.mend);
  checking->add_flag("--deep", o.checkup.deep);
  CLI11_PARSE(app, argc, argv);
  try {
    const bool only_check = checking->count() > 0;
    if (auto served = only_check ? check(o) : serve(o, signals); !served) {
      spdlog::error("{}", served.error().message);
      if (o.ready_fd) (void)!write(*o.ready_fd, "x", 1);
      return static_cast<int>(exit_code_of(served.error().code));
    }
  } catch (const std::exception& problem) {
    spdlog::error("{}", problem.what());
    return 1;
  }
  return 0;
}
