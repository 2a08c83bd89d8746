#include "actors/objects.hpp"

#include <filesystem>

#include "actors/device_store.hpp"
#include "actors/rebuild.hpp"
#include "store/db/format.hpp"
#include "store/db/sealed.hpp"

namespace keyfold::actors {
namespace {

constexpr std::uint8_t format_version = 1;  ///< of the rows of all parts (device_store.hpp)

/// Says when it goes.
struct farewell {
  std::promise<void> gone;
  ~farewell() { gone.set_value(); }
};

/// Owns what the parts of object_services refer to, in the order of their dependence; the last to go is the
/// first.
struct device_storage {
  farewell closed;
  std::unique_ptr<db::store> plain;
  std::unique_ptr<db::store> sealed;
  std::unique_ptr<db::store> watched;
  std::unique_ptr<object::store> objects;
  std::unique_ptr<incident::book> incidents;
};

}  // namespace

expected<object_services> open_object_services(const std::string& folder,
                                               const symmetric_key& local_key) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) return fail(errc::io_failed, "cannot make " + folder + ": " + problem.message());
  auto storage = std::make_shared<device_storage>();
  KEYFOLD_TRY(storage->plain, db::open_leveldb(folder + "/db"));
  storage->sealed = db::sealed_store(*storage->plain, local_key, nonce_source());
  const auto health = std::make_shared<db::health>();
  storage->watched = db::watched_store(*storage->sealed, health);
  KEYFOLD_CHECK(db::check_format(*storage->watched, format_version));
  KEYFOLD_TRY(storage->objects, object::store::open(folder + "/objects", *storage->watched,
                                                    prefix_of(part::objects)));
  KEYFOLD_CHECK(forget_chosen_line(*storage->watched));  // else it would have been set aside
  KEYFOLD_CHECK(save_from_damaged(folder, local_key, *storage->watched, *storage->objects));
  storage->incidents =
      std::make_unique<incident::book>(*storage->watched, prefix_of(part::incidents));
  return object_services{{storage, storage->watched.get()},
                         {storage, storage->objects.get()},
                         local_key,
                         storage->closed.gone.get_future().share(),
                         health,
                         {storage, storage->incidents.get()}};
}

}  // namespace keyfold::actors
