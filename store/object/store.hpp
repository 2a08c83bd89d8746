// Objects on disk, at a device and at a relay.
//
//   folder/A/B/<base32 of the id> := object ‖ hash of each cell (32)…       above 32 KiB
//   folder/tmp/                   :  files being written
//   db: prefix ‖ 'i' ‖ id -> u64 object size ‖ u8 origin ‖ u64 checksum    an object is here if and only if it has
//                                             this; without a checksum of small ones, and of files that were adopted
//       prefix ‖ 'd' ‖ id -> as a file            up to 32 KiB
//       prefix ‖ 'p' ‖ id -> nothing              being put; left by a crash, its file is removed
//       prefix ‖ 'x' ‖ id -> as 'd', or nothing   put aside: damaged; a file is then <name>.damaged
//       'q', 'h', 'e': cache.hpp
//
// A batch: temporary files, renamed into place, one syncfs, then the index entries in one synced
// write. So a name that the index shows has all its bytes on the disk; what a crash leaves before
// is not visible.
#pragma once

#include <atomic>
#include <mutex>

#include "store/db/file.hpp"
#include "store/db/kv.hpp"
#include "store/object/cache.hpp"
#include "store/object/seal.hpp"

namespace keyfold::object {

struct index_row;

/// The size of an object of which that many bytes are kept, with the hashes of its cells; nullopt where no object takes
/// so many.
[[nodiscard]] std::optional<std::uint64_t> object_size_of(std::uint64_t kept);

/// Thread-safe; blocks on the disk.
class store {
 public:
  /// Opens or makes the storage in `folder`, with its index and small objects in `index` (which
  /// must outlive it) below `prefix`. Files left by a crash in writing are removed.
  [[nodiscard]] static expected<std::unique_ptr<store>> open(const std::string& folder,
                                                             db::store& index, bytes prefix);
  ~store();
  store(const store&) = delete;
  store& operator=(const store&) = delete;

  /// Stores all; once it returns they survive a power cut. Those that are here already are passed
  /// over. `errc::disk_full`, `errc::io_failed`: then some may be stored.
  [[nodiscard]] expected<void> put(std::span<const sealed_object> objects,
                                   origin from = origin::made);
  /// A replica holds these: with `relay_only` they may go. Those that are not here are passed over.
  [[nodiscard]] expected<void> note_held(std::span<const object_id> ids);
  /// What was noted as held may be lost there, or the replica is another one: what was made here stays until it is
  /// noted again.
  [[nodiscard]] expected<void> forget_held();
  /// These were fetched and used without being stored: a replica has them.
  [[nodiscard]] expected<void> note_passed(std::span<const object_id> ids);
  /// Removes, now and from now on, what the bound does not leave room for; without it nothing goes by itself.
  [[nodiscard]] expected<void> set_bound(const cache_bound& bound);
  /// True for what is here, and for what was removed to keep the bound, or passed: a replica has it.
  [[nodiscard]] expected<bool> is_known(const object_id& id) const;
  /// nullopt: not here. Bytes that are not those of the id: `errc::damaged`, they are put aside (a
  /// file as `<name>.damaged`), and the object is not here any more.
  [[nodiscard]] expected<std::optional<sealed_object>> get(const object_id& id);
  /// The bytes alone, for somebody who checks them: what the disk did to them is found as get() does, what somebody
  /// else did there is not.
  [[nodiscard]] expected<std::optional<shared_bytes>> get_to_send(const object_id& id);
  /// At most `count` cells from `first` on, with the hashes of all; checked as get() does.
  /// `errc::malformed` when the object has no such cell.
  [[nodiscard]] expected<std::optional<cell_range>> get_range(const object_id& id,
                                                              std::size_t first, std::size_t count);
  /// As get_range(), but without a look at the hashes: for who opens the cells, and asks is_intact() where one
  /// does not open.
  [[nodiscard]] expected<std::optional<cell_range>> get_unchecked(const object_id& id,
                                                                  std::size_t first,
                                                                  std::size_t count);
  /// Checks what is stored of it: false if it is not here, or was damaged and has been put aside by then.
  [[nodiscard]] expected<bool> is_intact(const object_id& id);
  [[nodiscard]] expected<bool> has(const object_id& id) const;
  /// A replica that was thought to have a removed object has not: what lies in it is sealed anew when it is met.
  [[nodiscard]] expected<void> forget_removed(const object_id& id);
  /// The object's size in bytes; nullopt when it is not here.
  [[nodiscard]] expected<std::optional<std::uint64_t>> size_of(const object_id& id) const;
  /// Takes in the files that the index does not have: after the index was lost. What is in them is checked when
  /// they are read. Gives how many.
  [[nodiscard]] expected<std::size_t> adopt_files();
  /// Those that were put aside, ascending.
  [[nodiscard]] expected<std::vector<object_id>> aside() const;
  /// Removes what was put aside of an object, for good.
  [[nodiscard]] expected<void> drop_aside(const object_id& id);
  /// Removes those that are here.
  [[nodiscard]] expected<void> remove(std::span<const object_id> ids);
  /// Visits all, ascending by id, until `visit` returns false.
  [[nodiscard]] expected<void> list(
      const std::function<bool(const object_id&, std::uint64_t size)>& visit) const;
  /// The sum of all sizes in bytes.
  [[nodiscard]] std::uint64_t total_size() const { return total_; }

 private:
  store(std::string path, db::file folder, db::store& index, bytes prefix);
  [[nodiscard]] bytes key(char kind, const object_id& id) const;
  [[nodiscard]] expected<void> count_all();
  [[nodiscard]] expected<void> clean_up();
  [[nodiscard]] expected<std::vector<sealed_object>> lacking(
      std::span<const sealed_object> objects) const;
  [[nodiscard]] expected<void> put_files(std::span<const sealed_object> objects);
  [[nodiscard]] expected<void> put_file(const sealed_object& o);
  [[nodiscard]] expected<void> take_out(const object_id& id, std::uint64_t size, db::batch changes);
  /// Removes them in one write together with `changes`.
  [[nodiscard]] expected<void> remove_all(std::span<const object_id> ids, db::batch changes);
  /// Removes what is beyond the bound; `changing_` is held.
  [[nodiscard]] expected<void> evict();
  void was_read(const object_id& id);
  [[nodiscard]] expected<std::optional<index_row>> row_of(const object_id& id) const;
  [[nodiscard]] expected<shared_bytes> read_bytes(const object_id& id, std::uint64_t size) const;
  /// Moves what lies under the id aside: `errc::damaged`; or success if it has gone meanwhile.
  [[nodiscard]] expected<void> put_aside(const object_id& id);
  [[nodiscard]] expected<std::optional<cell_range>> read(const object_id& id, std::size_t first,
                                                         std::size_t count) const;
  [[nodiscard]] expected<cell_range> read_small(const object_id& id, cell_range range,
                                                std::size_t count) const;
  [[nodiscard]] expected<cell_range> read_file(const object_id& id, cell_range range,
                                               std::size_t count) const;

  const std::string path_;
  const db::file folder_;
  db::store& index_;
  const bytes prefix_;
  cache_queue cache_;
  std::mutex changing_;  ///< one batch of changes at a time; reads go on beside it
  std::atomic<std::uint64_t> total_ = 0;
  std::uint64_t next_temporary_ = 0;
};

}  // namespace keyfold::object
