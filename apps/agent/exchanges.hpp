// Code exchanges under way, by the ids under which programs ask for their events.
#pragma once

#include <map>
#include <mutex>

#include "actors/interfaces.hpp"

namespace keyfold::apps {

/// Thread-safe. An exchange is forgotten when its last event was asked for, or when nobody asked for long.
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
  struct entry {
    actors::exchange_actor exchange;
    std::chrono::milliseconds asked;  ///< when anybody last did
  };
  std::mutex mutex_;
  std::map<std::string, entry> running_;
};

}  // namespace keyfold::apps
