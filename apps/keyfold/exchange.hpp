// The code exchange at the command line: `greet` and `join`, for a person or as a line protocol
// (CLI.md).
#pragma once

#include "apps/common/exit_code.hpp"
#include "apps/keyfold/api_client.hpp"

namespace keyfold::apps {

struct exchange_options {
  bool json_lines = false;
  std::chrono::seconds timeout{600};
  std::string profile;  ///< greeter: what `confirm` proposes; may be empty
};

/// Runs the exchange that `method` (exchange.greet or exchange.join) starts, to its end.
/// Events go to standard output; answers come from standard input.
[[nodiscard]] exit_code run_exchange(api_client& api, const std::string& method,
                                     const json& parameters, const exchange_options& options);

}  // namespace keyfold::apps
