#include "store/invitation/messages.hpp"

#include "crypto/codec.hpp"
#include "store/ledger/certificate.hpp"

namespace keyfold::invitation {
namespace {

constexpr std::string_view claim_context = "keyfold/v1/claim";
constexpr decode_limits limits{.max_bytes = max_payload, .max_depth = 4, .max_values = 128};

writer& put(writer& w, const std::optional<std::string>& text) {
  return text ? w.str(*text) : w.nil();
}

std::string take_text(reader& r, std::size_t max) {
  std::string out(r.str(max));
  if (!ledger::is_plain_text(out, max)) r.break_off();
  return out;
}

std::optional<std::string> take_optional_text(reader& r, std::size_t max) {
  if (r.nil()) return std::nullopt;
  return take_text(r, max);
}

/// The first field, which names the kind.
void take_kind(reader& r, message_kind expected_kind) {
  if (r.uint() != static_cast<std::uint64_t>(expected_kind)) r.break_off();
}

bytes signed_part(const hash32& transcript, bytes_view body) {
  auto out = to_bytes(transcript.view());
  append(out, body);
  return out;
}

/// One key that serves twice would break the rule of the ledger that no key appears twice.
expected<void> check_distinct(const claimed_keys& keys) {
  if (keys.user && *keys.user == keys.link)
    return fail(errc::key_in_use, "a user key that is a link key too");
  return {};
}

expected<claim> decode_claim_body(bytes_view body, kind k) {
  KEYFOLD_TRY(auto r, reader::parse(body, limits));
  claim out;
  r.array(6);
  const auto user = r.optional_bin(33);
  const auto signing = r.bin(33);
  const auto link = r.bin(33);
  out.label = take_text(r, ledger::max_label_size);
  out.email = take_optional_text(r, ledger::max_email_size);
  out.name = take_optional_text(r, ledger::max_person_name_size);
  KEYFOLD_CHECK(r.finish());
  if (user.has_value() != (k == kind::user))
    return fail(errc::malformed, "a claim that does not fit the invitation");
  if (user) {
    KEYFOLD_TRY(out.keys.user, box_public_key::decode(*user));
  }
  KEYFOLD_TRY(out.keys.signing, signing_public_key::decode(signing));
  KEYFOLD_TRY(out.keys.link, box_public_key::decode(link));
  return out;
}

}  // namespace

expected<message_kind> kind_of(bytes_view message) {
  KEYFOLD_TRY(auto r, reader::parse(message, limits));
  if (r.array_up_to(16) == 0) return fail(errc::malformed, "an empty message");
  const auto number = r.uint();
  if (!r.good() || number == 0 || number == 8 || number > 9)
    return fail(errc::malformed, "a message of an unknown kind");
  return static_cast<message_kind>(number);
}

bool is_sealed(bytes_view payload) {
  // A plain message begins with the byte of a msgpack array, and a sealed one with its algorithm's.
  return !payload.empty() && payload.front() < 0x80;
}

bytes encode_signal(message_kind kind) {
  writer w;
  w.array(1).uint(static_cast<std::uint64_t>(kind));
  return std::move(w).take();
}

bytes encode_claim(const claim& c, const signing_key& device, const hash32& transcript) {
  writer body;
  body.array(6);
  c.keys.user ? body.bin(c.keys.user->encode()) : body.nil();
  body.bin(c.keys.signing.encode()).bin(c.keys.link.encode()).str(c.label);
  put(put(body, c.email), c.name);
  const auto encoded = std::move(body).take();
  writer w;
  w.array(3).uint(static_cast<std::uint64_t>(message_kind::claim)).bin(encoded);
  w.bin(device.sign(claim_context, signed_part(transcript, encoded)));
  return std::move(w).take();
}

expected<claim> decode_claim(bytes_view message, kind k, const hash32& transcript) {
  KEYFOLD_TRY(auto r, reader::parse(message, limits));
  r.array(3);
  take_kind(r, message_kind::claim);
  const auto body = r.bin(max_payload);
  const auto signature = r.bin(signature_size);
  KEYFOLD_CHECK(r.finish());
  KEYFOLD_TRY(auto out, decode_claim_body(body, k));
  KEYFOLD_CHECK(verify(out.keys.signing, claim_context, signed_part(transcript, body), signature));
  KEYFOLD_CHECK(check_distinct(out.keys));
  return out;
}

secret_buffer encode_admit(const admission& a) {
  writer w;
  w.array(9).uint(static_cast<std::uint64_t>(message_kind::admit)).bin(a.user).bin(a.device);
  w.uint(static_cast<std::uint64_t>(a.profile)).bin(a.root_key.encode()).str(a.organization_name);
  w.array(2).uint(a.head.seq).bin(a.head.hash);
  w.array(a.relay_addresses.size());
  for (const auto& address : a.relay_addresses) w.str(address);
  a.user_secret ? w.bin(a.user_secret->view()) : w.nil();
  return secret_buffer(std::move(w).take());
}

expected<admission> decode_admit(bytes_view message, kind k, const organization_id& organization) {
  KEYFOLD_TRY(auto r, reader::parse(message, limits));
  admission out;
  r.array(9);
  take_kind(r, message_kind::admit);
  out.user = r.id<user_id>();
  out.device = r.id<device_id>();
  const auto profile = r.uint_up_to(3);
  const auto root_key = r.bin(33);
  out.organization_name = take_text(r, ledger::max_name_size);
  r.array(2);
  out.head.seq = r.count<ledger_seq>();
  out.head.hash = r.id<certificate_hash>();
  for (auto left = r.array_up_to(ledger::max_addresses); left > 0; --left)
    out.relay_addresses.push_back(take_text(r, ledger::max_address_size));
  const auto secret = r.optional_bin(32);
  KEYFOLD_CHECK(r.finish());
  if (profile == 0 || secret.has_value() != (k == kind::device))
    return fail(errc::malformed, "an admission that does not fit the invitation");
  out.profile = static_cast<ledger::profile>(profile);
  KEYFOLD_TRY(out.root_key, signing_public_key::decode(root_key));
  if (secret) {
    KEYFOLD_TRY(out.user_secret, box_secret_key::from(*secret));
  }
  if (ledger::organization_of(out.root_key) != organization)
    return fail(errc::wrong_organization,
                "the greeter's root key is not that of the link's organization");
  return out;
}

bytes encode_abort(std::string_view reason) {
  writer w;
  w.array(2).uint(static_cast<std::uint64_t>(message_kind::abort)).str(reason);
  return std::move(w).take();
}

expected<std::string> decode_abort(bytes_view message) {
  KEYFOLD_TRY(auto r, reader::parse(message, limits));
  r.array(2);
  take_kind(r, message_kind::abort);
  auto out = std::string(r.str(64));
  KEYFOLD_CHECK(r.finish());
  return out;
}

}  // namespace keyfold::invitation
