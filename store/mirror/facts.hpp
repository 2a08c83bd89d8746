// What the file system says about one file, folder or symlink: enough to tell whether it is still
// the thing that base remembers, without reading its bytes.
#pragma once

#include <cstdint>
#include <string>

#include "store/workspace/operation.hpp"

namespace keyfold::mirror {

using workspace::node_kind;

struct facts {
  node_kind kind = node_kind::file;
  std::uint64_t size = 0;     ///< of a file, in bytes; 0 for folders and symlinks
  std::int64_t mtime_ns = 0;  ///< 0 for folders: theirs does not travel
  std::int64_t ctime_ns = 0;  ///< 0 for folders; in base, 0 also means "not sure: read it again"
  std::int64_t birth_ns = 0;  ///< 0 where the file system does not tell
  std::uint64_t device = 0;   ///< never compared: numbers of devices change over a reboot
  std::uint64_t inode = 0;
  bool executable = false;  ///< the owner's bit; of files only
  std::string target;       ///< of a symlink, as readlink gives it
  bool operator==(const facts&) const = default;
};

/// True when both are one inode and not a reused number: births agree, or where none is told, the
/// size and mtime of a file, and the target of a symlink, do.
[[nodiscard]] bool same_inode(const facts& a, const facts& b);
/// True when nothing tells that the bytes, the attributes or the inode differ.
[[nodiscard]] bool unchanged(const facts& before, const facts& now);
/// As unchanged, but for ctime, which a rename changes: for what we have just moved ourselves.
[[nodiscard]] bool unchanged_but_moved(const facts& before, const facts& now);

}  // namespace keyfold::mirror
