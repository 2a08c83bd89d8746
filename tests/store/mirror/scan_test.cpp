#include "store/mirror/scan.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "tests/store/mirror/fixture.hpp"

using namespace keyfold;
using namespace keyfold::mirror;
namespace fs = std::filesystem;

namespace {

struct seen_all {
  sentences entries;
  std::vector<ignored_item> ignored;
};

seen_all scan_all(const disk_fixture& m, std::vector<local_path> starts = {""}) {
  seen_all out;
  scan_hooks hooks;
  hooks.visit = [&](const listing& seen) {
    for (const auto& entry : seen.entries) out.entries.push_back(join(seen.path, entry.name));
    out.ignored.insert(out.ignored.end(), seen.ignored.begin(), seen.ignored.end());
  };
  hooks.ignored = [&](const ignored_item& item) { out.ignored.push_back(item); };
  get(scan(m.mirror_root, starts, hooks));
  return out;
}

const std::string nfd = "e\u0301.txt";
const std::string nfc = "\u00e9.txt";

}  // namespace

TEST_CASE("a scan tells kind, size, time, inode, executable bit and target") {
  disk_fixture m;
  m.write("run", "#!");
  fs::permissions(m / "run", fs::perms::owner_exec, fs::perm_options::add);
  const timespec times[2] = {{}, {.tv_sec = 5, .tv_nsec = 7}};
  REQUIRE(::utimensat(AT_FDCWD, (m / "run").c_str(), times, 0) == 0);
  fs::create_symlink("../out", m / "link");
  m.make_folder("empty");

  const auto seen = get(list_folder(m.mirror_root, ""));
  REQUIRE(seen.entries.size() == 3);
  CHECK(seen.entries[0].facts.kind == node_kind::folder);
  CHECK(seen.entries[1].facts.target == "../out");
  const auto& run = seen.entries[2].facts;
  CHECK(run.kind == node_kind::file);
  CHECK(run.size == 2);
  CHECK(run.mtime_ns == 5'000'000'007);
  CHECK(run.executable);
  struct stat expected_stat {};
  REQUIRE(::stat((m / "run").c_str(), &expected_stat) == 0);
  CHECK(run.inode == expected_stat.st_ino);
  CHECK(seen.own == sentences{".keyfold"});
}

TEST_CASE("a scan visits a folder before those in it, and follows no symlink") {
  disk_fixture m;
  test::temp_dir outside;
  test::write_file(outside / "secret", "of bob");
  m.make_folder("a/b/c");
  m.write("a/b/f", "x");
  fs::create_symlink(outside.path(), m / "out");
  CHECK(scan_all(m).entries == sentences{"a", "out", "a/b", "a/b/c", "a/b/f"});
}

TEST_CASE("what does not travel is listed with its reason") {
  disk_fixture m;
  REQUIRE(::mkfifo((m / "pipe").c_str(), 0600) == 0);
  m.write("bad\xff", "not UTF-8");
  m.write("good", "x");
  const auto seen = scan_all(m);
  CHECK(seen.entries == sentences{"good"});
  CHECK(seen.ignored == std::vector<ignored_item>{{"bad\xff", ignore_reason::bad_name},
                                                  {"pipe", ignore_reason::special}});
}

TEST_CASE("a name in another normalization travels in NFC and keeps its spelling on disk") {
  disk_fixture m;
  m.write(nfd, "x");
  const auto seen = get(list_folder(m.mirror_root, ""));
  REQUIRE(seen.entries.size() == 1);
  CHECK(seen.entries[0].name == nfc);
  CHECK(seen.entries[0].local == nfd);
}

TEST_CASE("a scan of some folders visits each once, and the nearest one of what is gone") {
  disk_fixture m;
  m.make_folder("a/b");
  m.write("a/b/f", "x");
  m.write("a/g", "x");
  CHECK(scan_all(m, {"a/b", "a"}).entries == sentences{"a/b/f", "a/b", "a/g"});
  CHECK(scan_all(m, {"a/gone/deeper"}).entries == sentences{"a/b", "a/g", "a/b/f"});
}

TEST_CASE("a folder that may not be read is listed, and nothing is concluded") {
  if (::geteuid() == 0) return;  // root reads everything
  disk_fixture m;
  m.make_folder("closed");
  fs::permissions(m / "closed", fs::perms::none);
  const auto seen = scan_all(m);
  fs::permissions(m / "closed", fs::perms::owner_all);
  CHECK(seen.ignored == std::vector<ignored_item>{{"closed", ignore_reason::unreadable}});
}
