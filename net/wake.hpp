// Waking the I/O thread, and counting the bytes that somebody else still holds.
#pragma once

#include <atomic>
#include <memory>

namespace keyfold::net {

/// An eventfd that other threads signal and the I/O thread polls.
class waker {
 public:
  waker();
  ~waker();
  waker(const waker&) = delete;
  waker& operator=(const waker&) = delete;

  /// From any thread; never blocks.
  void wake() const;
  /// By the I/O thread, once it is awake.
  void clear() const;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

/// Bytes of one link that are out of our hands: frames within libzmq, or messages that a listener
/// holds. Counts up on the I/O thread, down on any; outlives both.
class byte_meter {
 public:
  explicit byte_meter(std::shared_ptr<const waker> io) : io_(std::move(io)) {}

  void add(std::size_t bytes) { bytes_ += bytes; }
  void remove(std::size_t bytes) {
    bytes_ -= bytes;
    if (wanted_.exchange(false)) io_->wake();
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// True when `limit` is reached; the next remove() then wakes the I/O thread to ask again.
  [[nodiscard]] bool full(std::size_t limit) {
    if (bytes_ < limit) return false;
    wanted_ = true;
    return bytes_ >= limit;  // once more: the last remove() may have come before the wish
  }

 private:
  std::shared_ptr<const waker> io_;
  std::atomic<std::size_t> bytes_{0};
  std::atomic<bool> wanted_{false};
};

}  // namespace keyfold::net
