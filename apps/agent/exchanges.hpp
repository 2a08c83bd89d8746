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

  /// Before a guest follows an invitation once more: the older exchange is replaced, and says so. Else one that its
  /// program left behind would come back with the relay, and take the place of the new one. (Of greeters the device
  /// takes care.)
  void replace(const std::string& invitation);
  /// `errc::busy` when there are too many.
  [[nodiscard]] expected<std::string> add(const actors::exchange_actor& exchange,
                                          const std::string& invitation = {});
  /// `errc::not_found`.
  [[nodiscard]] expected<actors::exchange_actor> find(const std::string& id);
  void remove(const std::string& id);
  /// Ends all of them.
  void stop();

 private:
  struct entry {
    std::string invitation;  ///< a guest's
    actors::exchange_actor exchange;
    std::chrono::milliseconds asked;  ///< when anybody last did
  };
  std::mutex mutex_;
  std::map<std::string, entry> running_;
};

}  // namespace keyfold::apps
