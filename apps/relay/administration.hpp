// Administration of a relay: through the socket of the one that runs, or on its data folder itself.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "actors/interfaces.hpp"

namespace keyfold::apps {

using json = nlohmann::json;

/// What `keyfold-relay org …` asks: {"command": "create|list|show|freeze|thaw", "name"}.
struct administration {
  std::function<expected<std::string>(const std::string& name)> make_link;
  std::function<expected<std::vector<relay::registered>>()> list;
  std::function<expected<void>(const std::string& name, bool frozen)> freeze;
};
/// Carries out one request; the document that the command prints.
[[nodiscard]] expected<json> administer(const administration& how, const json& request);

/// Serves requests on `control.sock` in the relay's data folder (mode 0600) from a thread of its own.
class control_server {
 public:
  [[nodiscard]] static expected<std::unique_ptr<control_server>> start(const std::string& data,
                                                                       administration how);
  ~control_server();
  control_server(const control_server&) = delete;
  control_server& operator=(const control_server&) = delete;

 private:
  class implementation;
  explicit control_server(std::unique_ptr<implementation> inside);
  std::unique_ptr<implementation> inside_;
};

/// Asks the relay that runs on `data`; nullopt when none does.
[[nodiscard]] std::optional<expected<json>> ask_running(const std::string& data,
                                                        const json& request);

}  // namespace keyfold::apps
