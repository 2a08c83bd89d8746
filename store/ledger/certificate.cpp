#include "store/ledger/certificate.hpp"

#include <algorithm>

#include "crypto/hash.hpp"

namespace keyfold::ledger {
namespace {

constexpr std::uint64_t version = 1;
constexpr std::string_view certificate_context = "keyfold/v1/certificate";
constexpr std::string_view genesis_context = "keyfold/v1/genesis";

std::optional<bytes> owned(std::optional<bytes_view> data) {
  if (!data) return std::nullopt;
  return to_bytes(*data);
}

expected<void> check_count(const certificate& c, std::size_t count) {
  const auto whole = [](const bytes& signature) { return signature.size() == signature_size; };
  if (c.signatures.size() != count || !std::all_of(c.signatures.begin(), c.signatures.end(), whole))
    return fail(errc::wrong_signatures, "a certificate with the wrong number of signatures");
  return {};
}

}  // namespace

bytes encode_header(const header& h) {
  writer w;
  w.array(7).uint(version).bin(h.organization).uint(h.seq).bin(h.prev).bin(h.author);
  w.bin(h.scope ? h.scope->view() : bytes_view{}).bin(h.body_hash);
  return std::move(w).take();
}

expected<header> decode_header(bytes_view data) {
  KEYFOLD_TRY(auto in, reader::parse(data, {.max_bytes = max_header_size}));
  in.array(7);
  const auto found = in.uint();
  if (in.good() && found != version)
    return fail(errc::unknown_version, "a certificate of a later version; update Keyfold");
  header out;
  out.organization = in.id<organization_id>();
  out.seq = in.count<ledger_seq>();
  out.prev = in.id<certificate_hash>();
  out.author = in.id<device_id>();
  const auto scope = in.bin(workspace_id::size);
  if (!scope.empty()) {
    KEYFOLD_TRY(const auto workspace, workspace_id::from(scope));
    if (workspace.is_zero()) in.break_off();
    out.scope = workspace_id{workspace};
  }
  out.body_hash = in.id<hash32>();
  KEYFOLD_CHECK(in.finish());
  return out;
}

certificate_hash hash_of_header(bytes_view header_bytes) {
  return hash_as<certificate_hash>("keyfold/v1/certificate-hash", {header_bytes});
}

bytes encode_certificate(const certificate& c) {
  writer w;
  w.array(4).bin(c.header_bytes).array(c.signatures.size());
  for (const auto& signature : c.signatures) w.bin(signature);
  w.optional_bin(c.body);
  if (c.attached.empty())
    w.nil();
  else
    w.array(3)
        .optional_bin(c.attached.rows)
        .optional_bin(c.attached.earlier)
        .optional_bin(c.attached.frontier);
  return std::move(w).take();
}

expected<certificate> decode_certificate(bytes_view data) {
  KEYFOLD_TRY(auto in, reader::parse(data, {.max_bytes = max_certificate_size}));
  certificate out;
  in.array(4);
  out.header_bytes = to_bytes(in.bin(max_header_size));
  const auto count = in.array_up_to(max_signatures);
  for (std::size_t i = 0; i < count; ++i)
    out.signatures.push_back(to_bytes(in.bin(signature_size)));
  out.body = owned(in.optional_bin(max_body_size));
  if (!in.nil()) {
    in.array(3);
    out.attached.rows = owned(in.optional_bin(max_attachment_size));
    out.attached.earlier = owned(in.optional_bin(max_attachment_size));
    out.attached.frontier = owned(in.optional_bin(max_attachment_size));
    if (out.attached.empty()) in.break_off();  // nothing is nil, and has no second encoding
  }
  KEYFOLD_CHECK(in.finish());
  KEYFOLD_TRY(out.header, decode_header(out.header_bytes));
  out.hash = hash_of_header(out.header_bytes);
  if (out.body && hash_of_body(*out.body) != out.header.body_hash)
    return fail(errc::body_mismatch, "a certificate's body that is not the one its header names");
  return out;
}

certificate sign_certificate(header h, const body& b, attachments attached,
                             const signing_key& author, const signing_key* root) {
  certificate out;
  out.body = encode_body(b);
  h.body_hash = hash_of_body(*out.body);
  out.header_bytes = encode_header(h);
  out.signatures.push_back(author.sign(certificate_context, out.header_bytes));
  if (root != nullptr) out.signatures.push_back(root->sign(genesis_context, out.header_bytes));
  out.attached = std::move(attached);
  out.hash = hash_of_header(out.header_bytes);
  out.header = h;
  return out;
}

expected<void> check_signature(const certificate& c, const signing_public_key& author) {
  KEYFOLD_CHECK(check_count(c, 1));
  return verify(author, certificate_context, c.header_bytes, c.signatures[0]);
}

bool is_unsigned(errc why) {
  return why == errc::bad_signature || why == errc::wrong_signatures ||
         why == errc::unknown_algorithm;
}

expected<void> check_genesis_signatures(const certificate& c, const genesis& g) {
  KEYFOLD_CHECK(check_count(c, 2));
  if (organization_of(g.root_key) != c.header.organization)
    return fail(errc::wrong_root, "a genesis by another root key than the organization's");
  KEYFOLD_CHECK(verify(g.device.signing_key, certificate_context, c.header_bytes, c.signatures[0]));
  return verify(g.root_key, genesis_context, c.header_bytes, c.signatures[1]);
}

organization_id organization_of(const signing_public_key& root) {
  return hash_as<organization_id>("keyfold/v1/organization", {root.view()});
}

}  // namespace keyfold::ledger
