// What went wrong without making a certificate invalid: told to a person, and mended by any holder
// of the key.
#pragma once

#include <string>

#include "store/ledger/view.hpp"

namespace keyfold::ledger {

enum class incident_kind : std::uint8_t {
  attachment_mismatch = 1,  ///< what came beside a body does not have its hash; it was not kept
  bad_frontier,             ///< a frontier names heads that its user did not sign; they are ignored
  row_does_not_open,        ///< a sealed key is garbage
  key_mismatch,             ///< a sealed key opens, but is not the one of the commitment
  row_missing,              ///< a reader has no row, or somebody who is no reader has one
  earlier_mismatch,  ///< an earlier key, sealed under a newer one, is not the one of its commitment
};
[[nodiscard]] std::string_view to_string(incident_kind kind);

struct incident {
  incident_kind kind{};
  ledger_seq seq;                         ///< of the certificate at fault
  std::optional<workspace_id> workspace;  ///< nullopt: the organization
  std::optional<user_id> about;           ///< whose row or frontier it is
  std::optional<epoch_number> epoch;
  auto operator<=>(const incident&) const = default;
};

}  // namespace keyfold::ledger
