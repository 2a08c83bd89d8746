#include "crypto/box.hpp"

#include <sodium.h>

#include <algorithm>
#include <cassert>

namespace keyfold {
namespace {

constexpr std::uint8_t x25519 = 0x02;
constexpr std::uint8_t box_algorithm = 0x11;
constexpr std::size_t box_overhead = 1 + crypto_box_PUBLICKEYBYTES + crypto_box_MACBYTES;

std::array<std::uint8_t, crypto_box_NONCEBYTES> nonce_of(std::string_view context,
                                                         const box_public_key& ephemeral,
                                                         const box_public_key& recipient) {
  assert(context.size() < 256);
  bytes input{static_cast<std::uint8_t>(context.size())};
  append(input, as_bytes(context));
  append(input, ephemeral.view());
  append(input, recipient.view());
  std::array<std::uint8_t, crypto_box_NONCEBYTES> out{};
  crypto_generichash(out.data(), out.size(), input.data(), input.size(), nullptr, 0);
  return out;
}

/// X25519 ignores the highest bit and reduces modulo p = 2^255 - 19; honest keys are below p.
bool is_canonical(const box_public_key& key) {
  const auto& v = key.value;
  if (v[31] != 0x7f) return v[31] < 0x7f;
  return v[0] < 0xed ||
         std::any_of(v.begin() + 1, v.begin() + 31, [](auto b) { return b != 0xff; });
}

}  // namespace

bytes box_public_key::encode() const {
  bytes out{x25519};
  append(out, view());
  return out;
}

expected<box_public_key> box_public_key::decode(bytes_view data) {
  if (data.size() != 33) return fail(errc::malformed, "a box key of the wrong length");
  if (data[0] != x25519) return fail(errc::unknown_algorithm, "a box key of another algorithm");
  box_public_key out;
  std::copy(data.begin() + 1, data.end(), out.value.begin());
  if (!is_canonical(out)) return fail(errc::bad_key, "a second encoding of a public key");
  std::array<std::uint8_t, 32> scalar{};
  std::array<std::uint8_t, 32> product{};
  scalar[0] = 8;  // X25519 of a small-order point is zero for every clamped scalar
  if (crypto_scalarmult(product.data(), scalar.data(), out.value.data()) != 0)
    return fail(errc::bad_key, "a public key of small order");
  return out;
}

box_key::box_key(const box_secret_key& secret) : secret_(secret) {
  crypto_scalarmult_base(public_.value.data(), secret_.view().data());
}

box_key box_key::generate(random_source& random) {
  box_secret_key secret;
  random.fill(secret.writable());
  return box_key(secret);
}

expected<bytes> seal_box(std::string_view context, const box_public_key& recipient,
                         const box_key& ephemeral, bytes_view plaintext) {
  bytes out(box_overhead + plaintext.size());
  out[0] = box_algorithm;
  const auto& epk = ephemeral.public_key();
  std::copy(epk.value.begin(), epk.value.end(), out.begin() + 1);
  const auto nonce = nonce_of(context, epk, recipient);
  if (crypto_box_easy(out.data() + 33, plaintext.data(), plaintext.size(), nonce.data(),
                      recipient.value.data(), ephemeral.secret().view().data()) != 0)
    return fail(errc::bad_key, "cannot seal to a public key of small order");
  return out;
}

expected<bytes> seal_box(std::string_view context, const box_public_key& recipient,
                         bytes_view plaintext, random_source& random) {
  return seal_box(context, recipient, box_key::generate(random), plaintext);
}

expected<secret_buffer> open_box(std::string_view context, const box_key& recipient,
                                 bytes_view box) {
  if (box.size() < box_overhead) return fail(errc::malformed, "a sealed box that is too short");
  if (box[0] != box_algorithm) return fail(errc::unknown_algorithm, "a box of another algorithm");
  box_public_key epk;
  std::copy_n(box.begin() + 1, 32, epk.value.begin());
  const auto nonce = nonce_of(context, epk, recipient.public_key());
  bytes plaintext(box.size() - box_overhead);
  if (crypto_box_open_easy(plaintext.data(), box.data() + 33, box.size() - 33, nonce.data(),
                           epk.value.data(), recipient.secret().view().data()) != 0)
    return fail(errc::bad_seal, "a sealed box that does not open");
  return secret_buffer(std::move(plaintext));
}

expected<symmetric_key> shared_secret(const box_key& own, const box_public_key& other) {
  symmetric_key out;
  if (crypto_scalarmult(out.writable().data(), own.secret().view().data(), other.value.data()) != 0)
    return fail(errc::bad_key, "a public key of small order");
  return out;
}

}  // namespace keyfold
