// What a call of the local API says (docs/API.md): JSON from outside, checked before anything looks at it. No actors
// and no sockets here.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "crypto/error.hpp"

namespace keyfold::apps {

using json = nlohmann::json;

/// The parameters of a call: one JSON object (nothing at all counts as an empty one), in which everything that the
/// API knows has its type, and no text holds a zero byte. `errc::usage` otherwise, saying what is wrong.
[[nodiscard]] expected<json> parse_call(const std::string& body);

/// Parameters of one call, as parse_call() gave them, which must outlive this. Getters fail with `errc::usage`,
/// naming the parameter.
class parameters {
 public:
  explicit parameters(const json& document) : document_(document) {}
  [[nodiscard]] expected<std::string> text(const std::string& name) const;
  [[nodiscard]] std::optional<std::string> optional_text(const std::string& name) const;
  /// As text(), of at most `max` bytes that a person can read: no control characters, and none of `forbidden`.
  [[nodiscard]] expected<std::string> plain_text(const std::string& name, std::size_t max,
                                                 std::string_view forbidden = {}) const;
  [[nodiscard]] bool flag(const std::string& name) const;
  /// Seconds, as milliseconds; `fallback` when not given.
  [[nodiscard]] std::chrono::milliseconds duration(const std::string& name,
                                                   std::chrono::milliseconds fallback) const;
  [[nodiscard]] const json& document() const { return document_; }
  [[nodiscard]] std::optional<std::string> organization() const {
    return optional_text("organization");
  }

 private:
  const json& document_;
};

/// "/a/b" as names; `errc::usage` unless absolute, with good names.
[[nodiscard]] expected<std::vector<std::string>> parse_path(const std::string& text);

}  // namespace keyfold::apps
