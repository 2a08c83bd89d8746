// A simulated disk: a database and object files, which fail, fill, and forget at a power cut what was not synced.
#pragma once

#include "store/db/kv.hpp"
#include "store/object/seal.hpp"

namespace keyfold::sim {

/// Thrown where the power goes: everything that a node has in memory is gone.
struct power_cut {
  std::size_t node = 0;
};

/// What is wrong with a disk now.
struct disk_health {
  bool full = false;            ///< writes fail, reads go well
  bool fails = false;           ///< writes fail with an error
  std::uint64_t bad_reads = 0;  ///< every so many-th read fails; 0: none
};

/// The database. A write is one atomic batch; batches survive a power cut in their order, synced ones always.
class disk final : public db::store {
 public:
  using pairs = std::map<bytes, bytes>;

  /// `effect` is called before and after each write, and may throw.
  explicit disk(std::function<void()> effect) : effect_(std::move(effect)) {}

  [[nodiscard]] expected<std::optional<bytes>> get(bytes_view key) const override;
  [[nodiscard]] expected<void> scan(bytes_view prefix, bytes_view from,
                                    const db::visitor& visit) const override;
  [[nodiscard]] expected<std::optional<std::pair<bytes, bytes>>> last(
      bytes_view prefix, bytes_view before) const override;
  [[nodiscard]] expected<void> write(const db::batch& changes, bool synced) override;

  /// Loses the last `unsynced - kept` batches, `kept` being taken modulo their number plus one.
  void lose_power(std::uint64_t kept);
  /// All that is there, as in a backup; and back to it.
  [[nodiscard]] const pairs& contents() const { return pairs_; }
  void restore(pairs contents);
  disk_health health;

 private:
  [[nodiscard]] expected<void> check_read() const;

  std::function<void()> effect_;
  pairs pairs_;
  std::vector<db::batch> undo_;  ///< what unsynced batches replaced, the oldest first
  mutable std::uint64_t reads_ = 0;
};

/// Objects as files: put, then synced together.
class object_files {
 public:
  using shared = std::shared_ptr<const bytes>;
  explicit object_files(std::function<void()> effect) : effect_(std::move(effect)) {}

  [[nodiscard]] bool has(const object_id& id) const { return files_.contains(id); }
  [[nodiscard]] shared get(const object_id& id) const;
  [[nodiscard]] expected<void> put(const object_id& id, shared data);
  [[nodiscard]] expected<void> sync();
  void lose_power();
  /// Has what `other` has, and nothing else.
  void restore(const object_files& other) {
    files_ = other.files_;
    unsynced_.clear();
  }
  disk_health* health = nullptr;  ///< of the disk that they lie on

 private:
  std::function<void()> effect_;
  std::map<object_id, shared> files_;
  std::vector<object_id> unsynced_;
};

}  // namespace keyfold::sim
