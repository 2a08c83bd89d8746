#include "apps/lab/links.hpp"

#include <algorithm>

namespace keyfold::apps::lab {

link_rule link_rules::between(const std::string& a, const std::string& b) const {
  const auto found = rules_.find(link_between(a, b));
  return found == rules_.end() ? link_rule{} : found->second;
}

expected<std::vector<std::string>> link_rules::ends(const json& request, const char* side) const {
  std::vector<std::string> out;
  if (!request.contains(side)) return out;
  if (!request[side].is_array()) return fail(errc::usage, "a side is a list of ends");
  for (const auto& each : request[side]) {
    const auto name = each.is_string() ? each.get<std::string>() : std::string();
    const bool known =
        name == relay_name || std::find(devices_.begin(), devices_.end(), name) != devices_.end();
    if (!known) return fail(errc::usage, "no end of this lab: " + each.dump());
    out.push_back(name);
  }
  return out;
}

expected<void> link_rules::obey(const json& request) {
  const auto what = request.is_object() ? request.value("do", json()) : json();
  KEYFOLD_TRY(const auto a, ends(request, "a"));
  KEYFOLD_TRY(const auto b, ends(request, "b"));
  const auto links = links_between(a, b, devices_);
  if (what == "links") return {};
  if (what == "heal") {
    if (a.empty()) rules_.clear();
    for (const auto& link : links) rules_.erase(link);
    return {};
  }
  if (links.empty()) return fail(errc::usage, "there is no link between an end and itself");
  if (what == "partition") {
    for (const auto& link : links) rules_[link].cut = true;
    return {};
  }
  if (what != "delay") return fail(errc::usage, "no such request: " + what.dump());
  const auto ms = request.value("ms", json());
  if (!ms.is_number_integer() || ms < 0 || ms > longest_delay.count())
    return fail(errc::usage, "a delay is a number of milliseconds from 0 to 60000");
  for (const auto& link : links) {
    auto& rule = rules_[link];
    rule.delay = std::chrono::milliseconds(ms.get<std::int64_t>());
    if (rule == link_rule{}) rules_.erase(link);
  }
  return {};
}

json link_rules::list() const {
  auto out = json::array();
  for (const auto& [link, rule] : rules_)
    out.push_back({{"a", link.first},
                   {"b", link.second},
                   {"cut", rule.cut},
                   {"delay_ms", rule.delay.count()}});
  return out;
}

}  // namespace keyfold::apps::lab
