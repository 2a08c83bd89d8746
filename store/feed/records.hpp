// How feeds and the journal lie in a db::view. Internal to store/feed.
//
//   'a' arrival          → [branch, seq, size, hash]      order of being added
//   'b' branch           → branch_record
//   'c'                  → [arrivals, branches]
//   'e' hash             → entry
//   'g' device generation branch → (nothing)              branches of a generation
//   'm' hash             → meta_record
//   'p' branch seq       → [hash, arrival]                the entries of a branch
//   'x' hash             → str: the rule that an invalid entry breaks
//   'j'                  → journal_record
//   'n' number           → pending_record
//   'o' number index     → [operation, [object id*]]
//
// Numbers in keys are big endian, branches with 4 bytes and all else with 8.
#pragma once

#include "store/feed/index.hpp"

namespace keyfold::feed::records {

inline constexpr std::uint64_t never_cut = ~std::uint64_t{0};

struct branch_record {
  branch_number number = 0;  ///< stands in the key
  device_id device;
  generation_id generation;
  std::optional<branch_number> parent;  ///< the branch that it leaves
  feed_seq first;
  ledger_seq start;  ///< position of the first entry of the generation
  feed_head tip;
  std::uint64_t tip_arrival = 0;
  std::uint64_t cut = never_cut;  ///< the first seq that is quarantined
};

struct meta_record {
  operation_order order;  ///< index 0; its hash stands in the key
  branch_number branch = 0;
  ledger_seq position;
  std::uint64_t arrival = 0;
  feed::clock clock;
};

struct arrival_record {
  branch_number branch = 0;
  feed_seq seq;
  std::uint64_t size = 0;
  entry_hash hash;
};

/// An entry of a branch.
struct place_record {
  entry_hash hash;
  std::uint64_t arrival = 0;
};

struct counters {
  std::uint64_t arrivals = 0;
  branch_number branches = 0;
};

struct journal_record {
  device_id device;
  generation_id generation;
  std::uint64_t first = 0;         ///< number of the entry with seq 0 of the generation
  std::uint64_t oldest = 0;        ///< number of the oldest pending entry
  std::uint64_t next = 0;          ///< number of the next one to be begun
  std::optional<entry_hash> base;  ///< the last signed entry, of this or another generation
  std::uint64_t base_knew = 0;     ///< arrivals that the last signed entry knew
  std::uint64_t last_knew = 0;     ///< arrivals that the last begun entry, or its segment, knew
  lamport_time last_lamport;       ///< of the last begun entry
  bool segment_open = false;
  bool accepting = false;  ///< the last begun entry takes further operations
};

struct pending_record {
  lamport_time lamport;
  std::uint64_t knew = 0;  ///< all entries of a lower arrival number were known
  std::uint64_t operations = 0;
  std::uint64_t size = 0;
  std::uint64_t needed = 0;  ///< object ids named, each time counted
};

struct operation_record {
  bytes operation;
  std::vector<object_id> needed;
};

[[nodiscard]] bytes key(char letter);
[[nodiscard]] bytes key(char letter, const entry_hash& hash);
[[nodiscard]] bytes key(char letter, std::uint64_t number);
[[nodiscard]] bytes branch_key(branch_number branch);
[[nodiscard]] bytes place_key(branch_number branch, feed_seq seq);
[[nodiscard]] bytes generation_key(device_id device, std::optional<generation_id> generation = {},
                                   std::optional<branch_number> branch = {});
[[nodiscard]] bytes operation_key(std::uint64_t number, std::uint64_t index);

// A record that does not decode counts as not there.
[[nodiscard]] counters load_counters(const db::view& state);
[[nodiscard]] std::optional<branch_record> load_branch(const db::view& state, branch_number number);
[[nodiscard]] std::optional<meta_record> load_meta(const db::view& state, const entry_hash& hash);
[[nodiscard]] std::optional<place_record> load_place(const db::view& state, branch_number branch,
                                                     feed_seq seq);
[[nodiscard]] std::optional<journal_record> load_journal(const db::view& state);
[[nodiscard]] std::optional<pending_record> load_pending(const db::view& state,
                                                         std::uint64_t number);
[[nodiscard]] std::optional<arrival_record> decode_arrival(bytes_view data);
[[nodiscard]] std::optional<operation_record> decode_operation(bytes_view data);
[[nodiscard]] bytes encode(const operation_record& r);

void save(db::view& state, const counters& r);
void save(db::view& state, const branch_record& r);
void save(db::view& state, const meta_record& r);
void save(db::view& state, std::uint64_t arrival, const arrival_record& r);
void save(db::view& state, branch_number branch, feed_seq seq, const place_record& r);
void save(db::view& state, const journal_record& r);
void save(db::view& state, std::uint64_t number, const pending_record& r);
void save(db::view& state, std::uint64_t number, std::uint64_t index, const operation_record& r);

/// All branches, or those of a device, or of a generation.
[[nodiscard]] std::vector<branch_record> all_branches(const db::view& state);
[[nodiscard]] std::vector<branch_record> branches_of(const db::view& state, device_id device,
                                                     std::optional<generation_id> generation = {});
/// Visits the device of every branch, without reading the branches.
void visit_generations(const db::view& state, const std::function<void(const device_id&)>& visit);
/// The first seq of the branch that was not held yet when `until` entries were.
[[nodiscard]] std::uint64_t reach(const db::view& state, const branch_record& b,
                                  std::uint64_t until);
/// Raises `into` to what `from` knows.
void merge(clock& into, const clock& from);
[[nodiscard]] inline std::uint64_t reach(const clock& known, branch_number branch) {
  const auto at = known.find(branch);
  return at == known.end() ? 0 : at->second;
}
/// The order of a pending entry.
[[nodiscard]] operation_order order_of(const journal_record& journal, const pending_record& pending,
                                       std::uint64_t number);

}  // namespace keyfold::feed::records
