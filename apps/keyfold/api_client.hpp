// Calls to the agent's local API (docs/API.md), starting the agent when it does not run.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>

#include "apps/common/home.hpp"
#include "crypto/bytes.hpp"

namespace keyfold::apps {

using json = nlohmann::json;

class api_client {
 public:
  /// `autostart`: start the agent on the first call when nothing answers.
  api_client(home_paths home, bool autostart) : home_(std::move(home)), autostart_(autostart) {}

  /// One call. The error has the code that the agent gave; `errc::agent_not_running` when there is
  /// none and none may be started; `errc::timed_out` when no answer came within `timeout`.
  [[nodiscard]] expected<json> call(const std::string& method, const json& parameters,
                                    std::chrono::seconds timeout = std::chrono::seconds(60));
  /// A call whose answer is bytes, handed to `sink` as they come; `sink` returns false to stop.
  [[nodiscard]] expected<void> stream(const std::string& method, const json& parameters,
                                      const std::function<bool(bytes_view)>& sink);
  /// True when an agent serves this home now.
  [[nodiscard]] bool running();
  /// Starts the agent with further options and waits until it serves; nothing to do when it runs.
  [[nodiscard]] expected<void> start(const std::vector<std::string>& options);
  /// What the agent's program says of the home while no agent runs (keyfold-agent check).
  [[nodiscard]] expected<json> check_home(const std::vector<std::string>& options);
  [[nodiscard]] const home_paths& home() const { return home_; }

 private:
  [[nodiscard]] expected<void> ensure_running();

  home_paths home_;
  bool autostart_;
};

}  // namespace keyfold::apps
