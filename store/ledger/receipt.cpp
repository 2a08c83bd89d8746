#include "store/ledger/receipt.hpp"

namespace keyfold::ledger {
namespace {

constexpr std::uint64_t statement_version = 1;
constexpr std::size_t max_statement_size = 512;

std::string_view context_of(const statement& s) {
  return s.nonce ? "keyfold/v1/hello" : "keyfold/v1/receipt";
}

/// How many certificates the relay says it has; none while the organization is not founded (a zero
/// hash).
std::uint64_t height(const statement& s) {
  return s.hash.is_zero() ? 0 : s.seq.value + 1;
}

void write(writer& w, const signed_statement& s) {
  w.array(2).bin(s.statement_bytes).bin(s.signature);
}

expected<signed_statement> read_signed(reader& in) {
  signed_statement out;
  in.array(2);
  out.statement_bytes = to_bytes(in.bin(max_statement_size));
  out.signature = to_bytes(in.bin(signature_size));
  if (!in.good()) return fail(errc::malformed, "a relay's statement that does not have its form");
  KEYFOLD_TRY(out.statement, decode_statement(out.statement_bytes));
  return out;
}

}  // namespace

bytes encode_statement(const statement& s) {
  writer w;
  w.array(s.nonce ? 8 : 7).uint(statement_version).bin(s.organization).uint(s.term).uint(s.seq);
  w.bin(s.hash).uint(s.counter).bin(s.incarnation);
  if (s.nonce) w.bin(*s.nonce);
  return std::move(w).take();
}

expected<statement> decode_statement(bytes_view data) {
  KEYFOLD_TRY(auto in, reader::parse(data, {.max_bytes = max_statement_size}));
  const auto fields = in.array_up_to(8);
  if (fields < 7) in.break_off();
  const auto found = in.uint();
  if (in.good() && found != statement_version)
    return fail(errc::unknown_version, "a relay's statement of a later version; update Keyfold");
  statement out;
  out.organization = in.id<organization_id>();
  out.term = in.uint();
  out.seq = in.count<ledger_seq>();
  out.hash = in.id<certificate_hash>();
  out.counter = in.uint();
  out.incarnation = in.id<incarnation_id>();
  if (fields == 8) out.nonce = in.id<hash32>();
  KEYFOLD_CHECK(in.finish());
  return out;
}

signed_statement sign_statement(const statement& s, const signing_key& relay) {
  signed_statement out;
  out.statement_bytes = encode_statement(s);
  out.signature = relay.sign(context_of(s), out.statement_bytes);
  out.statement = s;
  return out;
}

expected<signed_statement> verify_statement(bytes_view statement_bytes, bytes_view signature,
                                            const signing_public_key& relay) {
  signed_statement out{to_bytes(statement_bytes), to_bytes(signature), {}};
  KEYFOLD_TRY(out.statement, decode_statement(statement_bytes));
  if (!verify(relay, context_of(out.statement), statement_bytes, signature))
    return fail(errc::bad_receipt, "a statement that the relay did not sign");
  return out;
}

bytes encode_receipt(const receipt& r) {
  writer w;
  write(w, r);
  return std::move(w).take();
}

expected<receipt> decode_receipt(bytes_view data) {
  KEYFOLD_TRY(auto in, reader::parse(data, {.max_bytes = 2 * max_statement_size}));
  KEYFOLD_TRY(auto out, read_signed(in));
  KEYFOLD_CHECK(in.finish());
  return out;
}

bytes encode_record(const record& r) {
  writer w;
  w.array(2).raw(encode_certificate(r.certificate)).raw(encode_receipt(r.receipt));
  return std::move(w).take();
}

expected<record> decode_record(bytes_view data) {
  KEYFOLD_TRY(auto in, reader::parse(data, {.max_bytes = max_certificate_size + 2048}));
  in.array(2);
  const auto certificate_bytes = in.raw();
  const auto receipt_bytes = in.raw();
  KEYFOLD_CHECK(in.finish());
  KEYFOLD_TRY(auto content, decode_certificate(certificate_bytes));
  KEYFOLD_TRY(auto place, decode_receipt(receipt_bytes));
  return record{std::move(content), std::move(place)};
}

expected<void> check_receipt(const record& r, const signing_public_key& relay) {
  KEYFOLD_TRY(const auto verified,
              verify_statement(r.receipt.statement_bytes, r.receipt.signature, relay));
  const auto& said = verified.statement;
  const auto& header = r.certificate.header;
  if (said.nonce || said.organization != header.organization || said.seq != header.seq ||
      said.hash != r.certificate.hash)
    return fail(errc::bad_receipt, "a receipt for another certificate");
  return {};
}

contradiction compare(const statement& known, const statement& fresh) {
  if (known.organization != fresh.organization || known.term != fresh.term)
    return contradiction::none;
  if (height(known) == height(fresh) && known.hash != fresh.hash) return contradiction::forked;
  if (known.incarnation == fresh.incarnation) {
    if (known.counter == fresh.counter)
      return known == fresh ? contradiction::none : contradiction::stepped_back;
    const bool known_first = known.counter < fresh.counter;
    const auto& first = known_first ? known : fresh;
    const auto& second = known_first ? fresh : known;
    return height(second) < height(first) ? contradiction::stepped_back : contradiction::none;
  }
  return fresh.nonce && height(fresh) < height(known) ? contradiction::restored
                                                      : contradiction::none;
}

}  // namespace keyfold::ledger
