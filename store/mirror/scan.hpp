// Walks a mirror and tells what is there, one folder at a time: memory is bounded by the largest
// folder and the folders still to visit. Reads no file's bytes and follows no symlink.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "store/mirror/root.hpp"

namespace keyfold::mirror {

/// Why something on disk does not travel.
enum class ignore_reason : std::uint8_t {
  special,         ///< a fifo, socket or device
  other_volume,    ///< another file system is mounted there
  bad_name,        ///< not UTF-8, or too long once normalized
  twin,            ///< normalizes to the name of another entry of its folder
  unreadable,      ///< the system does not let us
  reserved,        ///< a shown name that would be one of Keyfold's own on disk
  ignore_file,     ///< new, and a rule of a `.keyfoldignore` leaves it here (ignore.hpp)
  ignore_default,  ///< new, and a built-in rule does
  ignore_limit,    ///< an ignore file of which only the beginning counts; the file itself travels
};
[[nodiscard]] std::string_view to_string(ignore_reason reason);

struct ignored_item {
  local_path path;
  ignore_reason reason = ignore_reason::special;
  bool closed = false;  ///< a folder that is not looked into, so that it need not be watched
  bool operator==(const ignored_item&) const = default;
};

/// All that is on disk and does not travel.
struct ignored_thing {
  std::string reason;   ///< as status tells it
  bool closed = false;  ///< as of ignored_item
  bool operator==(const ignored_thing&) const = default;
};
using ignored_items = std::map<local_path, ignored_thing>;

struct listed {
  std::string name;   ///< NFC: the name that travels
  std::string local;  ///< as it stands on disk
  mirror::facts facts;
};

/// One folder's content. Twins (two spellings of one name) stand beside each other in `entries`;
/// the planner, which knows base, says which one travels.
struct listing {
  local_path path;
  mirror::facts folder;
  std::vector<listed> entries;  ///< ascending by name, then local
  std::vector<ignored_item> ignored;
  std::vector<std::string> own;  ///< Keyfold's own names found here
};

/// Lists one folder. `errc::not_found` (also when it is no folder), `errc::unsafe_path`,
/// `errc::unreadable`.
[[nodiscard]] expected<listing> list_folder(const root& r, const local_path& path);

struct scan_hooks {
  /// Called once for each folder, a folder before those in it.
  std::function<void(const listing&)> visit;
  /// Whether to go on into a folder just visited as an entry of `folder`; empty: always.
  std::function<bool(const local_path& folder, const listed& entry)> descend;
  /// Asked when it is the turn of a start, or of a folder that was to be gone into: true leaves it. Empty: none.
  std::function<bool(const local_path& folder)> put_off;
  /// Called for a folder that cannot be listed; nothing is concluded about what is in it.
  std::function<void(const ignored_item&)> ignored;
};

/// Walks from each of `starts` ("" for the whole mirror); a start that is gone is replaced by the
/// nearest folder above it that is there. A failing disk ends it with `errc::io_failed`: then no
/// conclusion may be drawn from what was visited.
[[nodiscard]] expected<void> scan(const root& r, std::span<const local_path> starts,
                                  const scan_hooks& hooks);

}  // namespace keyfold::mirror
