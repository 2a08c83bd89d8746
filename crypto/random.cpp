#include "crypto/random.hpp"

#include <pthread.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstdio>
#include <cstdlib>

namespace keyfold {
namespace {

class system_source final : public random_source {
 public:
  void fill(std::span<std::uint8_t> out) override { randombytes_buf(out.data(), out.size()); }
};

std::atomic<std::uint64_t> forks = 0;  ///< a child must not hand out what its parent does as well

class pooled_source final : public random_source {
 public:
  pooled_source() {
    if (pthread_atfork(nullptr, nullptr, [] { ++forks; }) != 0) std::abort();  // no memory
  }

  void fill(std::span<std::uint8_t> out) override {
    thread_local pool mine;
    if (out.size() > mine.bytes.size()) return randombytes_buf(out.data(), out.size());
    if (out.size() > mine.bytes.size() - mine.used || mine.life != forks) {
      randombytes_buf(mine.bytes.data(), mine.bytes.size());
      mine.used = 0;
      mine.life = forks;
    }
    std::copy_n(mine.bytes.begin() + static_cast<std::ptrdiff_t>(mine.used), out.size(),
                out.begin());
    mine.used += out.size();
  }

 private:
  struct pool {
    std::array<std::uint8_t, 4096> bytes{};
    std::size_t used = 4096;
    std::uint64_t life = 0;
  };
};

class seeded_source final : public random_source {
 public:
  explicit seeded_source(std::uint64_t seed) { append_u64(seed_, seed); }

  void fill(std::span<std::uint8_t> out) override {
    for (std::size_t done = 0; done < out.size();) {
      if (used_ == block_.size()) refill();
      const auto n = std::min(out.size() - done, block_.size() - used_);
      std::copy_n(block_.begin() + static_cast<std::ptrdiff_t>(used_), n,
                  out.begin() + static_cast<std::ptrdiff_t>(done));
      used_ += n;
      done += n;
    }
  }

 private:
  void refill() {
    bytes input = seed_;
    append_u64(input, counter_++);
    crypto_generichash(block_.data(), block_.size(), input.data(), input.size(), nullptr, 0);
    used_ = 0;
  }
  bytes seed_;
  std::uint64_t counter_ = 0;
  std::array<std::uint8_t, 64> block_{};
  std::size_t used_ = 64;
};

}  // namespace

std::uint64_t random_source::below(std::uint64_t bound) {
  assert(bound > 0);
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  for (;;) {
    std::array<std::uint8_t, 8> raw{};
    fill(raw);
    if (const auto value = read_u64(raw); value < limit) return value % bound;
  }
}

random_source& system_random() {
  static system_source source;
  return source;
}

random_source& nonce_source() {
  static pooled_source source;
  return source;
}

std::unique_ptr<random_source> seeded_random(std::uint64_t seed) {
  return std::make_unique<seeded_source>(seed);
}

void initialize_crypto() {
  if (sodium_init() < 0) {
    std::fputs("keyfold: the operating system gives no random bytes\n", stderr);
    std::abort();
  }
}

}  // namespace keyfold
