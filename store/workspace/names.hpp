// Names that nobody gave: of conflict copies and of clashing files (CLI.md, "What lasting words
// mean").
//
//   STEM (conflict, K7QF, 2026-11-22 14.03Z)EXT      …14.03Z, 2) when that is taken
//   STEM (2)EXT
//   file K7QFM3XA                               of a file whose making does not count
//
// EXT is from the last dot on; `.tar.*` counts as one; none for a leading dot. STEM is cut at a
// character border so that the whole has at most 255 bytes; an EXT that would leave no room for it
// is part of it.
#pragma once

#include <cstdint>

#include "crypto/ids.hpp"

namespace keyfold::workspace {

/// The `number`th name of a conflict copy of `name`; 1 is the plain one.
[[nodiscard]] std::string conflict_name(std::string_view name, device_id author,
                                        std::int64_t written_ms, std::uint64_t number = 1);
/// `STEM (NUMBER)EXT`.
[[nodiscard]] std::string numbered_name(std::string_view name, std::uint64_t number);
/// Of a file that only writes make: whatever gave it a name does not count.
[[nodiscard]] std::string nameless_file(node_id node);
/// False only for names that neither of the first two makes.
[[nodiscard]] bool may_be_made_up(std::string_view name);

}  // namespace keyfold::workspace
