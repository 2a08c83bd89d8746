// What a lab's proxies do to each link: let it be, cut it, or hold its bytes back for a while.
//
// They are told by requests, JSON objects:
//   {"do":"links"}
//   {"do":"partition","a":[END…],"b":[END…]}             no "b": all others
//   {"do":"delay","a":[END…],"b":[END…],"ms":MS}         0: none
//   {"do":"heal"}, {"do":"heal","a":[END…],"b":[END…]}   cut and delayed no longer
// Each is answered by {"ok":true,"links":[{"a","b","cut","delay_ms"}]}, the links that are not as they were, or by
// {"error":{"code","message"}}.
#pragma once

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/lab/names.hpp"

namespace keyfold::apps::lab {

using json = nlohmann::json;

struct link_rule {
  bool cut = false;                    ///< no connection is made or left
  std::chrono::milliseconds delay{0};  ///< of every byte, in both directions
  auto operator<=>(const link_rule&) const = default;
};
inline constexpr std::chrono::milliseconds longest_delay{60'000};

class link_rules {
 public:
  explicit link_rules(std::vector<std::string> devices) : devices_(std::move(devices)) {}

  [[nodiscard]] link_rule between(const std::string& a, const std::string& b) const;
  /// Does what `request` says; `errc::usage` for one that cannot be.
  [[nodiscard]] expected<void> obey(const json& request);
  /// The links with a rule.
  [[nodiscard]] json list() const;

 private:
  [[nodiscard]] expected<std::vector<std::string>> ends(const json& request,
                                                        const char* side) const;

  std::vector<std::string> devices_;
  std::map<link_ends, link_rule> rules_;  ///< those that do something
};

}  // namespace keyfold::apps::lab
