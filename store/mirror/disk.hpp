// The few things that apply and recover do to the disk, each beneath an open folder.
#pragma once

#include <span>

#include "store/mirror/root.hpp"

namespace keyfold::mirror {

inline constexpr std::string_view temporary_prefix = ".keyfold-tmp-";
inline constexpr std::string_view swap_prefix = ".keyfold-swap-";
inline constexpr std::string_view gone_prefix = ".keyfold-gone-";
inline constexpr std::string_view park_prefix = ".keyfold-park-";
inline constexpr std::string_view recovered_folder = "Recovered";

/// A name in an open folder.
struct place {
  file_descriptor folder;
  std::string name;
};
/// Opens the folder of `path`, whose last name need not exist. Failures as of root::open_path.
[[nodiscard]] expected<place> find_place(const root& r, const local_path& path);

[[nodiscard]] inline expected<looked> look(const place& at) {
  return look(at.folder.get(), at.name);
}

/// Renames to a name that nothing has; `errc::changed_on_disk` when something has it.
[[nodiscard]] expected<void> rename_new(const place& from, const place& to);
/// Swaps two names of one folder atomically; false where the file system cannot.
[[nodiscard]] expected<bool> exchange(int folder, const std::string& a, const std::string& b);
/// Removes a file or symlink, or an empty folder (`errc::changed_on_disk` when it is not empty).
[[nodiscard]] expected<void> remove_name(const place& at, node_kind kind);
[[nodiscard]] expected<void> write_all(int file, bytes_view data);
/// Fills `out` with what stands at `offset`: false when the file has not so many bytes there, or cannot be read.
[[nodiscard]] bool read_exactly(int file, std::uint64_t offset, bytes& out);
/// The names in a folder just opened, which stands at `path` (for what is said of a failure); without "." and "..".
[[nodiscard]] expected<std::vector<std::string>> names_in(int folder, std::string_view path);

/// While it lives, nobody can write to the file without this process noticing: a read lease, which
/// is refused while anybody has the file open for writing. Where leases don't work it claims
/// nothing.
class write_guard {
 public:
  explicit write_guard(const place& at);
  explicit write_guard(int file) { take(file); }
  /// True when somebody has the file open for writing.
  [[nodiscard]] bool in_use() const { return in_use_; }

 private:
  void take(int file);
  file_descriptor file_;
  bool in_use_ = false;
};

/// Facts for base of what we just put or renamed: as the disk tells now, if that still is `ours`;
/// else `ours` and unsure, so that the next scan finds the difference.
[[nodiscard]] facts settled_facts(const facts& ours, const place& at);

/// Moves what is at `from` to `Recovered/NAME`, or `NAME (2)` and so on; gives the path.
[[nodiscard]] expected<local_path> rescue(const root& r, const place& from,
                                          const std::string& name);

}  // namespace keyfold::mirror
