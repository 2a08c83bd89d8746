// Does on disk what disk_plan says, and only where the disk still is as base says; what the user
// changed meanwhile is left and reported as a folder to scan, so that both are kept.
//
//   `.keyfold-tmp-RANDOM`  a file being written, beside its target: never a user's bytes
//   `.keyfold-swap-ROW`    the new content for base row ROW; after the exchange, the old content
//   `.keyfold-gone-ROW`    what base row ROW was, about to be removed
//   `.keyfold-park-ROW`    base row ROW, moved aside (in the root folder)
//
// A file is replaced so: write beside it, one syncfs for a batch, look whether the target is as
// base says, exchange the two names atomically (RENAME_EXCHANGE), look at what came out: if it is
// not what base says, or somebody has it open for writing, exchange them back. Only then is the old
// one removed. Windows that remain: a file system without RENAME_EXCHANGE (a plain rename follows
// the look at once), or without leases (a writer who has the old file open writes into a file
// without a name).
//
// What is about to be made, renamed, changed or removed is intended in base first, durably, up to 1,000 actions at
// once: after a crash it is known, and not taken for the user's doing, which would bring back what others deleted
// meanwhile, or stand beside their edits. After a crash recover() puts parked things back, removes what it can prove to be
// ours, and moves the rest to `Recovered/`.
#pragma once

#include "crypto/random.hpp"
#include "store/mirror/disk.hpp"
#include "store/mirror/disk_plan.hpp"
#include "store/mirror/root.hpp"

namespace keyfold::mirror {

/// Takes a piece of content; a failure ends the reading.
using content_sink = std::function<expected<void>(bytes_view piece)>;
/// Streams a file version's bytes in order into the sink; a failure (not here yet, damaged) skips
/// the file.
using content_source =
    std::function<expected<void>(const shown_item& item, const content_sink& sink)>;

/// Moves the file version's whole content, put together already (draft.hpp), to a name that nothing has; false: there
/// is none, and it is streamed.
using draft_source = std::function<expected<bool>(const shown_item& item, const place& to)>;
/// What apply uses of its surroundings.
struct apply_hooks {
  content_source stream;
  draft_source draft = {};
  /// Makes base durable as it is now; without it a crash forgets what base was about to say.
  std::function<expected<void>()> commit = {};
};

struct skipped_action {
  std::size_t index;  ///< into disk_plan::actions
  local_path path;
  error why;  ///< `errc::changed_on_disk`: scan; else what kept it from being done
};

struct apply_report {
  std::size_t done = 0;
  std::vector<skipped_action> skipped;
  std::set<local_path> rescan;  ///< folders where the disk is not as base says
  bool replan = false;  ///< something is still parked: after the rescan, plan the whole mirror
  /// Folders of what was skipped, to be planned again: after the rescan, or when content has come.
  std::set<node_id> replan_folders;
};

/// Applies the plan's actions in order and records each in `b`, whose transaction the caller
/// commits afterwards. Fails as a whole only where the root does (check it first) or the disk is
/// full
/// (`errc::disk_full`); what was done until then is recorded and durable. A folder to be removed that
/// holds nothing but what the last scan ignored (`ignored`) is left on disk and forgotten.
[[nodiscard]] expected<apply_report> apply(const root& r, base& b, const disk_plan& plan,
                                           const apply_hooks& hooks, random_source& random,
                                           const ignored_items& ignored = {});

/// Clears up after a crash; before the first scan of a start. What was intended and has come about is in `b` then, which
/// the caller commits. Gives the paths that went to `Recovered/`.
[[nodiscard]] expected<std::vector<local_path>> recover(const root& r, base& b);

}  // namespace keyfold::mirror
