#include "apps/lab/exchange.hpp"

namespace keyfold::apps::lab {
namespace {

/// The next event besides `waiting`, which must be `kind`.
expected<json> await(child& side, const char* kind, deadline until) {
  for (;;) {
    KEYFOLD_TRY(const auto line, side.line(until));
    if (!line) return fail(errc::cancelled, "the code exchange broke off");
    const auto event = json::parse(*line, nullptr, false);
    const auto what = event.is_object() ? event.value("event", "") : std::string();
    if (what == kind) return event;
    if (what == "failed")
      return fail(errc::cancelled, "the code exchange failed: " + event.value("reason", ""));
    if (what != "waiting") return fail(errc::cancelled, "the code exchange said: " + *line);
  }
}

/// One tells his code, the other picks it.
expected<void> tell(child& from, child& to, deadline until) {
  KEYFOLD_TRY(const auto told, await(from, "tell", until));
  KEYFOLD_TRY(const auto choice, await(to, "choose", until));
  return to.say(json{{"pick", told["code"]}}.dump());
}

}  // namespace

expected<json> exchange_codes(child& greeter, child& guest, deadline until) {
  KEYFOLD_CHECK(tell(greeter, guest, until));
  KEYFOLD_CHECK(tell(guest, greeter, until));
  KEYFOLD_TRY(const auto question, await(greeter, "confirm", until));
  KEYFOLD_CHECK(greeter.say(json{{"accept", true}}.dump()));
  KEYFOLD_TRY(const auto greeted, await(greeter, "done", until));
  KEYFOLD_TRY(auto joined, await(guest, "done", until));
  KEYFOLD_TRY(const int one, greeter.wait(until));
  KEYFOLD_TRY(const int other, guest.wait(until));
  if (one != 0 || other != 0) return fail(errc::cancelled, "the code exchange did not end well");
  return joined;
}

}  // namespace keyfold::apps::lab
