#include "store/vault/key_file.hpp"

#include "crypto/aead.hpp"
#include "crypto/codec.hpp"

namespace keyfold::vault {
namespace {

constexpr std::string_view context = "keyfold/v1/key-file";
constexpr std::string_view argon2id = "argon2id13";
constexpr std::uint64_t version = 1;
constexpr std::uint64_t method_password = 1;
constexpr decode_limits limits{.max_bytes = max_file_size, .max_depth = 4, .max_values = 64};

struct parts {
  bytes_view header;
  bytes_view sealed;
};

expected<parts> split(bytes_view key_file) {
  KEYFOLD_TRY(auto r, reader::parse(key_file, limits));
  r.array(2);
  const parts out{r.bin(max_file_size), r.bin(max_file_size)};
  KEYFOLD_CHECK(r.finish());
  return out;
}

bytes encode(const header& h) {
  writer w;
  w.array(7).uint(version).str(h.organization_name).bin(h.organization).bin(h.device).str(h.label);
  w.uint(method_password).array(4).str(argon2id).uint(h.parameters.memory_kib);
  w.uint(h.parameters.passes).bin(h.parameters.salt);
  return std::move(w).take();
}

expected<header> decode_header(bytes_view data) {
  KEYFOLD_TRY(auto r, reader::parse(data, limits));
  header out;
  r.array(7);
  if (r.uint() != version && r.good())
    return fail(errc::unknown_version, "a key file of a later version");
  out.organization_name = r.str(max_text_size);
  out.organization = r.id<organization_id>();
  out.device = r.id<device_id>();
  out.label = r.str(max_text_size);
  if (r.uint() != method_password && r.good())
    return fail(errc::unknown_algorithm,
                "a key file that is opened by another method than a password");
  r.array(4);
  if (r.str(max_text_size) != argon2id && r.good())
    return fail(errc::unknown_algorithm, "a key file under another password hash");
  out.parameters.memory_kib = r.uint();
  out.parameters.passes = r.uint();
  const auto salt = r.bin(out.parameters.salt.size());
  if (salt.size() == out.parameters.salt.size())
    std::copy(salt.begin(), salt.end(), out.parameters.salt.begin());
  else
    r.break_off();
  KEYFOLD_CHECK(r.finish());
  return out;
}

secret_buffer encode(const secrets& s) {
  writer w;
  w.array(9).uint(version).bin(s.root_key.encode()).str(s.relay_address).bin(s.relay_key.encode());
  w.bin(s.user).bin(s.user_key.view()).bin(s.signing.view()).bin(s.link_key.view());
  w.bin(s.local_key.view());
  return secret_buffer(std::move(w).take());
}

template <class Secret>
Secret read_secret(reader& r) {
  auto out = Secret::from(r.bin(Secret::size));
  if (!out) r.break_off();
  return out.value_or(Secret{});
}

expected<secrets> decode_secrets(bytes_view data) {
  KEYFOLD_TRY(auto r, reader::parse(data, limits));
  secrets out;
  r.array(9);
  if (r.uint() != version && r.good())
    return fail(errc::unknown_version, "a key file of a later version");
  const auto root_key = r.bin(max_text_size);
  out.relay_address = r.str(max_text_size);
  const auto relay_key = r.bin(max_text_size);
  out.user = r.id<user_id>();
  out.user_key = read_secret<box_secret_key>(r);
  out.signing = read_secret<signing_seed>(r);
  out.link_key = read_secret<box_secret_key>(r);
  out.local_key = read_secret<symmetric_key>(r);
  KEYFOLD_CHECK(r.finish());
  KEYFOLD_TRY(out.root_key, signing_public_key::decode(root_key));
  KEYFOLD_TRY(out.relay_key, box_public_key::decode(relay_key));
  return out;
}

}  // namespace

expected<bytes> seal_key_file(const header& h, const secrets& s, const secret_buffer& password,
                              random_source& random) {
  if (std::max({h.organization_name.size(), h.label.size(), s.relay_address.size()}) >
      max_text_size)
    return fail(errc::too_large, "a name, label or address that is too long for a key file");
  KEYFOLD_TRY(const auto key, derive_from_password(password, h.parameters));
  const auto head = encode(h);
  writer w;
  w.array(2).bin(head).bin(seal(key, context, head, encode(s).view(), random));
  return std::move(w).take();
}

expected<header> read_header(bytes_view key_file) {
  KEYFOLD_TRY(const auto both, split(key_file));
  return decode_header(both.header);
}

expected<opened> open_key_file(bytes_view key_file, const secret_buffer& password) {
  KEYFOLD_TRY(const auto head, read_header(key_file));
  KEYFOLD_TRY(const auto key, derive_from_password(password, head.parameters));
  return open_key_file(key_file, key);
}

expected<opened> open_key_file(bytes_view key_file, const symmetric_key& key) {
  KEYFOLD_TRY(const auto both, split(key_file));
  KEYFOLD_TRY(auto head, decode_header(both.header));
  const auto plain = open(key, context, both.header, both.sealed);
  if (!plain && plain.error().code == errc::bad_seal)
    return fail(errc::wrong_password, "wrong password (or the key file was changed)");
  if (!plain) return fail(plain);
  KEYFOLD_TRY(auto content, decode_secrets(plain->view()));
  return opened{std::move(head), std::move(content)};
}

}  // namespace keyfold::vault
