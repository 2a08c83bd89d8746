// Which stored objects may be removed when they take too much room, and in which order.
//
//   db: prefix ‖ 'q' ‖ u64 number -> id ‖ u64 size     fetched from a replica
//       prefix ‖ 'h' ‖ u64 number -> id ‖ u64 size     made here, and held by a replica since
//       prefix ‖ 'e' ‖ id         -> nothing           removed: a replica has it
//
// The oldest go first; what was fetched and not read yet is wanted by somebody, and stays. What was made
// here and no replica holds is in neither queue. A row may be stale: the store looks at the object before
// it removes it.
#pragma once

#include <atomic>
#include <mutex>
#include <unordered_set>

#include "crypto/ids.hpp"
#include "store/db/kv.hpp"

namespace keyfold::object {

/// How an object came to be here.
enum class origin : std::uint8_t {
  made = 0,     ///< by this device: perhaps nobody else has it
  fetched = 1,  ///< from a replica
  held = 2,     ///< made here, and a replica holds it
};

/// How much may lie here that can be fetched again.
struct cache_bound {
  std::uint64_t bytes = UINT64_MAX;
  /// Also what was made here, as soon as the relay holds it; else only what was fetched.
  bool relay_only = false;
};

/// The queues. Not thread-safe but for was_read(), and is_full_and_read() once the bound is set; `index` must outlive
/// it.
class cache_queue {
 public:
  cache_queue(const db::store& index, bytes prefix);
  /// Adds up what is queued. Before all else.
  [[nodiscard]] expected<void> load();

  void set_bound(const cache_bound& bound) { bound_ = bound; }
  /// An object of that origin (not made) is queued by `changes`.
  void add(origin from, const object_id& id, std::uint64_t size, db::batch& changes);
  /// Those of origin `held`, taken out of their queue by `changes`.
  [[nodiscard]] expected<std::vector<object_id>> take_held(db::batch& changes);
  /// Somebody has used it.
  void was_read(const object_id& id);
  /// More than the bound is queued, and since the last pick() something has changed that lets more of it go.
  [[nodiscard]] bool is_full() const {
    return queued() > std::max(bound_.bytes, none_below_.load());
  }
  /// It is full, and nothing in it waits to be read.
  [[nodiscard]] bool is_full_and_read();
  /// What has to go so that some room is left below the bound, taken out of the queues by `changes`.
  [[nodiscard]] expected<std::vector<object_id>> pick(db::batch& changes);

  [[nodiscard]] bytes removed_key(const object_id& id) const { return key_of('e', id.view()); }

 private:
  struct queue {
    char name;
    std::uint64_t first = 0;  ///< no row is before
    std::atomic<std::uint64_t> bytes = 0;
  };
  [[nodiscard]] bytes key_of(char kind, bytes_view rest) const;
  [[nodiscard]] bytes row_key(const queue& q, std::uint64_t number) const;
  [[nodiscard]] std::uint64_t queued() const {
    return fetched_.bytes + (bound_.relay_only ? held_.bytes.load() : 0);
  }
  [[nodiscard]] expected<void> load(queue& q);
  [[nodiscard]] expected<void> pick_from(queue& q, std::uint64_t enough,
                                         std::vector<object_id>& out, db::batch& changes);
  void append_row(queue& q, const object_id& id, std::uint64_t size, db::batch& changes);

  const db::store& index_;
  const bytes prefix_;
  cache_bound bound_;
  queue fetched_{'q'};
  queue held_{'h'};
  std::uint64_t next_ = 0;
  std::atomic<std::uint64_t> none_below_ =
      0;  ///< a pick() is in vain while less than this is queued
  std::mutex reading_;
  std::unordered_set<object_id> unread_;
};

}  // namespace keyfold::object
