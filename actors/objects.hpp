// What every part of a device that touches contents shares: its database and its object store.
#pragma once

#include <future>
#include <memory>

#include "store/db/watched.hpp"
#include "store/object/reader.hpp"
#include "store/object/store.hpp"

namespace keyfold::actors {

/// Thread-safe; cheap to copy. Stays open as long as somebody holds it.
struct object_services {
  std::shared_ptr<db::store> store;  ///< the device's database; values are encrypted
  std::shared_ptr<object::store> objects;
  symmetric_key local_key;
  std::shared_future<void>
      closed;  ///< ready once the last holder is gone and the database is closed
  std::shared_ptr<db::health> health;  ///< of the database
};

/// Opens or makes a device's database and object store in `folder`; from a database that was set aside
/// (rebuild.hpp) it saves what can be. `errc::database_locked`, `errc::damaged`, `errc::disk_full` or
/// `errc::io_failed`.
[[nodiscard]] expected<object_services> open_object_services(const std::string& folder,
                                                             const symmetric_key& local_key);

/// Objects of the local store, for object::file_reader.
class local_source final : public object::source {
 public:
  explicit local_source(std::shared_ptr<object::store> objects) : objects_(std::move(objects)) {}
  [[nodiscard]] expected<bool> has(const object_id& id) override { return objects_->has(id); }
  /// A damaged one has been put aside by then: it is not here, and to be fetched again.
  [[nodiscard]] expected<std::optional<object::cell_range>> get(const object_id& id,
                                                                object::cell_span cells) override {
    auto range = objects_->get_range(id, cells.first, cells.count);
    if (!range && range.error().code == errc::damaged) return std::nullopt;
    return range;
  }

 private:
  std::shared_ptr<object::store> objects_;
};

}  // namespace keyfold::actors
