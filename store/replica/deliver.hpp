// Entries between replicas, the same for relay and devices: taking what comes, delivering what
// another lacks.
#pragma once

#include <set>

#include "store/feed/index.hpp"

namespace keyfold::replica {

using feed::feed_head;

/// What became of a batch of entries.
struct taken {
  std::vector<feed::added> results;  ///< of the entries in their order, as far as `tried`
  std::size_t tried = 0;     ///< entries looked at: all, or up to the first that waits, it included
  std::size_t accepted = 0;  ///< held now, before or new
  std::vector<feed_head> fresh;   ///< stored by this call
  std::optional<error> refusal;   ///< what to answer a push: the first that was not taken
  std::vector<entry_hash> lacks;  ///< with `errc::lacks_entries`: what has to come first
};

/// Adds entries in order. Invalid ones are passed over; the first that waits ends it, with
/// `errc::lacks_entries` or `errc::lacks_records`.
[[nodiscard]] taken take(feed::index& feeds, const ledger::view& ledger,
                         std::span<const feed::entry> entries);

inline constexpr std::size_t max_told_heads = 3000;  ///< what one message holds
/// The frontier as it is told to another replica: its heads, and of too many those that came last. Whoever hears it
/// knows the past of each as well; what is left out beyond that is delivered once more, and known.
[[nodiscard]] std::vector<feed_head> heads_to_tell(const feed::index& feeds,
                                                   std::size_t most = max_told_heads);

/// What one subscriber of one workspace still lacks. A value in memory, gone with the connection.
class delivery {
 public:
  /// `frontier` is what the subscriber said he holds.
  explicit delivery(std::vector<feed_head> frontier) : frontier_(std::move(frontier)) {}

  /// The next entries for him, the past first: about `max_bytes`, at least one if any is lacking.
  /// Empty: he has everything, until entries are added.
  [[nodiscard]] feed::slice peek(const feed::index& feeds, std::size_t max_bytes);
  /// The same, which count as his from now on: for an ordered link without acknowledgements.
  [[nodiscard]] feed::slice next(const feed::index& feeds, std::size_t max_bytes);
  /// He has this entry, and so its whole past: he took it, or sent it.
  void has(const feed::index& feeds, const entry_hash& hash);
  /// True when he has the entry, as far as is known here.
  [[nodiscard]] bool knows(const feed::index& feeds, const entry_hash& hash);
  /// He lacks this entry after all: he refused one that builds on it. Each time in a branch it goes
  /// back further. False when it is not held here.
  [[nodiscard]] bool lacks(const feed::index& feeds, const entry_hash& hash);

 private:
  void refresh(const feed::index& feeds);

  std::vector<feed_head> frontier_;
  feed::clock have_;
  feed::clock told_;                                    ///< what has() said, less what lacks() said
  std::set<feed::branch_number> doubted_;               ///< of which the frontier said too much
  std::map<feed::branch_number, std::uint64_t> steps_;  ///< how far lacks() goes back next
  std::uint64_t cursor_ = 0;  ///< an arrival number: what stands before it was delivered
  std::size_t branches_ = 0;  ///< of the index when `have_` was made
};

}  // namespace keyfold::replica
