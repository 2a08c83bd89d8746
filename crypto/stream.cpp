#include "crypto/stream.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <memory>

namespace keyfold {
namespace {

using cipher_context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

std::array<std::uint8_t, 12> nonce_of(std::uint64_t index, bool last) {
  std::array<std::uint8_t, 12> out{};
  for (std::size_t i = 0; i < 8; ++i) out[10 - i] = static_cast<std::uint8_t>(index >> (8 * i));
  out[11] = last ? 1 : 0;
  return out;
}

void require(bool ok) {
  if (!ok)
    std::abort();  // OpenSSL without ChaCha20-Poly1305 or memory: nothing sensible is left to do
}

cipher_context make_context(const symmetric_key& key, bool encrypt) {
  cipher_context ctx(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  require(ctx != nullptr && EVP_CipherInit_ex(ctx.get(), EVP_chacha20_poly1305(), nullptr,
                                              key.view().data(), nullptr, encrypt ? 1 : 0) == 1);
  return ctx;
}

void seal_cell(EVP_CIPHER_CTX* ctx, std::uint64_t index, bool last, bytes_view plaintext,
               std::uint8_t* out) {
  const auto nonce = nonce_of(index, last);
  int size = 0;
  require(EVP_EncryptInit_ex(ctx, nullptr, nullptr, nullptr, nonce.data()) == 1);
  if (!plaintext.empty())
    require(EVP_EncryptUpdate(ctx, out, &size, plaintext.data(),
                              static_cast<int>(plaintext.size())) == 1);
  int rest = 0;
  require(EVP_EncryptFinal_ex(ctx, out + size, &rest) == 1);
  require(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, cell_tag_size, out + plaintext.size()) ==
          1);
}

bool open_with(EVP_CIPHER_CTX* ctx, std::uint64_t index, bool last, bytes_view cell,
               std::uint8_t* out) {
  const auto nonce = nonce_of(index, last);
  const auto text = cell.first(cell.size() - cell_tag_size);
  auto tag = to_bytes(cell.last(cell_tag_size));
  int size = 0;
  std::uint8_t none = 0;
  require(EVP_DecryptInit_ex(ctx, nullptr, nullptr, nullptr, nonce.data()) == 1);
  require(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, cell_tag_size, tag.data()) == 1);
  if (!text.empty() &&
      EVP_DecryptUpdate(ctx, out, &size, text.data(), static_cast<int>(text.size())) != 1)
    return false;
  return EVP_DecryptFinal_ex(ctx, text.empty() ? &none : out + size, &size) == 1;
}

/// Only the last cell may be short, and only the first may be empty.
bool is_cell_size(std::uint64_t index, bool last, std::size_t size) {
  if (!last) return size == sealed_cell_size;
  return size >= cell_tag_size + (index > 0 ? 1 : 0) && size <= sealed_cell_size;
}

}  // namespace

void seal_stream_into(const symmetric_key& key, bytes_view plaintext, std::span<std::uint8_t> out) {
  assert(out.size() == sealed_stream_size(plaintext.size()));
  const auto ctx = make_context(key, true);
  std::size_t at = 0;
  for (std::uint64_t index = 0;; ++index) {
    const auto n = std::min(cell_size, plaintext.size());
    const bool last = n == plaintext.size();
    seal_cell(ctx.get(), index, last, plaintext.first(n), out.data() + at);
    if (last) return;
    at += n + cell_tag_size;
    plaintext = plaintext.subspan(n);
  }
}

bytes seal_stream(const symmetric_key& key, bytes_view plaintext) {
  bytes out(sealed_stream_size(plaintext.size()));
  seal_stream_into(key, plaintext, out);
  return out;
}

expected<bytes> open_stream(const symmetric_key& key, bytes_view sealed) {
  const std::size_t cells = (sealed.size() + sealed_cell_size - 1) / sealed_cell_size;
  if (cells == 0 || !is_cell_size(cells - 1, true, sealed.size() - (cells - 1) * sealed_cell_size))
    return fail(errc::malformed, "a sealed stream of a length that no plaintext gives");
  bytes out(sealed.size() - cells * cell_tag_size);
  const auto ctx = make_context(key, false);
  std::size_t at = 0;
  for (std::uint64_t index = 0; index < cells; ++index) {
    const auto cell =
        sealed.subspan(index * sealed_cell_size,
                       std::min(sealed_cell_size, sealed.size() - index * sealed_cell_size));
    if (!open_with(ctx.get(), index, index + 1 == cells, cell, out.data() + at))
      return fail(errc::bad_seal, "a sealed stream that does not open");
    at += cell.size() - cell_tag_size;
  }
  return out;
}

expected<bytes> open_cell(const symmetric_key& key, std::uint64_t index, bool last,
                          bytes_view cell) {
  if (!is_cell_size(index, last, cell.size()))
    return fail(errc::malformed, "a cell of the wrong length");
  bytes out(cell.size() - cell_tag_size);
  KEYFOLD_CHECK(open_cell_into(key, index, last, cell, out));
  return out;
}

expected<void> open_cell_into(const symmetric_key& key, std::uint64_t index, bool last,
                              bytes_view cell, std::span<std::uint8_t> out) {
  if (!is_cell_size(index, last, cell.size()) || out.size() != cell.size() - cell_tag_size)
    return fail(errc::malformed, "a cell of the wrong length");
  const auto ctx = make_context(key, false);
  if (!open_with(ctx.get(), index, last, cell, out.data()))
    return fail(errc::bad_seal, "a cell that does not open");
  return {};
}

}  // namespace keyfold
