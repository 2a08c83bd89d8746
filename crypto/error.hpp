// Failures are values: an error code, one for each refusal, and a sentence for a person.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace keyfold {

/// One code per refusal, listed in crypto/error_codes.inc; its text form is its name.
enum class errc {
#define KEYFOLD_ERROR(name) name,
#include "crypto/error_codes.inc"
#undef KEYFOLD_ERROR
};

/// The code's name, as it stands in logs, in replies on the wire and in JSON.
std::string_view to_string(errc code);
/// The code of that name; `errc::unknown` for a name of a later version.
errc errc_from_string(std::string_view name);

/// What went wrong; and what to do, where a person can do something. Never holds a secret.
struct error {
  errc code;
  std::string message;
};

template <class T>
using expected = tl::expected<T, error>;

/// `return fail(errc::bad_signature, "...")` from a function that returns expected<T>.
[[nodiscard]] inline tl::unexpected<error> fail(errc code, std::string message = {}) {
  if (message.empty()) message = std::string(to_string(code));
  return tl::unexpected<error>(error{code, std::move(message)});
}
/// Hands the error of `result` on.
template <class T>
[[nodiscard]] tl::unexpected<error> fail(const tl::expected<T, error>& result) {
  return tl::unexpected<error>(result.error());
}

}  // namespace keyfold

/// Leaves the function with the error of `expression`, if it has one.
#define KEYFOLD_CHECK(expression)                                                   \
  do {                                                                              \
    if (auto keyfold_result = (expression); !keyfold_result)                        \
      return ::tl::unexpected<::keyfold::error>(std::move(keyfold_result.error())); \
  } while (false)

#define KEYFOLD_CONCAT_(a, b) a##b
#define KEYFOLD_CONCAT(a, b) KEYFOLD_CONCAT_(a, b)
/// `KEYFOLD_TRY(auto x, f());` declares x from f()'s value, or leaves with f()'s error.
#define KEYFOLD_TRY(declaration, expression) \
  KEYFOLD_TRY_(KEYFOLD_CONCAT(keyfold_try_, __LINE__), declaration, expression)
// NOLINTBEGIN(bugprone-macro-parentheses): declarations and names
#define KEYFOLD_TRY_(name, declaration, expression)                              \
  auto name = (expression);                                                      \
  if (!name) return ::tl::unexpected<::keyfold::error>(std::move(name.error())); \
  declaration = std::move(*name)
// NOLINTEND(bugprone-macro-parentheses)
