// Code exchanges under way, by the ids under which programs ask for their events.
#pragma once

#include <map>
#include <mutex>

#include "actors/interfaces.hpp"

namespace keyfold::apps {

/// Thread-safe. An exchange is forgotten when its last event was asked for, or a new one needs its place.
class exchanges {
 public:
  static constexpr std::size_t most = 64;

  /// `errc::busy` when there are too many.
  [[nodiscard]] expected<std::string> add(const actors::exchange_actor& exchange);
  /// `errc::not_found`.
  [[nodiscard]] expected<actors::exchange_actor> find(const std::string& id);
  void remove(const std::string& id);
  /// Ends all of them.
  void stop();

 private:
  std::mutex mutex_;
  std::map<std::string, actors::exchange_actor> running_;
};

}  // namespace keyfold::apps
