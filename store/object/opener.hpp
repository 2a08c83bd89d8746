// Chunks in clear, out of objects.
#pragma once

#include <optional>

#include "store/object/seal.hpp"

namespace keyfold::object {

/// Where objects come from.
class source {
 public:
  virtual ~source() = default;
  [[nodiscard]] virtual expected<bool> has(const object_id& id) = 0;
  /// At least the asked cells of the object, if it has them, from number `first` on; nullopt: it is
  /// not here.
  /// Their bytes need not have been checked.
  [[nodiscard]] virtual expected<std::optional<cell_range>> get(const object_id& id,
                                                                cell_span cells) = 0;
  /// Asked when a chunk did not open: false if what it has, or had, of the object was damaged. It is not there
  /// any more then.
  [[nodiscard]] virtual expected<bool> is_intact(const object_id& id) = 0;
};

/// Opens chunks one after the other. It keeps the object that it read last, and what it opened of it:
/// small files lie side by side in one object, and chunks share cells; so each is got, checked and
/// opened once. Not thread-safe; `objects` must outlive it.
class opener {
 public:
  explicit opener(source& objects) : objects_(&objects) {}

  /// The chunk's plaintext, valid until the next call; nullopt: its object is not here, or was damaged here.
  /// Errors of clear_cells::open() where an intact object does not hold the chunk.
  [[nodiscard]] expected<std::optional<bytes_view>> open(const chunk_ref& chunk);
  [[nodiscard]] expected<bool> has(const object_id& id);

 private:
  [[nodiscard]] expected<bool> load(const chunk_ref& chunk);

  source* objects_;
  object_id id_;
  cell_range range_;  ///< of that object, from some cell on to its end
  std::optional<clear_cells> clear_;
};

}  // namespace keyfold::object
