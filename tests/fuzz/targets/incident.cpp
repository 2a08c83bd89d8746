// store/incident: evidence, reports on disk, and files that shall convince somebody.
//   input := which (1) ‖ bytes      which: 0 evidence, 1 a report, 2 the body of a file (its hash is put beside it), 3 a file
#include "crypto/hash.hpp"
#include "store/incident/proof.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace keyfold;

void check_report(bytes_view data) {
  const auto r = incident::decode_report(data);
  if (!r) return;
  const auto again = incident::decode_report(incident::encode_report(*r));
  fuzz::require(again && incident::id_of(*again) == incident::id_of(*r) &&
                    incident::message_of(*again) == incident::message_of(*r),
                "a report that was read is written and read as the same");
}

void check_file(bytes_view file) {
  const auto judged = incident::verify_proof(file);
  if (!judged) return;
  fuzz::require(incident::convicts(judged->proven.what) && (judged->relay || judged->device),
                "a file that holds convicts somebody");
  fuzz::require(ledger::organization_of(judged->root) == judged->proven.organization,
                "the organization is that of the root key");
}

}  // namespace

KEYFOLD_FUZZ_TARGET(incident) {
  fuzz::input in(data);
  const auto which = in.byte();
  const auto encoded = in.rest();
  switch (which % 4) {
    case 0:
      return fuzz::require_one_encoding(encoded, incident::decode_evidence,
                                        incident::encode_evidence);
    case 1:
      return check_report(encoded);
    case 2: {
      writer w;
      w.array(2).bin(encoded).bin(hash("keyfold/v1/incident-file", encoded));
      return check_file(std::move(w).take());
    }
    default:
      return check_file(encoded);
  }
}
