// The incidents that a device keeps.
//
//   prefix ‖ 'i' ‖ kind ‖ id -> report          at most max_kept of a kind
//   prefix ‖ 'n' ‖ kind      -> u64 how many were put, those that were not kept too
//
// When a kind is full: of those that convict somebody the first ones stay, so that a flood cannot push proof out; of the
// others the newest stay.
#pragma once

#include <map>
#include <mutex>

#include "store/db/kv.hpp"
#include "store/incident/incident.hpp"

namespace keyfold::incident {

inline constexpr std::size_t max_kept = 1000;

/// Thread-safe; blocks on the disk.
class book {
 public:
  /// `below` must outlive it; all keys with `prefix` are the book's.
  book(db::store& below, bytes prefix) : below_(below), prefix_(std::move(prefix)) {}
  book(const book&) = delete;
  book& operator=(const book&) = delete;

  /// True when it is new. What convicts survives a power cut once this returns; a note, only a crash of the program.
  /// The same incident put again changes nothing. `errc::io_failed`, `errc::disk_full`, `errc::damaged`.
  [[nodiscard]] expected<bool> put(const report& r);
  /// All that are kept, the newest first.
  [[nodiscard]] expected<std::vector<report>> list() const;
  /// nullopt: none of that id is kept.
  [[nodiscard]] expected<std::optional<report>> find(const incident_id& id) const;
  /// How many were put, by kind.
  [[nodiscard]] expected<std::map<kind, std::uint64_t>> counts() const;

 private:
  [[nodiscard]] bytes key(char part, kind what) const;
  [[nodiscard]] expected<void> make_room(kind what, std::size_t& kept, db::batch& changes) const;

  db::store& below_;
  const bytes prefix_;
  mutable std::mutex mutex_;
  std::map<kind, std::size_t> kept_;  ///< rows of a kind; not there: not counted yet
};

}  // namespace keyfold::incident
