#include "apps/keyfold/exchange.hpp"

#include <iostream>
#include <mutex>
#include <thread>

#include "apps/keyfold/terminal.hpp"

namespace keyfold::apps {
namespace {

constexpr int poll_seconds = 5;

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

/// What a person is being asked; turns his line into the protocol's answer.
class prompter {
 public:
  explicit prompter(std::string profile) : profile_(std::move(profile)) {}

  /// Shows an event; remembers what it asks for.
  void show(const json& event) {
    const std::lock_guard lock(mutex_);
    const auto kind = event.value("event", "");
    if (kind == "waiting") std::cout << "Waiting for the other person...\n";
    if (kind == "tell")
      std::cout << "Say this code to the other person:  " << event.value("code", "") << '\n';
    if (kind == "choose") {
      codes_ = event["codes"].get<std::vector<std::string>>();
      std::cout << "Which code does the other person say?\n";
      for (std::size_t i = 0; i < codes_.size(); ++i)
        std::cout << "  " << i + 1 << ") " << codes_[i] << '\n';
      std::cout << "  0) none of these\n> " << std::flush;
      asked_ = asked::code;
    }
    if (kind == "confirm") {
      if (event["email"].is_null())
        std::cout << "Let in your new device " << cell(event["device"]) << ".\n";
      else
        std::cout << "Let in: " << cell(event["name"]) << " <" << cell(event["email"]) << "> on "
                  << cell(event["device"]) << '\n';
      if (profile_.empty() && !event["email"].is_null())
        std::cout << "Profile (administrator, member, external), or nothing to refuse:\n> "
                  << std::flush;
      else
        std::cout << "Accept? [y/N]\n> " << std::flush;
      asked_ = event["email"].is_null() || !profile_.empty() ? asked::consent : asked::profile;
    }
  }

  /// The answer in `line`; nullopt when nothing is asked or the line is no answer.
  std::optional<json> answer(const std::string& line) {
    const std::lock_guard lock(mutex_);
    const auto what = std::exchange(asked_, asked::nothing);
    if (what == asked::consent) return json{{"accept", line == "y" || line == "yes"}};
    if (what == asked::profile)
      return line.empty() ? json{{"accept", false}} : json{{"accept", true}, {"profile", line}};
    if (what != asked::code) return std::nullopt;
    if (line == "0") return json{{"pick", nullptr}};
    for (std::size_t i = 0; i < codes_.size(); ++i)
      if (line == std::to_string(i + 1) || upper(line) == codes_[i])
        return json{{"pick", codes_[i]}};
    std::cout << "Give a number from 0 to " << codes_.size() << ".\n> " << std::flush;
    asked_ = what;
    return std::nullopt;
  }

 private:
  enum class asked { nothing, code, profile, consent };
  std::mutex mutex_;
  asked asked_ = asked::nothing;
  std::vector<std::string> codes_;
  std::string profile_;
};

/// Forwards lines of standard input as answers until input or process ends.
void forward_answers(const home_paths& home, const std::string& exchange, prompter* person) {
  api_client api(home, false);
  while (auto line = read_line()) {
    std::optional<json> answer;
    if (person != nullptr) {
      answer = person->answer(*line);
    } else {
      answer = json::parse(*line, nullptr, false);
      if (!answer->is_object()) {
        std::cerr << "keyfold: not a JSON object: " << *line << "; answer as the event asks\n";
        continue;
      }
    }
    if (!answer) continue;
    if (auto done = api.call("exchange.answer", {{"exchange", exchange}, {"answer", *answer}});
        !done)
      std::cerr << "keyfold: " << done.error().message << '\n';
  }
}

exit_code finish(const json& event, bool json_lines) {
  const bool done = event.value("event", "") == "done";
  const auto reason = event.value("reason", "");
  if (done && !json_lines) std::cout << "Done.\n";
  if (!done)
    std::cerr << "keyfold: the code exchange failed (" << reason
              << "); start it again on both sides\n";
  if (done) return exit_code::done;
  return reason == "timeout" ? exit_code::timed_out : exit_code::failed;
}

exit_code report(const error& e, bool json_lines) {
  if (json_lines)
    std::cout << json{{"event", "failed"},
                      {"reason", to_string(e.code)},
                      {"error", {{"code", to_string(e.code)}, {"message", e.message}}}}
              << '\n';
  std::cerr << "keyfold: " << e.message << '\n';
  return exit_code_of(e.code);
}

}  // namespace

exit_code run_exchange(api_client& api, const std::string& method, const json& parameters,
                       const exchange_options& options) {
  // The agent ends the exchange at the timeout; this is for an agent that does not.
  const auto deadline =
      std::chrono::steady_clock::now() + options.timeout + std::chrono::seconds(10);
  auto limited = parameters;
  limited["timeout"] = options.timeout.count();
  auto started = api.call(method, limited);
  if (!started) return report(started.error(), options.json_lines);
  const std::string id = (*started)["exchange"];
  // Both live as long as the process: the reading thread may stand in getline when the exchange
  // ends.
  static std::optional<prompter> person;
  if (!options.json_lines) person.emplace(options.profile);
  std::thread([home = api.home(), id] {
    forward_answers(home, id, person ? &*person : nullptr);
  }).detach();

  bool timed_out = false;
  for (;;) {
    if (!timed_out && std::chrono::steady_clock::now() >= deadline) {
      timed_out = true;
      if (auto cancelled = api.call("exchange.cancel", {{"exchange", id}}); !cancelled)
        return report(cancelled.error(), options.json_lines);
    }
    auto event =
        api.call("exchange.next", {{"exchange", id}, {"timeout", timed_out ? 1 : poll_seconds}});
    if (!event) return report(event.error(), options.json_lines);
    const auto kind = event->value("event", "");
    if (kind == "none") continue;
    if (options.json_lines)
      std::cout << *event << std::endl;
    else
      person->show(*event);
    if (kind == "done" || kind == "failed") return finish(*event, options.json_lines);
  }
}

}  // namespace keyfold::apps
