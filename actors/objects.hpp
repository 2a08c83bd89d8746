// What the parts of a device share: its database, its object store, and its book of incidents.
#pragma once

#include <future>
#include <memory>

#include "store/db/watched.hpp"
#include "store/incident/book.hpp"
#include "store/object/local_source.hpp"
#include "store/object/store.hpp"

namespace keyfold::actors {

/// Thread-safe; cheap to copy. Stays open as long as somebody holds it.
struct object_services {
  std::shared_ptr<db::store> store;  ///< the device's database; values are encrypted
  std::shared_ptr<object::store> objects;
  symmetric_key local_key;
  std::shared_future<void>
      closed;  ///< ready once the last holder is gone and the database is closed
  std::shared_ptr<db::health> health;         ///< of the database
  std::shared_ptr<incident::book> incidents;  ///< for whoever notices one
};

/// Opens or makes a device's database and object store in `folder`; from a database that was set aside
/// (rebuild.hpp) it saves what can be. `errc::database_locked`, `errc::damaged`, `errc::disk_full` or
/// `errc::io_failed`.
[[nodiscard]] expected<object_services> open_object_services(const std::string& folder,
                                                             const symmetric_key& local_key);

}  // namespace keyfold::actors
