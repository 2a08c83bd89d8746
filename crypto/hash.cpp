#include "crypto/hash.hpp"

#include <openssl/evp.h>
#include <sodium.h>

#include <cassert>
#include <cstdlib>

namespace keyfold {
namespace {

EVP_MD_CTX* ctx(void* p) {
  return static_cast<EVP_MD_CTX*>(p);
}

void require(bool ok) {
  if (!ok) std::abort();  // OpenSSL without SHA-256 or memory: nothing sensible is left to do
}

}  // namespace

hasher::hasher(std::string_view context) : context_(EVP_MD_CTX_new()) {
  assert(context.size() < 256);
  require(context_ != nullptr && EVP_DigestInit_ex(ctx(context_), EVP_sha256(), nullptr) == 1);
  const auto length = static_cast<std::uint8_t>(context.size());
  update({&length, 1}).update(as_bytes(context));
}

hasher::~hasher() {
  EVP_MD_CTX_free(ctx(context_));
}

hasher& hasher::update(bytes_view data) {
  require(EVP_DigestUpdate(ctx(context_), data.data(), data.size()) == 1);
  return *this;
}

hasher& hasher::update_u64(std::uint64_t value) {
  bytes raw;
  append_u64(raw, value);
  return update(raw);
}

hash32 hasher::finish() {
  hash32 out;
  unsigned size = 0;
  require(EVP_DigestFinal_ex(ctx(context_), out.value.data(), &size) == 1 && size == 32);
  return out;
}

hash32 hash(std::string_view context, std::initializer_list<bytes_view> parts) {
  hasher h(context);
  for (const auto part : parts) h.update(part);
  return h.finish();
}

symmetric_key derive(const symmetric_key& key, std::string_view context, bytes_view input) {
  assert(context.size() < 256);
  crypto_generichash_state state;
  symmetric_key out;
  const auto length = static_cast<std::uint8_t>(context.size());
  crypto_generichash_init(&state, key.view().data(), key.size, out.size);
  crypto_generichash_update(&state, &length, 1);
  crypto_generichash_update(&state, as_bytes(context).data(), context.size());
  crypto_generichash_update(&state, input.data(), input.size());
  crypto_generichash_final(&state, out.writable().data(), out.size);
  sodium_memzero(&state, sizeof state);
  return out;
}

hash32 merkle_root(std::span<const hash32> leaves) {
  constexpr std::string_view context = "keyfold/v1/merkle";
  constexpr std::uint8_t leaf = 0;
  constexpr std::uint8_t node = 1;
  if (leaves.empty()) return hash(context, bytes_view{});
  if (leaves.size() == 1) return hash(context, {{&leaf, 1}, leaves[0].view()});
  std::size_t split = 1;
  while (split * 2 < leaves.size()) split *= 2;
  const auto left = merkle_root(leaves.first(split));
  const auto right = merkle_root(leaves.subspan(split));
  return hash(context, {{&node, 1}, left.view(), right.view()});
}

}  // namespace keyfold
