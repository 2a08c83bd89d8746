// The index of feeds: all held entries of one workspace and how they hang together. The relay and
// every device have one. Everything lies in a db::view; nothing is remembered between calls, so
// that a transaction may be thrown away at any point.
//
// A generation is a chain, and after a fork a tree; the index cuts it into *branches*, numbered as
// they come and each a chain without forks. So "what somebody knows" is one number for each branch:
//
//   clock := { branch → how far (first seq not known) }      an entry's clock holds its whole past
//   and itself
//
// Along a branch ledger positions, Lamport times, arrival numbers and quarantine only ever grow; so
// an entry counts exactly when it stands before its branch's cut.
#pragma once

#include <functional>
#include <map>

#include "store/db/kv.hpp"
#include "store/feed/causality.hpp"
#include "store/feed/verdict.hpp"

namespace keyfold::feed {
namespace records {
struct branch_record;
struct meta_record;
}  // namespace records

using branch_number = std::uint32_t;
/// For each branch the first seq that is not known. Branches of which nothing is known are left
/// out.
using clock = std::map<branch_number, std::uint64_t>;

/// Two signed entries at one position of a feed: their author is at fault, or a backup was
/// restored.
struct fork {
  feed_head first;  ///< held before
  feed_head second;
};

/// An entry whose standing differs from before: quarantined, or counting again.
struct standing_change {
  operation_order order;
  standing now;
};

/// What add() did.
struct added {
  feed::verdict verdict;
  bool fresh =
      false;  ///< stored by this call (counts or quarantined); false: held before, or not taken
  operation_order order;                 ///< of the entry, index 0
  std::optional<feed::fork> fork;        ///< an incident; both are held, see find_entry
  std::vector<standing_change> changes;  ///< of other entries
};

/// What the index knows of a held entry.
struct held_entry {
  operation_order order;  ///< index 0
  feed::standing standing = standing::counts;
  std::uint64_t arrival = 0;  ///< from 0, in the order of being added: the past comes first
  ledger_seq position;
  [[nodiscard]] feed_head place() const {
    return {order.device, order.generation, order.seq, order.hash};
  }
};

/// Entries that somebody lacks, the past first.
struct slice {
  std::vector<bytes> entries;     ///< encoded
  std::vector<feed_head> places;  ///< of the same
  std::uint64_t next = 0;         ///< where to go on: an arrival number
};

class index final : public causality, public past {
 public:
  /// `state` is this workspace's own part of the database and must outlive the index.
  index(db::view& state, organization_id organization, workspace_id workspace);

  /// Verifies the signature, judges, and stores what counts or is quarantined. Of an invalid entry
  /// only its hash is kept; a waiting one is not stored (its verdict says what to fetch first).
  /// One whose past the database does not give any more waits as well; `state` remembers why.
  [[nodiscard]] added add(const entry& e, const ledger::view& ledger);
  /// The verdict alone, signature included; changes nothing.
  [[nodiscard]] verdict judge(const entry& e, const ledger::view& ledger) const;
  /// After the ledger advanced: which held entries are quarantined now, or count again; ascending
  /// by arrival.
  [[nodiscard]] std::vector<standing_change> reconsider(const ledger::view& ledger);

  [[nodiscard]] bool holds(const entry_hash& hash) const;
  [[nodiscard]] std::optional<held_entry> find(const entry_hash& hash) const;
  [[nodiscard]] std::optional<entry> find_entry(const entry_hash& hash) const;
  /// The bytes of a held entry as they travel.
  [[nodiscard]] std::optional<bytes> find_encoded(const entry_hash& hash) const;
  /// The entry at a place of a feed; after a fork the one that came first.
  [[nodiscard]] std::optional<held_entry> find_at(device_id device, generation_id generation,
                                                  feed_seq seq) const;
  /// How many entries are held: the arrival number of the next.
  [[nodiscard]] std::uint64_t arrivals() const;
  /// Visits held entries in order of arrival from `from` on, until `visit` returns false.
  void visit_arrivals(std::uint64_t from,
                      const std::function<bool(const held_entry&)>& visit) const;

