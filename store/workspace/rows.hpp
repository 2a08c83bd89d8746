// A table's rows of one node or version, of which there is seldom more than one.
//
//   key         -> u8 more ‖ u16 size of sub key ‖ sub key ‖ value      the first row
//   key ‖ sub   -> value                                                those behind it, if `more`
//
// So the usual question, whether there is a row and which, is one lookup of a key. (A scan asks every
// level of the database, and no filter helps it.) However many rows there are, a change touches two.
#pragma once

#include <functional>

#include "store/db/kv.hpp"

namespace keyfold::workspace {

struct row {
  bytes sub;  ///< orders the rows, as unsigned bytes; all sub keys of a table have one size
  bytes value;
  bool operator==(const row&) const = default;
};

/// Not thread-safe; `state` must outlive it. What does not decode counts as no rows.
class rows {
 public:
  rows(db::view& state, bytes key) : state_(state), key_(std::move(key)) {}

  [[nodiscard]] std::optional<row> first() const;
  /// The last row whose sub key is below `before` (empty: of all).
  [[nodiscard]] std::optional<row> last(bytes_view before = {}) const;
  [[nodiscard]] std::optional<bytes> get(bytes_view sub) const;
  /// Visits the rows from `from` on (empty: all) in ascending order, until `visit` returns false.
  void visit(bytes_view from,
             const std::function<bool(bytes_view sub, bytes_view value)>& visit) const;
  [[nodiscard]] bool empty() const { return !first(); }

  /// Adds the row, or gives it another value.
  void put(bytes_view sub, bytes_view value);
  void erase(bytes_view sub);
  /// put() or erase().
  void set(bytes_view sub, bytes_view value, bool add);
  /// Gives a row another sub key that is behind the same rows as the old one. Nothing if there is none.
  void rename(bytes_view from, bytes_view to);

 private:
  struct head {
    row front;
    bool more = false;
  };
  friend void visit_rows(const db::view& state, bytes_view prefix, std::size_t rest,
                         const std::function<bool(bytes_view sub, bytes_view value)>& visit);
  [[nodiscard]] static std::optional<head> decode(bytes_view stored);
  [[nodiscard]] std::optional<head> load() const;
  void save(const head& h);
  [[nodiscard]] bytes key_of(bytes_view sub) const;

  db::view& state_;
  bytes key_;
};

/// Visits the rows of all keys that are `prefix` and `rest` bytes behind it, until `visit` returns false: ascending by
/// key, of one key the first row first.
void visit_rows(const db::view& state, bytes_view prefix, std::size_t rest,
                const std::function<bool(bytes_view sub, bytes_view value)>& visit);

}  // namespace keyfold::workspace
