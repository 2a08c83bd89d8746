// A certificate: one signed statement in the organization's ledger (FORMATS 1, DESIGN 4.2).
//
//   certificate := [header: bin, signature*: bin, body: bin|nil, attachments|nil]
//   header      := [1, organization, seq, prev, author device, scope: bin, body hash]
//   attachments := [rows: bin|nil, earlier: bin|nil, frontier: bin|nil]
//
// The header alone is signed and chained; the body stands behind its hash, and the attachments
// behind hashes in the body, so that those who may not read them can still check the chain.
#pragma once

#include "store/ledger/body.hpp"

namespace keyfold::ledger {

inline constexpr std::size_t max_header_size = 512;
inline constexpr std::size_t max_attachment_size = 1024 * 1024;
inline constexpr std::size_t max_signatures = 2;
inline constexpr std::size_t max_certificate_size = 3 * max_attachment_size + max_body_size + 4096;

struct header {
  organization_id organization;
  ledger_seq seq;
  certificate_hash prev;  ///< zero in genesis
  device_id author;
  std::optional<workspace_id> scope;  ///< nullopt: the organization
  hash32 body_hash;
  bool operator==(const header&) const = default;
};

struct attachments {
  std::optional<bytes> rows;
  std::optional<bytes> earlier;
  std::optional<bytes> frontier;
  [[nodiscard]] bool empty() const { return !rows && !earlier && !frontier; }
  bool operator==(const attachments&) const = default;
};

/// A certificate as it travels and is stored: bytes as received, and their decoded header.
struct certificate {
  bytes header_bytes;
  std::vector<bytes> signatures;
  std::optional<bytes> body;  ///< encoded; nullopt where the reader may not have it
  attachments attached;
  ledger::header header;  ///< decoded from header_bytes
  certificate_hash hash;  ///< of header_bytes

  [[nodiscard]] ledger::position position() const { return {header.seq, hash}; }
};

[[nodiscard]] bytes encode_header(const header& h);
/// `errc::too_large`, `errc::malformed` or `errc::unknown_version`.
[[nodiscard]] expected<header> decode_header(bytes_view data);
[[nodiscard]] certificate_hash hash_of_header(bytes_view header_bytes);

[[nodiscard]] bytes encode_certificate(const certificate& c);
/// Size, limits, decode; also checks that the body has the hash of the header
/// (`errc::body_mismatch`). Signatures and attachments are not checked.
[[nodiscard]] expected<certificate> decode_certificate(bytes_view data);

/// Signs `b` as the statement that header `h` announces (its body hash is filled in). Genesis is
/// signed by `root` too.
[[nodiscard]] certificate sign_certificate(header h, const body& b, attachments attached,
                                           const signing_key& author,
                                           const signing_key* root = nullptr);
/// Checks the author's signature; `errc::bad_signature`, `errc::unknown_algorithm` or
/// `errc::wrong_signatures` (their number or length).
[[nodiscard]] expected<void> check_signature(const certificate& c,
                                             const signing_public_key& author);
/// True for what check_signature() fails with. Receipts do not cover signatures: whoever passed the
/// certificate on may have exchanged its own.
[[nodiscard]] bool is_unsigned(errc why);
/// Checks both signatures of a genesis, and that the root key is the one of the organization's id
/// (`errc::wrong_root`).
[[nodiscard]] expected<void> check_genesis_signatures(const certificate& c, const genesis& g);

/// The id of the organization with that root key.
[[nodiscard]] organization_id organization_of(const signing_public_key& root);

}  // namespace keyfold::ledger
