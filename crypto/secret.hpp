// Bytes that nobody else may see: they wipe themselves, print as ****, and compare in constant
// time.
#pragma once

#include <sodium.h>

#include <algorithm>
#include <ostream>

#include "crypto/bytes.hpp"

namespace keyfold {

/// N secret bytes of their own type. Copies are explicit in intent (a key in two places is two to
/// wipe), but allowed, since keys travel in values between actors.
template <class Tag, std::size_t N>
class secret_bytes {
 public:
  static constexpr std::size_t size = N;

  secret_bytes() = default;
  secret_bytes(const secret_bytes&) = default;
  secret_bytes& operator=(const secret_bytes&) = default;
  ~secret_bytes() { sodium_memzero(value_.data(), N); }

  /// `errc::malformed` unless `data` has exactly N bytes.
  [[nodiscard]] static expected<secret_bytes> from(bytes_view data) {
    if (data.size() != N) return fail(errc::malformed, "a key of the wrong length");
    secret_bytes out;
    std::copy(data.begin(), data.end(), out.value_.begin());
    return out;
  }
  [[nodiscard]] bytes_view view() const { return value_; }
  [[nodiscard]] std::span<std::uint8_t, N> writable() { return value_; }
  friend bool operator==(const secret_bytes& a, const secret_bytes& b) {
    return sodium_memcmp(a.value_.data(), b.value_.data(), N) == 0;
  }
  friend std::ostream& operator<<(std::ostream& out, const secret_bytes&) { return out << "****"; }

 private:
  std::array<std::uint8_t, N> value_{};
};

/// Secret bytes of any length (a password, a serialized key file); wiped when it goes.
class secret_buffer {
 public:
  secret_buffer() = default;
  explicit secret_buffer(bytes data) : value_(std::move(data)) {}
  explicit secret_buffer(std::string_view text) : value_(text.begin(), text.end()) {}
  secret_buffer(const secret_buffer&) = default;
  secret_buffer(secret_buffer&&) noexcept = default;
  secret_buffer& operator=(const secret_buffer& other) {
    if (this != &other) {
      wipe();
      value_ = other.value_;
    }
    return *this;
  }
  secret_buffer& operator=(secret_buffer&& other) noexcept {
    if (this != &other) {
      wipe();
      value_ = std::move(other.value_);
    }
    return *this;
  }
  ~secret_buffer() { wipe(); }

  [[nodiscard]] bytes_view view() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  friend std::ostream& operator<<(std::ostream& out, const secret_buffer&) { return out << "****"; }

 private:
  void wipe() {
    if (!value_.empty()) sodium_memzero(value_.data(), value_.size());
  }
  bytes value_;
};

using symmetric_key =
    secret_bytes<struct symmetric_key_tag, 32>;  ///< AEAD and KDF keys, epoch keys

}  // namespace keyfold
