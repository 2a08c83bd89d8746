#include "apps/agent/parameters.hpp"

#include <algorithm>
#include <array>

#include "store/ledger/sealing.hpp"
#include "store/workspace/operation.hpp"

namespace keyfold::apps {
namespace {

constexpr std::array flags{"recursive", "all", "force"};
constexpr std::array durations{"timeout", "expires_in"};
constexpr std::array texts{"organization", "workspace", "user",     "path",    "from",  "to",
                           "local",        "folder",    "password", "name",    "relay", "email",
                           "person",       "device",    "token",    "profile", "link",  "exchange",
                           "role",         "incident",  "address",  "keep"};

tl::unexpected<error> wrong(const std::string& name, const char* what) {
  return fail(errc::usage, "the parameter " + name + " must be " + what);
}

expected<void> check(const std::string& name, const json& value) {
  const auto is_one_of = [&](const auto& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (value.is_null()) return {};
  if (is_one_of(flags) && !value.is_boolean()) return wrong(name, "true or false");
  if (is_one_of(durations) && !value.is_number()) return wrong(name, "a number of seconds");
  if (is_one_of(texts) && !value.is_string()) return wrong(name, "text");
  // A path ends at a zero byte for the system: it would not be the one that was asked for.
  if (value.is_string() && value.get_ref<const std::string&>().find('\0') != std::string::npos)
    return wrong(name, "without zero bytes");
  if (name == "answer" && value.is_object())
    for (const auto& [inner, content] : value.items())
      if (!content.is_object()) KEYFOLD_CHECK(check(inner, content));
  return {};
}

}  // namespace

expected<json> parse_call(const std::string& body) {
  auto document = json::parse(body.empty() ? "{}" : body, nullptr, false);
  if (!document.is_object()) return fail(errc::usage, "the body is no JSON object");
  for (const auto& [name, value] : document.items()) KEYFOLD_CHECK(check(name, value));
  return document;
}

expected<std::string> parameters::text(const std::string& name) const {
  auto value = optional_text(name);
  if (!value || value->empty())
    return fail(errc::usage, "the parameter " + name + " is missing or empty");
  return *value;
}

std::optional<std::string> parameters::optional_text(const std::string& name) const {
  const auto found = document_.find(name);
  if (found == document_.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

expected<std::string> parameters::plain_text(const std::string& name, std::size_t max,
                                             std::string_view forbidden) const {
  KEYFOLD_TRY(auto out, text(name));
  if (ledger::is_plain_text(out, max, forbidden)) return out;
  std::string without = "control characters";
  for (const char c : forbidden) without = std::string("'") + c + "', " + without;
  return fail(errc::usage, "the parameter " + name + " has at most " + std::to_string(max) +
                               " bytes of UTF-8 text without " + without);
}

bool parameters::flag(const std::string& name) const {
  const auto found = document_.find(name);
  return found != document_.end() && found->is_boolean() && found->get<bool>();
}

std::chrono::milliseconds parameters::duration(const std::string& name,
                                               std::chrono::milliseconds fallback) const {
  const auto found = document_.find(name);
  if (found == document_.end() || !found->is_number()) return fallback;
  const auto seconds = std::clamp(found->get<double>(), 0.0, 1e7);
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

expected<std::vector<std::string>> parse_path(const std::string& text) {
  if (text.empty() || text[0] != '/')
    return fail(errc::usage, "a path in a workspace begins with '/'");
  std::vector<std::string> out;
  std::string name;
  for (std::size_t at = 1; at <= text.size(); ++at) {
    if (at < text.size() && text[at] != '/') {
      name += text[at];
      continue;
    }
    if (name.empty()) continue;  // as for any path, several '/' are one
    auto normal = workspace::normalize_name(name);
    if (!normal)
      return fail(errc::usage, "'" + name + "' cannot be a name: " + normal.error().message);
    out.push_back(std::move(*normal));
    name.clear();
  }
  return out;
}

}  // namespace keyfold::apps
