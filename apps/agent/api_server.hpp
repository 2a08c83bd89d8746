// HTTP on the home's unix socket: carries the local API's calls to their methods.
#pragma once

#include <memory>

#include "apps/agent/api.hpp"

namespace keyfold::apps {

class api_server {
 public:
  /// Binds `agent.sock` in the home with mode 0600, replacing a stale one (the caller holds the home's lock).
  [[nodiscard]] static expected<std::unique_ptr<api_server>> bind(const home_paths& home,
                                                                  api_context context);
  ~api_server();
  api_server(const api_server&) = delete;
  api_server& operator=(const api_server&) = delete;

  /// Serves until stop() is called from another thread; `serving` is called once calls are taken.
  void run(const std::function<void()>& serving);
  void stop();

 private:
  class implementation;
  explicit api_server(std::unique_ptr<implementation> inside);
  std::unique_ptr<implementation> inside_;
};

}  // namespace keyfold::apps
