// What the relay signs: a certificate's place in the ledger, and its head in a greeting (FORMATS 1,
// PROTOCOL).
//
//   receipt         := [statement: bin, signature]
//   statement       := [1, organization, term, seq, certificate hash, counter, incarnation]
//   hello statement := [1, organization, term, seq, hash, counter, incarnation, nonce]
//   record          := [certificate, receipt]
#pragma once

#include "store/ledger/certificate.hpp"

namespace keyfold::ledger {

/// The relay's words: "in this term, `hash` stands at `seq`, and nothing stands after it yet".
struct statement {
  organization_id organization;
  std::uint64_t term = 0;
  ledger_seq seq;
  certificate_hash hash;
  std::uint64_t counter = 0;    ///< grows over all statements of a relay
  incarnation_id incarnation;   ///< random, one per start of the relay
  std::optional<hash32> nonce;  ///< of a hello statement; a receipt has none
  bool operator==(const statement&) const = default;
};

/// A statement as it travels; of a receipt or of a hello.
struct signed_statement {
  bytes statement_bytes;
  bytes signature;
  ledger::statement statement;  ///< decoded from statement_bytes
};
using receipt = signed_statement;

[[nodiscard]] bytes encode_statement(const statement& s);
/// With or without a nonce, by the number of its fields; `errc::malformed` or
/// `errc::unknown_version`.
[[nodiscard]] expected<statement> decode_statement(bytes_view data);
/// Encodes and signs, with the context of a receipt or, with a nonce, of a hello.
[[nodiscard]] signed_statement sign_statement(const statement& s, const signing_key& relay);
/// Decodes and verifies a received statement: `errc::bad_receipt` when its signature is wrong.
[[nodiscard]] expected<signed_statement> verify_statement(bytes_view statement_bytes,
                                                          bytes_view signature,
                                                          const signing_public_key& relay);

/// A certificate together with the relay's receipt: what a ledger consists of.
struct record {
  ledger::certificate certificate;
  ledger::receipt receipt;
};
[[nodiscard]] bytes encode_record(const record& r);
/// Decodes; the receipt's signature is not checked yet.
[[nodiscard]] expected<record> decode_record(bytes_view data);
[[nodiscard]] bytes encode_receipt(const receipt& r);
[[nodiscard]] expected<receipt> decode_receipt(bytes_view data);
/// The receipt is signed by the relay and is about this certificate: `errc::bad_receipt`.
[[nodiscard]] expected<void> check_receipt(const record& r, const signing_public_key& relay);

/// What two statements of one relay say about each other.
enum class contradiction {
  none,
  forked,        ///< two hashes at one (term, seq): convicts the relay
  stepped_back,  ///< within one incarnation the later one has the lower seq, or a counter is used
                 ///< twice: convicts
  restored,      ///< a lower head under another incarnation: the relay was restored from a backup
};
[[nodiscard]] constexpr bool convicts(contradiction c) {
  return c == contradiction::forked || c == contradiction::stepped_back;
}
/// Compares two verified statements; `fresh` was heard after `known` (for `restored` it must be a
/// hello, whose nonce proves when it was made; receipts of old positions are no step back in time).
[[nodiscard]] contradiction compare(const statement& known, const statement& fresh);

/// Two statements that contradict each other; how they are kept and shown: store/incident.
struct evidence {
  contradiction what = contradiction::none;
  signed_statement first;
  signed_statement second;
};

}  // namespace keyfold::ledger
