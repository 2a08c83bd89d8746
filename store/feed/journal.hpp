// The journal: a device's own changes to one workspace that are not signed yet (DESIGN 4.5). They
// become entries, with the ledger position and epoch of that moment, only when they first leave the
// device.
//
//   append append | remote entry applied | append …          segments: what was changed knowing the
//   same [ pending ][ pending ] ‖ [ pending ] …                   pending entries: cut at
//   max_payload_size
//
// A pending entry's place in the order of operations (Lamport, device, generation, seq; hash zero)
// is fixed when it is begun. What it has `seen` are the entries held when its segment was opened,
// whatever came since; a number of arrival says it all, and the list is made when the entry is
// signed. Everything lies in the index's db::view; the caller commits.
#pragma once

#include "store/feed/index.hpp"

namespace keyfold::feed {

/// An entry to be.
struct pending_entry {
  std::uint64_t number = 0;      ///< counts a device's entries of all generations, from 0
  operation_order order;         ///< hash zero, index 0
  std::uint64_t operations = 0;  ///< how many
  std::size_t size = 0;          ///< of its operations, as append() was told
};

/// The order of an entry (index 0) before and after it was signed, or moved to another generation.
struct reordered {
  operation_order before;
  operation_order after;
};

/// Why pending entries have to move to a new generation before they may be signed.
enum class renewal {
  none,
  right_was_taken,  ///< the generation began before a removal, which cuts it
  feed_is_ahead,    ///< entries of this generation exist that the journal does not know: a restored
                    ///< backup
  forked            ///< two entries stand at one position of it
};

/// What an operation was appended with.
struct pending_operation {
  bytes operation;
  std::vector<object_id> needed;
};
/// The operations that wait in a journal, the oldest first, as decode_pending() reads them; also where the journal's
/// own record was lost. `state` is an index's. For what is saved from a damaged database.
[[nodiscard]] std::vector<bytes> pending_records(const db::view& state);
[[nodiscard]] std::optional<pending_operation> decode_pending(bytes_view record);
[[nodiscard]] bytes encode_pending(const pending_operation& operation);

class journal {
 public:
  /// `feeds` must outlive the journal. `random` names new generations.
  journal(index& feeds, device_id device, random_source& random);

  /// Adds an operation (any encoding of the caller's) that takes at most `size` bytes in a payload
  /// and names `needed` objects. Gives its order. `errc::too_large` when no entry could hold it.
  [[nodiscard]] expected<operation_order> append(bytes_view operation, std::size_t size,
                                                 std::span<const object_id> needed);
  /// Remote entries were applied: what is appended from now on knows them.
  void remote_applied();

  [[nodiscard]] bool empty() const;
  /// The entry to be signed next.
  [[nodiscard]] std::optional<pending_entry> oldest() const;
  /// Visits pending entries, the oldest first, until `visit` returns false.
  void visit(const std::function<bool(const pending_entry&)>& visit) const;
  /// The operations of a pending entry as they were appended.
  [[nodiscard]] std::vector<bytes> operations(const pending_entry& entry) const;
  /// The objects that a pending entry needs, ascending, each once.
  [[nodiscard]] std::vector<object_id> needed(const pending_entry& entry) const;

  /// Everything for feed::make_entry of the oldest, which takes no further operations from then on.
  /// There must be one.
  [[nodiscard]] draft draft_oldest(const ledger::position& position, epoch_number epoch,
                                   bytes payload);
  /// The oldest has become `e`: adds it to the index and drops it here. Nothing changes on failure:
  /// `errc::not_the_oldest_pending`, `errc::generation_cut` (see renewal_due), `errc::entry_waits`,
  /// or the rule that the entry breaks.
  [[nodiscard]] expected<reordered> sign(const entry& e, const ledger::view& ledger);

  /// Ask before signing. (A generation of which nothing is signed yet needs no other.)
  [[nodiscard]] renewal renewal_due(const ledger::view& ledger) const;
  /// Moves all pending entries to a new generation; gives their orders before and after.
  [[nodiscard]] std::vector<reordered> begin_generation();
  /// The last own signed entry; nullopt before the first.
  [[nodiscard]] std::optional<feed_head> last_signed() const;

 private:
  index& feeds_;
  device_id device_;
  random_source& random_;
};

}  // namespace keyfold::feed
