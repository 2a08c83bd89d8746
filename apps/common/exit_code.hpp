// Exit codes of every program (CLI.md) and how error codes map to them.
#pragma once

#include "crypto/error.hpp"

namespace keyfold::apps {

enum class exit_code : int {
  done = 0,
  failed = 1,
  usage = 2,
  unreachable = 3,
  locked = 4,
  timed_out = 5
};

[[nodiscard]] constexpr exit_code exit_code_of(errc code) {
  switch (code) {
    case errc::usage:
    case errc::bad_link:  // what was given cannot be what it must be
    case errc::bad_handle:
    case errc::bad_label:
    case errc::bad_workspace_name:
    case errc::bad_organization_name:
      return exit_code::usage;
    case errc::unreachable:
    case errc::disconnected:
    case errc::agent_not_running:
      return exit_code::unreachable;
    case errc::locked:
    case errc::wrong_password:
      return exit_code::locked;
    case errc::timed_out:
      return exit_code::timed_out;
    default:
      return exit_code::failed;
  }
}

}  // namespace keyfold::apps
