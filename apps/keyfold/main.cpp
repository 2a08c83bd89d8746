// keyfold: the command line (CLI.md). It talks to the agent only; every command is one call of its
// API.
#include <iostream>

#include "apps/keyfold/command.hpp"
#include "crypto/random.hpp"

namespace {

using namespace keyfold;
using namespace keyfold::apps;

/// --json can stand anywhere, also in a line that does not parse otherwise.
bool asks_for_json(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]) == "--json") return true;
  return false;
}

/// What is wrong with a line that does not parse.
std::string explain(const CLI::App& app, const CLI::ParseError& problem, int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  const bool known = std::any_of(commands.begin(), commands.end(), [&](const CLI::App* command) {
    return command->get_name() == first;
  });
  if (!first.empty() && first[0] != '-' && !known)
    return "there is no command " + first + "; see keyfold --help";
  return std::string(problem.what()) + "; see keyfold --help";
}

int run(int argc, char** argv) {
  CLI::App app("Keyfold: shared folders that nobody else can read", "keyfold");
  commander c(app);
  app.require_subcommand(1);
  add_organization_commands(c);
  add_invitation_commands(c);
  add_agent_commands(c);
  add_workspace_commands(c);
  add_file_commands(c);
  add_doctor_commands(c);
  add_incident_commands(c);
  add_history_commands(c);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
  } catch (const CLI::CallForAllHelp&) {
    std::cout << app.help("", CLI::AppFormatMode::All);
  } catch (const CLI::ParseError& problem) {
    c.options().json_output = asks_for_json(argc, argv);
    c.fail_with({errc::usage, explain(app, problem, argc, argv)});
  } catch (const std::exception& problem) {
    c.fail_with({errc::internal, problem.what()});
  }
  return static_cast<int>(c.exit());
}

}  // namespace

int main(int argc, char** argv) {
  initialize_crypto();
  int code = 1;
  try {
    code = run(argc, argv);
  } catch (const std::exception& problem) {
    std::cerr << "keyfold: " << problem.what() << '\n';
  }
  std::cout.flush();
  std::cerr.flush();
  _exit(code);  // a thread may still wait for a line of input (exchange.cpp)
}
