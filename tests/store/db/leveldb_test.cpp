#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "store/db/committer.hpp"
#include "store/db/kv.hpp"
#include "store/db/sealed.hpp"
#include "tests/support/temp_dir.hpp"

using namespace keyfold;
using namespace keyfold::db;
namespace fs = std::filesystem;

TEST_CASE("what was written is there after the database is opened again") {
  const test::temp_dir folder;
  const auto path = folder.path().string() + "/new/db";
  {
    const auto db = open_leveldb(path);
    REQUIRE(db);
    REQUIRE((*db)->write({{bytes{1}, bytes{2}}}, true));
  }
  const auto db = open_leveldb(path);
  REQUIRE(db);
  CHECK(*(*db)->get(bytes{1}) == bytes{2});
}

TEST_CASE("a database that is open already is refused as locked") {
  const test::temp_dir folder;
  const auto first = open_leveldb(folder.path().string());
  REQUIRE(first);
  const auto second = open_leveldb(folder.path().string());
  REQUIRE_FALSE(second);
  CHECK(second.error().code == errc::database_locked);
}

TEST_CASE("a damaged database is refused as damaged") {
  const test::temp_dir folder;
  {
    const auto db = open_leveldb(folder.path().string());
    REQUIRE(db);
    for (std::uint8_t i = 0; i < 100; ++i)
      REQUIRE((*db)->write({{bytes{i}, bytes(1000, i)}}, true));
  }
  for (const auto& file : fs::directory_iterator(folder.path().string()))
    if (file.path().extension() == ".log") {
      std::fstream out(file.path(), std::ios::in | std::ios::out | std::ios::binary);
      out.seekp(500);
      out.write("damage", 6);
    }
  const auto db = open_leveldb(folder.path().string());
  REQUIRE_FALSE(db);
  CHECK(db.error().code == errc::damaged);
}

TEST_CASE("a folder that cannot be made is an input or output failure") {
  const auto db = open_leveldb("/proc/keyfold");
  REQUIRE_FALSE(db);
  CHECK(db.error().code == errc::io_failed);
}

TEST_CASE("A22: a sealed store shows no value on the disk") {
  const test::temp_dir folder;
  const std::string secret = "alice's secret file name";
  {
    const auto db = open_leveldb(folder.path().string());
    REQUIRE(db);
    const auto random = seeded_random(2);
    const auto sealed = sealed_store(**db, random->key(), *random);
    REQUIRE(sealed->write({{bytes{1}, to_bytes(as_bytes(secret))}}, true));
    CHECK(*sealed->get(bytes{1}) == to_bytes(as_bytes(secret)));
  }
  for (const auto& file : fs::directory_iterator(folder.path().string()))
    CHECK(test::read_file(file.path()).find(secret.substr(0, 8)) == std::string::npos);
}

TEST_CASE("a sealed value that was changed or moved to another key is refused as damaged") {
  const auto below = memory_store();
  const auto random = seeded_random(3);
  const auto sealed = sealed_store(*below, random->key(), *random);
  REQUIRE(sealed->write({{bytes{1}, bytes{7, 7}}}, true));
  auto value = **below->get(bytes{1});
  REQUIRE(below->write({{bytes{2}, value}}, true));
  CHECK(sealed->get(bytes{2}).error().code == errc::damaged);
  CHECK(sealed->last(bytes{2}, {}).error().code == errc::damaged);
  CHECK(sealed->scan({}, {}, [](bytes_view, bytes_view) { return true; }).error().code ==
        errc::damaged);
  for (std::size_t i = 0; i < value.size(); ++i) {
    auto flipped = value;
    flipped[i] ^= 1;
    REQUIRE(below->write({{bytes{1}, flipped}}, true));
    CHECK(sealed->get(bytes{1}).error().code == errc::damaged);
  }
}

TEST_CASE("batches of several callers become one write, and each is told once it is durable") {
  const auto below = memory_store();
  std::vector<int> told;
  {
    committer group(*below);
    group.add({{bytes{1}, bytes{1}}}, [&](const auto& result) {
      CHECK(result);
      told.push_back(1);
    });
    group.add({{bytes{1}, bytes{2}}, {bytes{2}, bytes{2}}}, [&](const auto&) {
      told.push_back(2);
      group.add({{bytes{3}, bytes{3}}}, [&](const auto&) { told.push_back(3); });
    });
    CHECK(told.empty());
    group.flush();
    CHECK(told == std::vector{1, 2});
    CHECK(*below->get(bytes{1}) == bytes{2});
  }
  CHECK(told == std::vector{1, 2, 3});
  CHECK(*below->get(bytes{3}) == bytes{3});
}

TEST_CASE("a group commit flushes by itself when its bound is reached") {
  const auto below = memory_store();
  committer group(*below, 100, 2);
  int told = 0;
  const auto count = [&](const auto&) { ++told; };
  group.add({{bytes{1}, bytes(100, 0)}}, count);
  CHECK(told == 1);
  group.add({{bytes{1}, bytes{}}}, count);
  CHECK(told == 1);
  group.add({{bytes{1}, bytes{}}}, count);
  CHECK(told == 3);
}
