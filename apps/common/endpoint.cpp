#include "apps/common/endpoint.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace keyfold::apps {
namespace {

/// Exactly digits, at most 65535. (libzmq takes port 99999 for another one.)
std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || problem != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

}  // namespace

expected<void> check_listen(const std::string& endpoint) {
  constexpr std::string_view scheme = "tcp://";
  const auto colon = endpoint.rfind(':');
  const bool formed =
      endpoint.starts_with(scheme) && colon != endpoint.npos && colon > scheme.size();
  if (!formed || !port_of(std::string_view(endpoint).substr(colon + 1)))
    return fail(
        errc::usage,
        "where to listen is tcp://HOST:PORT with a port from 0 (any free one) to 65535, not " +
            endpoint);
  return {};
}

bool is_host_and_port(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos || colon == 0) return false;
  auto host = std::string_view(text).substr(0, colon);
  if (port_of(std::string_view(text).substr(colon + 1)).value_or(0) == 0) return false;
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  return std::all_of(host.begin(), host.end(), [&](char c) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return plain || c == '.' || (brackets ? c == ':' || c == '%' : c == '-' || c == '_');
  });
}

}  // namespace keyfold::apps
