#include "store/ledger/incident.hpp"

namespace keyfold::ledger {

std::string_view to_string(incident_kind kind) {
  switch (kind) {
    case incident_kind::attachment_mismatch:
      return "attachment_mismatch";
    case incident_kind::bad_frontier:
      return "bad_frontier";
    case incident_kind::row_does_not_open:
      return "row_does_not_open";
    case incident_kind::key_mismatch:
      return "key_mismatch";
    case incident_kind::row_missing:
      return "row_missing";
    case incident_kind::earlier_mismatch:
      return "earlier_mismatch";
  }
  return "unknown";
}

}  // namespace keyfold::ledger