  /// The heads of all feeds, ascending: the last entry of each branch.
  [[nodiscard]] std::vector<feed_head> frontier() const;
  /// The heads of these devices' feeds as a certificate's frontier attachment (FORMATS 1).
  [[nodiscard]] bytes signed_heads(std::span<const device_id> devices) const;
  /// What somebody with that frontier holds of what is held here. Of a head not held here,
  /// everything that stands before it in an unforked generation is taken as held there.
  [[nodiscard]] clock known_by(std::span<const feed_head> frontier) const;
  /// Entries that somebody who knows `have` lacks, in order of arrival from `from` on (0: from the first that
  /// he lacks): at least one if there is any, else as many as fit into `max_bytes`. Empty: nothing is lacking.
  [[nodiscard]] slice lacking(const clock& have, std::uint64_t from, std::size_t max_bytes) const;
  /// Adds the entry and its whole past to `have`, when it is held.
  void learn(clock& have, const entry_hash& hash) const;

  // causality
  [[nodiscard]] bool knows(const operation_order& later,
                           const operation_order& earlier) const override;
  void unknown_to(const operation_order& later,
                  const std::function<void(const operation_order&)>& visit) const override;
  // past
  [[nodiscard]] std::optional<known_entry> find_known(const entry_hash& hash) const override;
  [[nodiscard]] bool is_invalid(const entry_hash& hash) const override;
  [[nodiscard]] bool in_chain_of(const feed_head& ancestor, const feed_head& head) const override;

  /// A head of a branch as it was when `arrivals` entries were held.
  struct head_then {
    branch_number branch = 0;
    held_entry entry;
  };
  /// The heads when `until` entries were held, of those branches that grew since `since` were.
  [[nodiscard]] std::vector<head_then> heads_between(std::uint64_t since,
                                                     std::uint64_t until) const;
  /// Where the entry stands: its branch, and its seq in it; nullopt when it is not held.
  [[nodiscard]] std::optional<std::pair<branch_number, feed_seq>> find_branch(
      const entry_hash& hash) const;
  /// The number of branches of all feeds: it grows with each new generation and fork.
  [[nodiscard]] std::size_t branches() const;
  /// True when an entry with that header, which is not held, begins a branch: a generation, or a
  /// fork beside what follows its predecessor already.
  [[nodiscard]] bool begins_branch(const header& h) const;
  /// How many branches, and so heads, each device has.
  [[nodiscard]] std::map<device_id, std::size_t> heads_by_device() const;
  /// The branches of a generation: 0 unknown, 1 a chain, more after forks.
  [[nodiscard]] std::size_t branches_of(device_id device, generation_id generation) const;

  [[nodiscard]] db::view& state() const { return state_; }
  [[nodiscard]] organization_id organization() const { return organization_; }
  [[nodiscard]] workspace_id workspace() const { return workspace_; }

 private:
  struct judged;
  [[nodiscard]] judged judge_all(const entry& e, const ledger::view& ledger) const;
  [[nodiscard]] expected<void> store(const entry& e, const judged& j, added& out);
  [[nodiscard]] expected<records::branch_record> branch_for(const entry& e,
                                                            std::optional<fork>& forked);
  [[nodiscard]] std::uint64_t cut_of(const records::branch_record& b,
                                     std::span<const ledger::removal> removals) const;
  void recut(std::vector<records::branch_record> branches, const ledger::view& ledger,
             std::vector<standing_change>& out);
  [[nodiscard]] std::uint64_t first_lacking(const clock& have) const;
  [[nodiscard]] held_entry describe(const records::meta_record& m) const;

  db::view& state_;
  organization_id organization_;
  workspace_id workspace_;
};

}  // namespace keyfold::feed
