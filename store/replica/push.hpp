// Pushing one workspace to one replica: stored entries that it lacks first, then pending ones,
// which are signed only now; and before an own entry its objects.
//
//                   ┌── needed objects: unknown → asked → (lacking → put →) acknowledged ──┐
//   offline → online                                                                      ├─→ push
//   batch
//                   └── stored batch, or ready pending entries → sign → stored batch ──────┘
//
// A pure core: events go in, effects come out. Nothing of it is stored: a lost connection starts
// anew.
#pragma once

#include <deque>
#include <functional>
#include <set>
#include <variant>

#include "store/feed/journal.hpp"
#include "store/replica/deliver.hpp"

namespace keyfold::replica {

/// Bounds of one push; the object window is PROTOCOL's credit for puts.
struct push_tuning {
  std::size_t object_window = 8 * 1024 * 1024;  ///< bytes of puts not acknowledged
  std::size_t batch_bytes = 1024 * 1024;        ///< entries in one push
  std::size_t batch_entries = 1000;             ///< a relay takes no more at once (PROTOCOL 23)
  std::size_t have_batch = 4096;                ///< objects in one question
  std::size_t lookahead = 64;  ///< pending entries whose objects are uploaded ahead
  /// False towards a device: it gets entries at once, and fetches what it wants.
  bool objects_first = true;
};

// Effects. Each request is answered by the event of like name.
struct ask_have {
  std::vector<object_id> objects;
};
struct put_object {
  object_id object;
};
/// Sign the `count` oldest pending entries (fewer is fine) and store them synced.
struct sign_next {
  std::size_t count;
};
struct push_entries {
  std::vector<bytes> entries;  ///< encoded; stored synced long before
};
/// The replica knows a newer ledger, or it lacks records that this device has.
struct sync_ledger {};
/// All own operations up to this one are held by the replica, with their objects if they go first.
struct durable {
  feed::operation_order order;
};
/// An object that an own entry needs is neither there nor here: the entry goes without.
struct object_missing {
  object_id object;
};
/// Pushing stands still until retry(), ledger_advanced() or a new connection.
struct stalled {
  error reason;
};
/// Nothing is left to do for now.
struct push_idle {};
using push_effect = std::variant<ask_have, put_object, sign_next, push_entries, sync_ledger,
                                 durable, object_missing, stalled, push_idle>;

class push {
 public:
  /// The size of an object in this device's store; nullopt when it is not there.
  using size_lookup = std::function<std::optional<std::size_t>(const object_id&)>;

  push(const feed::index& feeds, const feed::journal& journal, device_id own, size_lookup size_of,
       const push_tuning& tuning = {});

  using effects = std::vector<push_effect>;
  /// The replica is there and holds `frontier` (the answer to the first subscribe of a connection).
  [[nodiscard]] effects connected(std::vector<feed_head> frontier);
  void disconnected();
  [[nodiscard]] bool online() const { return delivery_.has_value(); }
  /// The journal or the index has grown.
  [[nodiscard]] effects changed();
  /// These objects are stored, and changes that need them will follow: they may go ahead.
  [[nodiscard]] effects upload_ahead(const std::vector<object_id>& objects);
  /// The replica itself sent this entry.
  void came_from_replica(const entry_hash& hash);
  [[nodiscard]] effects have_answered(std::span<const object_id> lacking);
  /// A question failed (`busy`, a timeout): stalls.
  [[nodiscard]] effects have_failed(const error& reason);
  /// The put is durable at the replica.
  [[nodiscard]] effects put_answered(const object_id& object);
  /// A put failed: stalls.
  [[nodiscard]] effects put_failed(const object_id& object, const error& reason);
  /// Entries were signed and stored; or not as many as asked for, for `reason` (a rotation is due, no
  /// right to write): stalls.
  [[nodiscard]] effects sign_answered(const std::optional<error>& reason = {});
  /// The replica has lost these, and wants them again: those that are here are put.
  [[nodiscard]] effects wanted(std::span<const object_id> objects);
  /// The first `accepted` entries of the batch are held; the replica wants these objects.
  [[nodiscard]] effects push_answered(std::size_t accepted, std::span<const object_id> wanted);
  /// `lacks`: with `errc::lacks_entries`.
  [[nodiscard]] effects push_refused(const error& reason, std::span<const entry_hash> lacks);
  [[nodiscard]] effects ledger_advanced();
  [[nodiscard]] effects retry();

 private:
  enum class object_state { asking, lacking, putting, acknowledged };
  /// What a pending entry needs; read anew when it has grown.
  struct pending_needs {
    std::uint64_t operations = 0;
    std::vector<object_id> objects;
  };
  /// Stored entries that the replica lacks, and what has to be there before them.
  struct batch {
    feed::slice entries;
    std::vector<object_id> needed;
    std::optional<feed::operation_order> last_own;
  };

  effects step();
  void load_batch();
  const std::vector<object_id>& needed_by(const feed::pending_entry& entry);
  void need(const std::vector<object_id>& objects);
  void enqueue(const object_id& object);
  /// So many objects are looked at, at most, before their changes are due.
  [[nodiscard]] std::size_t most_known() const { return 4 * tuning_.have_batch; }
  bool all_acknowledged(const std::vector<object_id>& objects) const;
  void plan_needs();
  void plan_question(effects& out);
  void plan_puts(effects& out);
  void plan_signing(effects& out);
  void plan_push(effects& out);
  effects stall(const error& reason);

  const feed::index& feeds_;
  const feed::journal& journal_;
  device_id own_;
  size_lookup size_of_;
  push_tuning tuning_;

  std::optional<delivery> delivery_;  ///< nullopt while offline
  std::optional<batch> batch_;
  std::map<object_id, object_state> objects_;
  std::map<std::uint64_t, pending_needs> pending_needs_;  ///< by the entry's number
  std::deque<object_id> to_ask_;
  std::deque<object_id> to_put_;
  std::set<object_id> queued_;                  ///< those in to_put_
  std::vector<object_id> asked_;                ///< the question under way
  std::map<object_id, std::size_t> under_way_;  ///< puts
  std::size_t put_bytes_ = 0;
  bool signing_ = false;
  bool pushing_ = false;
  bool stalled_ = false;
  bool idle_ = false;
};

}  // namespace keyfold::replica
