// Plain files with RAII: opened, read and written whole, replaced atomically, made durable.
// Everything here blocks on the disk. Paths come from this device alone, never from a peer.
#pragma once

#include <string>
#include <utility>

#include "crypto/bytes.hpp"

namespace keyfold::db {

/// Owns a file descriptor; -1 is none.
class file {
 public:
  explicit file(int number = -1) : number_(number) {}
  file(file&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  file& operator=(file&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~file();
  [[nodiscard]] int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_;
};

/// `errc::not_found`, `errc::disk_full` or `errc::io_failed`, after what `errno` says about
/// `doing`.
[[nodiscard]] tl::unexpected<error> fail_from_errno(const std::string& doing);

/// Makes the folder (and those above it) with mode 0700, unless it is there.
[[nodiscard]] expected<void> make_private_folder(const std::string& path);
/// A descriptor of the folder, for the calls that name files relative to it.
[[nodiscard]] expected<file> open_folder(const std::string& path);

/// The size of an open file in bytes.
[[nodiscard]] expected<std::uint64_t> size_of(const file& f);
/// Reads exactly `out.size()` bytes at `offset`; a file that ends before is `errc::damaged`.
[[nodiscard]] expected<void> read_at(const file& f, std::uint64_t offset,
                                     std::span<std::uint8_t> out);
/// Writes all of `data` at the file's position.
[[nodiscard]] expected<void> write_all(const file& f, bytes_view data);

/// The whole file; `errc::not_found`, or `errc::too_large` beyond `max_size`.
[[nodiscard]] expected<bytes> read_file(const std::string& path, std::size_t max_size);
/// Puts `data` in the file's place, or makes it, with mode 0600: a temporary file beside it is
/// written and made durable, renamed, and the folder made durable. After a crash there is the old
/// file or the new one.
[[nodiscard]] expected<void> replace_file(const std::string& path, bytes_view data);

}  // namespace keyfold::db
