// LevelDB on a disk that fails.
#include <leveldb/env.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>

#include "store/db/leveldb.hpp"
#include "store/db/watched.hpp"
#include "tests/support/temp_dir.hpp"

using namespace keyfold;
using namespace keyfold::db;
namespace fs = std::filesystem;

namespace {

/// A disk that fills up: of what is appended then, half arrives.
class full_disk final : public leveldb::EnvWrapper {
 public:
  full_disk() : EnvWrapper(leveldb::Env::Default()) {}
  bool full = false;
  bool unsynced = false;  ///< takes bytes, but does not make them durable

  leveldb::Status NewWritableFile(const std::string& path, leveldb::WritableFile** out) override {
    if (full) return failure();
    auto made = target()->NewWritableFile(path, out);
    if (made.ok()) *out = new file(*this, *out);
    return made;
  }

 private:
  static leveldb::Status failure() {
    return leveldb::Status::IOError("disk", std::strerror(ENOSPC));
  }
  class file final : public leveldb::WritableFile {
   public:
    file(full_disk& disk, leveldb::WritableFile* below) : disk_(disk), below_(below) {}
    leveldb::Status Append(const leveldb::Slice& data) override {
      if (!disk_.full) return below_->Append(data);
      (void)below_->Append({data.data(), data.size() / 2});
      (void)below_->Flush();
      return failure();
    }
    leveldb::Status Flush() override { return below_->Flush(); }
    leveldb::Status Sync() override { return disk_.unsynced ? failure() : below_->Sync(); }
    leveldb::Status Close() override { return below_->Close(); }

   private:
    full_disk& disk_;
    std::unique_ptr<leveldb::WritableFile> below_;
  };
};

batch one(std::uint8_t key) {
  return {{bytes{key}, bytes(1000, key)}};
}

}  // namespace

TEST_CASE("a database goes on by itself when its disk has room again, without what failed") {
  const test::temp_dir folder;
  full_disk disk;
  for (const bool while_syncing : {false, true}) {
    const auto path = (folder / (while_syncing ? "sync" : "append")).string();
    {
      const auto db = open_leveldb_in(path, disk).value();
      REQUIRE(db->write(one(1), true));
      (while_syncing ? disk.unsynced : disk.full) = true;
      CHECK(db->write(one(2), true).error().code == errc::disk_full);
      CHECK(db->write(one(3), true).error().code == errc::disk_full);
      CHECK(*db->get(bytes{1}) == bytes(1000, 1));
      disk.unsynced = disk.full = false;
      REQUIRE(db->write(one(4), true));
      CHECK_FALSE(*db->get(bytes{2}));
      CHECK_FALSE(*db->get(bytes{3}));
    }
    const auto db = open_leveldb(path);
    REQUIRE(db);
    CHECK(*(*db)->get(bytes{1}) == bytes(1000, 1));
    CHECK_FALSE(*(*db)->get(bytes{2}));
    CHECK(*(*db)->get(bytes{4}) == bytes(1000, 4));
  }
}

TEST_CASE("a database is not opened again while somebody reads it") {
  const test::temp_dir folder;
  full_disk disk;
  const auto db = open_leveldb_in((folder / "db").string(), disk).value();
  REQUIRE(db->write(one(1), true));
  disk.full = true;
  REQUIRE_FALSE(db->write(one(2), true));
  disk.full = false;
  CHECK(db->scan({}, {}, [&](bytes_view, bytes_view value) {
    CHECK_FALSE(db->write(one(3), true));
    CHECK(value.size() == 1000);
    return true;
  }));
  CHECK(db->write(one(3), true));
}

TEST_CASE("a database without its file CURRENT is damaged, and is not begun anew") {
  const test::temp_dir folder;
  const auto path = (folder / "db").string();
  REQUIRE(open_leveldb(path).value()->write(one(1), true));
  fs::remove(path + "/CURRENT");
  CHECK(open_leveldb(path).error().code == errc::damaged);
}

TEST_CASE("what a repair makes of damaged files can be read") {
  const test::temp_dir folder;
  const auto path = (folder / "db").string();
  REQUIRE(open_leveldb(path).value()->write(one(1), true));
  for (const auto& file : fs::directory_iterator(path))
    if (file.path().filename().string().starts_with("MANIFEST"))
      test::write_file(file.path(), "damaged");
  REQUIRE(open_leveldb(path).error().code == errc::damaged);
  REQUIRE(repair_leveldb(path));
  CHECK(*open_leveldb(path).value()->get(bytes{1}) == bytes(1000, 1));
}

TEST_CASE("a watched store remembers damage, and other failures until a write goes well") {
  const auto said = std::make_shared<health>();
  CHECK_FALSE(said->trouble());
  const auto below = memory_store();
  const auto store = watched_store(*below, said);
  said->failed({errc::disk_full, "full"});
  CHECK(said->trouble()->code == errc::disk_full);
  REQUIRE(store->write(one(1), false));
  CHECK_FALSE(said->trouble());
  said->failed({errc::damaged, "damaged"});
  said->failed({errc::disk_full, "full"});
  REQUIRE(store->write(one(1), false));
  CHECK(said->damaged());
  CHECK(said->trouble()->code == errc::damaged);
}

TEST_CASE("a table that became shorter is a failure of who reads it, not the end of the program") {
  const test::temp_dir folder;
  const auto path = (folder / "db").string();
  const auto db = open_leveldb(path).value();
  for (std::uint8_t key = 0; key < 200; ++key)
    REQUIRE(db->write({{bytes{key}, bytes(100'000, key)}}, false));  // more than memory takes
  REQUIRE(db->get(bytes{0}));                                        // its table is open
  std::size_t tables = 0;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.path().extension() == ".ldb") {
      fs::resize_file(entry.path(), entry.file_size() / 2);
      ++tables;
    }
  REQUIRE(tables > 0);
  std::size_t failures = 0;
  for (std::uint8_t key = 0; key < 200; ++key) failures += db->get(bytes{key}) ? 0 : 1;
  CHECK(failures > 0);
}
