#include "crypto/sign.hpp"

#include <sodium.h>

#include <cassert>

namespace keyfold {
namespace {

constexpr std::uint8_t ed25519 = 0x01;

bytes with_context(std::string_view context, bytes_view message) {
  assert(context.size() < 256);
  bytes out;
  out.reserve(1 + context.size() + message.size());
  out.push_back(static_cast<std::uint8_t>(context.size()));
  append(out, as_bytes(context));
  append(out, message);
  return out;
}

}  // namespace

bytes signing_public_key::encode() const {
  bytes out{ed25519};
  append(out, view());
  return out;
}

expected<signing_public_key> signing_public_key::decode(bytes_view data) {
  if (data.size() != 33) return fail(errc::malformed, "a signing key of the wrong length");
  if (data[0] != ed25519)
    return fail(errc::unknown_algorithm, "a signing key of another algorithm");
  signing_public_key out;
  std::copy(data.begin() + 1, data.end(), out.value.begin());
  return out;
}

signing_key::signing_key(const signing_seed& seed) : seed_(seed) {
  crypto_sign_seed_keypair(public_.value.data(), secret_.writable().data(), seed_.view().data());
}

signing_key signing_key::generate(random_source& random) {
  signing_seed seed;
  random.fill(seed.writable());
  return signing_key(seed);
}

bytes signing_key::sign(std::string_view context, bytes_view message) const {
  const auto input = with_context(context, message);
  bytes out(signature_size);
  out[0] = ed25519;
  crypto_sign_detached(out.data() + 1, nullptr, input.data(), input.size(), secret_.view().data());
  return out;
}

expected<void> verify(const signing_public_key& key, std::string_view context, bytes_view message,
                      bytes_view signature) {
  if (signature.size() != signature_size)
    return fail(errc::malformed, "a signature of the wrong length");
  if (signature[0] != ed25519)
    return fail(errc::unknown_algorithm, "a signature of another algorithm");
  const auto input = with_context(context, message);
  if (crypto_sign_verify_detached(signature.data() + 1, input.data(), input.size(),
                                  key.value.data()) != 0)
    return fail(errc::bad_signature, "the signature does not verify");
  return {};
}

}  // namespace keyfold
