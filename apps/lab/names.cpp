#include "apps/lab/names.hpp"

#include <algorithm>
#include <set>

namespace keyfold::apps::lab {
namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == ',')
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

std::vector<std::string> device_names(unsigned users, unsigned devices) {
  std::vector<std::string> out;
  for (unsigned user = 0; user < users; ++user)
    for (unsigned number = 1; number <= devices; ++number)
      out.push_back(static_cast<char>('a' + user) + std::to_string(number));
  return out;
}

expected<std::vector<std::string>> ends_of(const std::string& text,
                                           const std::vector<std::string>& devices) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& end) {
    if (!contains(out, end)) out.push_back(end);
  };
  for (const auto& word : split(text)) {
    const auto before = out.size();
    bool known = word == relay_name || word == "all";
    if (word == relay_name) add(word);
    for (const auto& device : devices) {
      if (word != "all" && word != device && word != device.substr(0, 1)) continue;
      known = true;
      add(device);
    }
    if (!known && out.size() == before)
      return fail(errc::usage, "this lab has no '" + word +
                                   "'; there are a device (a1), a user's "
                                   "devices (a), relay, all, and lists of these (a1,b)");
  }
  return out;
}

link_ends link_between(const std::string& a, const std::string& b) {
  return a < b ? link_ends{a, b} : link_ends{b, a};
}

std::vector<link_ends> links_between(const std::vector<std::string>& a,
                                     const std::vector<std::string>& b,
                                     const std::vector<std::string>& devices) {
  auto others = b;
  if (others.empty()) {
    others = devices;
    others.emplace_back(relay_name);
    std::erase_if(others, [&](const auto& end) { return contains(a, end); });
  }
  std::set<link_ends> out;
  for (const auto& from : a)
    for (const auto& to : others)
      if (from != to) out.insert(link_between(from, to));
  return {out.begin(), out.end()};
}

}  // namespace keyfold::apps::lab
