// Ordered key-value storage. Cores read and write through a `view` and never see where bytes lie:
//
//   view (what cores use)  <-  transaction (an overlay, committed as one batch)  over  store
//   (LevelDB, or a map in tests)
//
// Keys order as unsigned bytes. Keys must not hold plaintext (names, paths): use ids, or keyed
// hashes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "crypto/bytes.hpp"

namespace keyfold::db {

/// Called for each pair in ascending order of keys; returns false to stop.
using visitor = std::function<bool(bytes_view key, bytes_view value)>;

/// What cores read and write. A failure of the storage below is remembered and makes commit() fail,
/// so that cores need not ask after each call.
class view {
 public:
  virtual ~view() = default;
  [[nodiscard]] virtual std::optional<bytes> get(bytes_view key) const = 0;
  virtual void put(bytes_view key, bytes_view value) = 0;
  virtual void erase(bytes_view key) = 0;
  /// All pairs whose key begins with `prefix` and is not below `from` (empty: from the prefix on).
  /// Writes made by `visit` itself are not seen by the scan under way.
  virtual void scan(bytes_view prefix, bytes_view from, const visitor& visit) const = 0;
  /// The last pair whose key begins with `prefix` and is below `before` (empty: of all with the
  /// prefix).
  [[nodiscard]] virtual std::optional<std::pair<bytes, bytes>> last(
      bytes_view prefix, bytes_view before = {}) const = 0;
};

/// One atomic write: nullopt erases.
using batch = std::map<bytes, std::optional<bytes>>;

/// The storage below transactions. Thread-safe.
class store {
 public:
  virtual ~store() = default;
  [[nodiscard]] virtual expected<std::optional<bytes>> get(bytes_view key) const = 0;
  [[nodiscard]] virtual expected<void> scan(bytes_view prefix, bytes_view from,
                                            const visitor& visit) const = 0;
  [[nodiscard]] virtual expected<std::optional<std::pair<bytes, bytes>>> last(
      bytes_view prefix, bytes_view before) const = 0;
  /// Writes all of `changes` or nothing; with `synced` they survive a power cut once it returns.
  [[nodiscard]] virtual expected<void> write(const batch& changes, bool synced) = 0;
};

/// A store in memory, for tests and the simulator.
std::unique_ptr<store> memory_store();
/// LevelDB in `directory`, made if need be. `errc::database_locked`, `errc::damaged` or
/// `errc::io_failed`.
[[nodiscard]] expected<std::unique_ptr<store>> open_leveldb(const std::string& directory);

/// Changes over a store, seen by their own reads, written by commit(). Not thread-safe; the store
/// must outlive it. Without commit() nothing happens.
class transaction final : public view {
 public:
  explicit transaction(store& below) : below_(below) {}
  [[nodiscard]] std::optional<bytes> get(bytes_view key) const override;
  void put(bytes_view key, bytes_view value) override;
  void erase(bytes_view key) override;
  void scan(bytes_view prefix, bytes_view from, const visitor& visit) const override;
  [[nodiscard]] std::optional<std::pair<bytes, bytes>> last(bytes_view prefix,
                                                            bytes_view before = {}) const override;

  /// Writes everything as one batch and empties the overlay, which may then be used anew.
  /// Fails with the first failure of any read or write since the last commit; then nothing is
  /// written, and the overlay is empty too.
  [[nodiscard]] expected<void> commit(bool synced);
  /// Hands everything since the last commit over, for another's commit over the same store; the overlay
  /// is empty then. Fails as commit() does.
  [[nodiscard]] expected<batch> take();
  /// Adds what another transaction over the same store handed over.
  void add(batch taken);
  /// Throws everything since the last commit away.
  void discard();
  [[nodiscard]] bool empty() const { return changes_->empty(); }
  /// The first failure of any read since the last commit: what was read since then cannot be relied on.
  [[nodiscard]] const std::optional<error>& failure() const { return failure_; }

 private:
  /// The value, or an empty one, with the failure noted for commit().
  template <class T>
  T value_or_note(expected<T> result) const;
  /// The changes for writing: a copy while a scan still reads them.
  batch& own_changes();

  store& below_;
  std::shared_ptr<batch> changes_ = std::make_shared<batch>();
  mutable std::optional<error> failure_;
};

/// A view on the part of `below` whose keys begin with `prefix`; keys are given without it.
class prefixed final : public view {
 public:
  prefixed(view& below, bytes prefix) : below_(below), prefix_(std::move(prefix)) {}
  [[nodiscard]] std::optional<bytes> get(bytes_view key) const override;
  void put(bytes_view key, bytes_view value) override;
  void erase(bytes_view key) override;
  void scan(bytes_view prefix, bytes_view from, const visitor& visit) const override;
  [[nodiscard]] std::optional<std::pair<bytes, bytes>> last(bytes_view prefix,
                                                            bytes_view before = {}) const override;

 private:
  [[nodiscard]] bytes with_prefix(bytes_view key) const;
  view& below_;
  bytes prefix_;
};

}  // namespace keyfold::db
