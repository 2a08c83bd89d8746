// The root folder of a mirror, and every way below it. No path leaves it: each is opened with
// openat2 and RESOLVE_BENEATH | NO_SYMLINKS | NO_MAGICLINKS | NO_XDEV, so neither "..", nor a
// symlink put there in a race, nor a mounted file system is ever followed (THREATS A21).
//
//   marker (the file `.keyfold/mirror` in the root) := [1, workspace id, mirror id]
//
// Everything here blocks on the disk; an object may be used by several threads at once (it is never
// changed).
#pragma once

#include <utility>

#include "store/mirror/facts.hpp"
#include "store/mirror/paths.hpp"

namespace keyfold::mirror {

/// A random id given when the mirror is made: a copied root folder is not the mirror.
using mirror_id = fixed_bytes<struct mirror_tag, 16>;

/// Owns a file descriptor; -1 is none.
class file_descriptor {
 public:
  explicit file_descriptor(int number = -1) : number_(number) {}
  file_descriptor(file_descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  file_descriptor& operator=(file_descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~file_descriptor();
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

struct marker {
  workspace_id workspace;
  mirror_id mirror;
  bool operator==(const marker&) const = default;
};
[[nodiscard]] bytes encode_marker(const marker& m);
[[nodiscard]] expected<marker> decode_marker(bytes_view data);

/// What an entry of a folder is, when it is nothing that travels.
enum class oddity : std::uint8_t {
  none,
  special,       ///< a fifo, socket or device
  other_volume,  ///< another file system is mounted there
};

struct looked {
  mirror::facts facts;
  std::uint32_t mode = 0;  ///< permission bits
  oddity odd = oddity::none;
};

class root {
 public:
  /// Opens an existing mirror's folder by its absolute path. `errc::root_gone` when it is no
  /// folder, `errc::openat2_missing` on a kernel before 5.6. The marker is not read: check() does.
  [[nodiscard]] static expected<root> open(const std::string& folder);
  /// Makes the folder if need be, and its marker; content is left as it is.
  /// `errc::root_marker_foreign` when another mirror's marker is there, or in a folder above.
  [[nodiscard]] static expected<root> create(const std::string& folder, const marker& own);

  /// Called before every scan and every apply. `errc::root_gone` when the path no longer leads to
  /// this folder (deleted, moved, unmounted), `errc::root_marker_missing`,
  /// `errc::root_marker_foreign`.
  [[nodiscard]] expected<void> check(const marker& own) const;
  /// No other root of this folder is locked as long as this one is: `errc::busy` when one is. Whoever scans and writes
  /// the folder, and base, locks it first. On a file system without locks it does nothing.
  [[nodiscard]] expected<void> lock() const;
  /// Takes the marker away (unmirror); the content stays.
  [[nodiscard]] expected<void> remove_marker() const;

  /// Opens what is at `path`, never through a symlink. `flags` and `mode` as for open(2).
  /// `errc::not_found`, `errc::unsafe_path` (a symlink, "..", a mount on the way),
  /// `errc::unreadable`.
  [[nodiscard]] expected<file_descriptor> open_path(const local_path& path, int flags,
                                                    unsigned mode = 0) const;
  [[nodiscard]] expected<file_descriptor> open_folder(const local_path& path) const;

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  root(std::string folder, file_descriptor fd) : folder_(std::move(folder)), fd_(std::move(fd)) {}
  std::string folder_;
  file_descriptor fd_;
};

/// The marker of that folder, whosever it is; nullopt when it has none that can be read.
[[nodiscard]] std::optional<marker> find_marker(const std::string& folder);

/// Looks at `name` in an open folder without following it. `errc::not_found`, `errc::unreadable`,
/// `errc::io_failed`.
[[nodiscard]] expected<looked> look(int folder, const std::string& name);
/// Looks at an open file.
[[nodiscard]] expected<looked> look(int file);
/// Looks at what is at `path` beneath the root.
[[nodiscard]] expected<looked> look(const root& r, const local_path& path);

/// False for what is no path beneath a root: absolute, with an empty name, ".", ".." or NUL in it.
[[nodiscard]] bool is_plain(const local_path& path);

/// The failure that `number` (an errno) stands for, with `path` in its message.
[[nodiscard]] tl::unexpected<error> fail_errno(int number, std::string_view what,
                                               std::string_view path);

}  // namespace keyfold::mirror
