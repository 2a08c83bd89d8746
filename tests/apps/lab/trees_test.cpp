#include "apps/lab/trees.hpp"

#include <catch2/catch.hpp>

#include "tests/support/temp_dir.hpp"

using namespace keyfold::apps::lab;
using keyfold::test::temp_dir;
using keyfold::test::write_file;
namespace fs = std::filesystem;

TEST_CASE(
    "folders differ in names, kinds, bytes, links and the executable bit, and in nothing else") {
  const temp_dir a, b;
  for (const auto* each : {&a, &b}) {
    fs::create_directory(*each / "folder");
    write_file(*each / "folder/file", "bytes");
    fs::create_symlink("folder/file", *each / "link");
  }
  write_file(a / ".keyfold-marker", "of a");
  fs::create_directory(b / ".keyfold");
  write_file(b / ".keyfold/inside", "of b");
  CHECK(!difference(a.path(), b.path()));

  const auto differ = [&] { return difference(a.path(), b.path()).has_value(); };
  write_file(b / "folder/file", "other");
  CHECK(differ());
  write_file(b / "folder/file", "bytes");
  fs::permissions(b / "folder/file", fs::perms::owner_all);
  CHECK(differ());
  fs::permissions(b / "folder/file", fs::perms::owner_read | fs::perms::owner_write);
  CHECK(!differ());
  write_file(b / "more", "");
  CHECK(differ());
  CHECK(difference(b.path(), a.path()));
  fs::remove(b / "more");
  fs::remove(b / "link");
  CHECK(differ());
  fs::create_symlink("elsewhere", b / "link");
  CHECK(differ());
  fs::remove(b / "link");
  fs::create_directory(b / "link");
  CHECK(differ());
}

TEST_CASE("conflict copies are counted below a folder") {
  const temp_dir a;
  fs::create_directory(a / "folder");
  write_file(a / "notes.txt", "");
  write_file(a / "notes (conflict, K7QF, 2026-11-22 14.03Z).txt", "");
  write_file(a / "folder/x (conflict, K7QF, 2026-11-22 14.03Z)", "");
  CHECK(count_conflicts(a.path()) == 2);
  CHECK(count_conflicts(a / "folder") == 1);
  CHECK(count_conflicts(a / "nowhere") == 0);
}
