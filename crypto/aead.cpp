#include "crypto/aead.hpp"

#include <sodium.h>

#include <cassert>

namespace keyfold {
namespace {

constexpr std::uint8_t xchacha20_poly1305 = 0x12;
constexpr std::size_t nonce_size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;

bytes associated_data(std::string_view context, bytes_view associated) {
  assert(context.size() < 256);
  bytes out{static_cast<std::uint8_t>(context.size())};
  append(out, as_bytes(context));
  append(out, associated);
  return out;
}

}  // namespace

bytes seal(const symmetric_key& key, std::string_view context, bytes_view associated,
           bytes_view plaintext, random_source& random) {
  bytes out(aead_overhead + plaintext.size());
  out[0] = xchacha20_poly1305;
  random.fill(std::span(out).subspan(1, nonce_size));
  const auto ad = associated_data(context, associated);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data() + 1 + nonce_size, nullptr, plaintext.data(),
                                             plaintext.size(), ad.data(), ad.size(), nullptr,
                                             out.data() + 1, key.view().data());
  return out;
}

expected<secret_buffer> open(const symmetric_key& key, std::string_view context,
                             bytes_view associated, bytes_view sealed) {
  if (sealed.size() < aead_overhead)
    return fail(errc::malformed, "a sealed message that is too short");
  if (sealed[0] != xchacha20_poly1305)
    return fail(errc::unknown_algorithm, "a message sealed with another algorithm");
  bytes plaintext(sealed.size() - aead_overhead);
  const auto ad = associated_data(context, associated);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          plaintext.data(), nullptr, nullptr, sealed.data() + 1 + nonce_size,
          sealed.size() - 1 - nonce_size, ad.data(), ad.size(), sealed.data() + 1,
          key.view().data()) != 0)
    return fail(errc::bad_seal, "a sealed message that does not open");
  return secret_buffer(std::move(plaintext));
}

}  // namespace keyfold
