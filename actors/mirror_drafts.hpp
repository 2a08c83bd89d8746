// Large files that a mirror puts together while their objects come (store/mirror/draft.hpp).
#pragma once

#include "actors/mirror_contents.hpp"

namespace keyfold::actors {

/// Smaller files are written at once, from objects that are stored: many of them lie in one object.
inline constexpr std::uint64_t drafted_from_size = std::uint64_t{4} * 1024 * 1024;

enum class drafting : std::uint8_t {
  none,     ///< its content is here, or has to be fetched the other way
  pending,  ///< its folder is planned again when there is more to say
  complete
};
/// Where the item's draft stands, which is begun if need be.
[[nodiscard]] drafting draft_of(mirror_state& s, shown_contents& contents,
                                const mirror::shown_item& item, const node_id& folder);
/// Removes those that no plan wants any more: of versions not in `met`, whose folders were planned (`planned` tells), or
/// are not shown any more; after a plan of the whole, also what former runs left.
void forget_drafts(mirror_state& s, const std::set<version_id>& met,
                   const std::function<bool(const node_id&)>& planned, bool whole);

/// Copies what the drafts lack and is here: from the files on disk and from stored objects.
void fill_drafts(mirror_state& s);
/// Gives what came as the object to all drafts that lack it; false: it is another's bytes, and is to be asked for again.
[[nodiscard]] bool take_passed(mirror_state& s, const object_id& object, bytes_view data);
/// The next object to be asked for, if any.
[[nodiscard]] std::optional<object_id> next_to_ask(mirror_state& s);
/// Nobody answers now: what the drafts lack is asked for anew when their folders are planned again.
void interrupt_drafts(mirror_state& s);
/// True when some became complete, and enough to be worth a run: their folders are to be planned then.
[[nodiscard]] bool announce_drafts(mirror_state& s);

/// For mirror::apply.
[[nodiscard]] expected<bool> place_draft(mirror_state& s, const mirror::shown_item& item,
                                         const mirror::place& to);
[[nodiscard]] bool has_pending_draft(const mirror_state& s);
/// Something waits for content that is on its way, or is not to be had now.
[[nodiscard]] bool awaits_content(const mirror_state& s);

}  // namespace keyfold::actors
