// The one door to CAF (0.17.6, as Debian 12 and Ubuntu have it). What changed in 1.x is to be
// changed here: how messages are announced, and the words of actor interfaces.
#pragma once

#include <caf/all.hpp>

#include "crypto/error.hpp"

namespace keyfold::actors {

/// Declares that a handler of `Request` gives `Answer`: `handles<get_ledger, ledger_view>`.
template <class Request, class Answer = void>
struct handles_type {
  using type = typename caf::replies_to<Request>::template with<Answer>;
};
template <class Request>
struct handles_type<Request, void> {
  using type = caf::reacts_to<Request>;
};
template <class Request, class Answer = void>
using handles = typename handles_type<Request, Answer>::type;

template <class Answer>
using promise = caf::typed_response_promise<Answer>;

/// Why a request to an actor has no answer: it is gone, or was too slow.
[[nodiscard]] inline error to_error(const caf::error& e) {
  if (e == caf::sec::request_timeout) return {errc::timed_out, "an answer did not come in time"};
  return {errc::internal, "a part of the program is not there any more"};
}

/// An actor that failed is started again so much later: if it fails at once each time, not without pause.
inline constexpr std::chrono::seconds restart_after{1};

/// The monotonic clock in milliseconds.
[[nodiscard]] inline std::chrono::milliseconds monotonic_now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
}
/// The wall clock in milliseconds since 1970.
[[nodiscard]] inline std::chrono::milliseconds wall_now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace keyfold::actors

// Messages stay within the process, so none is serialized.
namespace caf {
template <class T>
struct allowed_unsafe_message_type<tl::expected<T, keyfold::error>> : std::true_type {};
}  // namespace caf

/// Announces a message type of namespace keyfold::actors; to be used at global scope.
#define KEYFOLD_MESSAGE(type) \
  template <>                 \
  struct caf::allowed_unsafe_message_type<keyfold::actors::type> : std::true_type {};
