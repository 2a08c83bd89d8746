// What all commands of `keyfold` share: options, one way to report a result, one way to report an
// error.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "apps/common/exit_code.hpp"
#include "apps/keyfold/api_client.hpp"

namespace keyfold::apps {

/// Options that stand before or after any command's name.
struct global_options {
  bool json_output = false;
  bool yes = false;
  std::optional<std::string> home;
  std::optional<std::string> organization;
  double timeout = 60;
};

/// Prints a document for a person.
using printer = std::function<void(const json&)>;

/// Runs commands: each adds itself to the parser; the one that was given leaves its exit code here.
class commander {
 public:
  explicit commander(CLI::App& app);

  CLI::App& app() { return app_; }
  global_options& options() { return options_; }
  [[nodiscard]] const global_options& options() const { return options_; }
  api_client& api();
  /// The timeout of this command, in seconds.
  [[nodiscard]] std::chrono::seconds timeout() const;
  /// `parameters` with the organization that was asked for.
  [[nodiscard]] json with_organization(json parameters) const;

  /// Calls the agent and prints the answer: as JSON, or by `print` (by default "Done.").
  void call(const std::string& method, const json& parameters, const printer& print = {});
  void succeed(const json& document, const printer& print = {});
  void fail_with(const error& problem);
  void set_exit(exit_code code) { exit_ = code; }
  [[nodiscard]] exit_code exit() const { return exit_; }
  /// True when the user agreed (or --yes); otherwise the exit code is set.
  [[nodiscard]] bool confirmed(const std::string& question);

 private:
  CLI::App& app_;
  global_options options_;
  std::optional<api_client> api_;
  exit_code exit_ = exit_code::done;
};

/// The text of an argument; empty until it is parsed, and when it was not given.
using argument_text = std::shared_ptr<std::string>;
[[nodiscard]] argument_text positional(CLI::App* sub, const std::string& name,
                                       bool required = true);

/// `WORKSPACE:/path`, split at the first ':'.
struct remote_path {
  std::string workspace;
  std::string path;
};
/// `errc::usage` unless it has the form WORKSPACE:/path.
[[nodiscard]] expected<remote_path> parse_remote(const std::string& text);
/// True when `text` has the form WORKSPACE:/path and is no local path.
[[nodiscard]] bool is_remote(const std::string& text);

void add_organization_commands(commander& c);
void add_invitation_commands(commander& c);
void add_agent_commands(commander& c);
void add_workspace_commands(commander& c);
void add_file_commands(commander& c);
void add_doctor_commands(commander& c);
void add_incident_commands(commander& c);
/// After add_workspace_commands().
void add_history_commands(commander& c);

}  // namespace keyfold::apps
