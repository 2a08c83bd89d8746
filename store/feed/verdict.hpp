// When an entry counts (DESIGN 4.4): a pure, total function of its header, of the ledger, and of
// what is held of its past. No clock, no order of arrival and no plaintext has a part in it.
//
//   waiting      something before it is not held yet (a record, an entry, a removal's frontier)
//   invalid      it breaks a rule that was in force at its position; so does all that follows it
//   quarantined  valid, but its author's right to write was taken, and the frontier does not cover
//   it counts       otherwise
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "store/feed/entry.hpp"

namespace keyfold::feed {

enum class standing : std::uint8_t { waiting = 0, invalid = 1, quarantined = 2, counts = 3 };

struct verdict {
  feed::standing standing = standing::waiting;
  errc reason = errc::unknown;      ///< invalid: the rule that it breaks
  std::vector<entry_hash> missing;  ///< waiting: entries before it that are not held, ascending
  bool needs_ledger = false;        ///< waiting: for records, or for the frontier of a removal

  bool operator==(const verdict&) const = default;
};
[[nodiscard]] inline verdict invalid(errc reason) {
  verdict out;
  out.standing = standing::invalid;
  out.reason = reason;
  return out;
}

/// What the verdict asks about a held entry.
struct known_entry {
  feed_head place;
  ledger_seq position;
  lamport_time lamport;
  ledger_seq generation_start;  ///< position of the first entry of its chain
};

/// The held entries, as far as a verdict asks.
class past {
 public:
  virtual ~past() = default;
  /// A held entry, which counts or is quarantined; nullopt when it is not held.
  [[nodiscard]] virtual std::optional<known_entry> find_known(const entry_hash& hash) const = 0;
  /// True for an entry that came with its author's signature and was found invalid.
  [[nodiscard]] virtual bool is_invalid(const entry_hash& hash) const = 0;
  /// True when `ancestor` is `head`, or comes before it in its chain; `head` is held.
  [[nodiscard]] virtual bool in_chain_of(const feed_head& ancestor,
                                         const feed_head& head) const = 0;
};

/// The verdict on a header whose signature is good. `seen` is the decoded list of its seen hash.
[[nodiscard]] verdict judge(const header& h, const entry_hash& hash,
                            std::span<const feed_head> seen, const ledger::view& ledger,
                            const past& held);

/// The part of the verdict that later removals change: counts, quarantined, or waiting (a frontier
/// is not held) for a valid entry whose chain began at `generation_start`. `removals` are its
/// author's.
///
/// A removal cuts every generation that began before it, and what that generation writes later. A
/// fork makes a tree of a generation: covered is what stands in the chain of a head of the
/// frontier, once that head is held. Before that it covers nothing: its author may have signed a
/// header of any height in advance. (A held head's hash fixes all that stands before it.)
[[nodiscard]] standing standing_after(std::span<const ledger::removal> removals,
                                      const feed_head& place, ledger_seq generation_start,
                                      const past& held);

}  // namespace keyfold::feed
