#include "apps/keyfold/command.hpp"

#include <cmath>
#include <cstdlib>
#include <iostream>

#include "apps/keyfold/terminal.hpp"

namespace keyfold::apps {
namespace {

/// What is wrong with a number of seconds; nothing, if it is one. (CLI::Range takes NaN.)
std::string check_seconds(std::string& text) {
  double seconds = 0;
  const bool good = CLI::detail::lexical_cast(text, seconds) && seconds >= 0 && seconds <= 1e9;
  return good ? "" : "a number of seconds from 0 to 1000000000 is needed, not " + text;
}

}  // namespace

commander::commander(CLI::App& app) : app_(app) {
  app.fallthrough();
  app.add_flag("--json", options_.json_output, "One JSON document on standard output");
  app.add_flag("--yes", options_.yes, "Do not ask before what cannot be undone");
  app.add_option("--home", options_.home,
                 "The folder of this installation (default: KEYFOLD_HOME)");
  app.add_option("-o,--organization", options_.organization,
                 "The organization, where there are several");
  app.add_option("--timeout", options_.timeout, "Seconds to wait at most")
      ->check(CLI::Validator(check_seconds, "SECONDS"));
}

api_client& commander::api() {
  if (!api_) {
    auto home = find_home(options_.home);
    if (!home) throw CLI::ValidationError("--home", home.error().message);
    const char* no_autostart = std::getenv("KEYFOLD_NO_AUTOSTART");
    const bool autostart = no_autostart == nullptr || std::string_view(no_autostart) != "1";
    api_.emplace(std::move(*home), autostart);
  }
  return *api_;
}

std::chrono::seconds commander::timeout() const {
  return std::chrono::seconds(static_cast<std::int64_t>(std::ceil(options_.timeout)));
}

json commander::with_organization(json parameters) const {
  if (options_.organization) parameters["organization"] = *options_.organization;
  return parameters;
}

void commander::call(const std::string& method, const json& parameters, const printer& print) {
  auto full = with_organization(parameters);
  full["timeout"] = options_.timeout;
  const auto answer = api().call(method, full, timeout());
  answer ? succeed(*answer, print) : fail_with(answer.error());
}

void commander::succeed(const json& document, const printer& print) {
  if (options_.json_output)
    std::cout << dump_document(document) << '\n';
  else if (print)
    print(document);
  else
    std::cout << "Done.\n";
}

void commander::fail_with(const error& problem) {
  if (options_.json_output)
    std::cout << json{{"error", {{"code", to_string(problem.code)}, {"message", problem.message}}}}
                     .dump(-1, ' ', false, json::error_handler_t::replace)
              << '\n';
  std::cerr << "keyfold: " << problem.message << '\n';
  exit_ = exit_code_of(problem.code);
}

bool commander::confirmed(const std::string& question) {
  if (options_.yes) return true;
  const auto answer = ask(question);
  if (!answer)
    fail_with(answer.error());
  else if (!*answer)
    fail_with({errc::cancelled, "not done"});
  return answer && *answer;
}

bool is_remote(const std::string& text) {
  const auto colon = text.find(':');
  const auto slash = text.find('/');
  return colon != std::string::npos && colon > 0 && (slash == std::string::npos || colon < slash);
}

argument_text positional(CLI::App* sub, const std::string& name, bool required) {
  auto value = std::make_shared<std::string>();
  auto* option = sub->add_option(name, *value);
  if (required) option->required();
  return value;
}

expected<remote_path> parse_remote(const std::string& text) {
  if (!is_remote(text))
    return fail(errc::usage, "a path in a workspace is written WORKSPACE:/path, not " + text);
  const auto colon = text.find(':');
  auto path = text.substr(colon + 1);
  if (path.empty()) path = "/";
  if (path[0] != '/')
    return fail(errc::usage, "the path after '" + text.substr(0, colon + 1) + "' begins with '/'");
  return remote_path{text.substr(0, colon), path};
}

}  // namespace keyfold::apps
