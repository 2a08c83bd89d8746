// apps/agent/parameters: what a local program may send to the agent.
#include <algorithm>

#include "apps/agent/parameters.hpp"
#include "store/workspace/operation.hpp"
#include "tests/fuzz/target.hpp"

KEYFOLD_FUZZ_TARGET(api_call) {
  using namespace keyfold;
  using namespace std::chrono_literals;
  const std::string body(as_text(data));
  if (const auto path = apps::parse_path(body))
    for (const auto& name : *path)
      fuzz::require(workspace::check_name(name).has_value(), "a path is made of good names");
  const auto document = apps::parse_call(body);
  if (!document) return;
  const apps::parameters p(*document);
  for (const auto& [name, value] : document->items()) {
    const auto text = p.optional_text(name);
    fuzz::require(text.has_value() == value.is_string(), "text is text");
    if (text) fuzz::require(text->find('\0') == std::string::npos, "without zero bytes");
    fuzz::require(p.text(name).has_value() == (text && !text->empty()),
                  "and not empty where it is needed");
    const auto wait = p.duration(name, 1s);
    fuzz::require(wait >= 0s && wait <= 10'000'000s, "a time is bounded");
    if (p.flag(name)) fuzz::require(value.is_boolean(), "a flag is true or false");
  }
}
