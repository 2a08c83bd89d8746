#include "store/mirror/watch.hpp"

#include <poll.h>
#include <sys/resource.h>

#include <chrono>

#include "tests/store/mirror/fixture.hpp"

using namespace keyfold;
using namespace keyfold::mirror;
namespace fs = std::filesystem;

namespace {

/// Reads until every folder of `wanted` was told, or five seconds have passed.
bool tells(watcher& w, std::set<local_path> wanted) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!wanted.empty() && std::chrono::steady_clock::now() < deadline) {
    pollfd poll_one{.fd = w.fd(), .events = POLLIN, .revents = 0};
    ::poll(&poll_one, 1, 1000);
    for (const auto& folder : get(w.read()).folders) wanted.erase(folder);
  }
  return wanted.empty();
}

}  // namespace

TEST_CASE("a watcher tells the folder of each change") {
  disk_fixture m;
  m.make_folder("a/b");
  auto w = get(watcher::open(m.mirror_root));
  CHECK(w.watched() == 3);
  m.write("a/b/f", "x");
  CHECK(tells(w, {"a/b"}));
  m.move("a/b/f", "g");
  CHECK(tells(w, {"a/b", ""}));
  fs::permissions(m / "g", fs::perms::owner_exec, fs::perm_options::add);
  CHECK(tells(w, {""}));
  CHECK(get(w.read()).empty());
}

TEST_CASE("Keyfold's own files are not told") {
  disk_fixture m;
  auto w = get(watcher::open(m.mirror_root));
  m.write(".keyfold-tmp-x", "x");
  m.remove(".keyfold-tmp-x");
  CHECK(get(w.read()).empty());
}

TEST_CASE("new folders are watched and told with all that is in them") {
  disk_fixture m;
  auto w = get(watcher::open(m.mirror_root));
  m.make_folder("a/b/c");
  CHECK(tells(w, {"", "a", "a/b", "a/b/c"}));
  m.write("a/b/c/f", "x");
  CHECK(tells(w, {"a/b/c"}));
}

TEST_CASE("a folder that moves is watched under its new name") {
  disk_fixture m;
  m.make_folder("a/b");
  auto w = get(watcher::open(m.mirror_root));
  m.move("a", "z");
  CHECK(tells(w, {"", "z", "z/b"}));
  m.write("z/b/f", "x");
  CHECK(tells(w, {"z/b"}));
  CHECK(w.watched() == 3);
  m.remove("z");
  CHECK(tells(w, {""}));
  CHECK(w.watched() == 1);
}

TEST_CASE("a folder moved out of the mirror is not watched any more") {
  disk_fixture m;
  test::temp_dir outside;
  m.make_folder("a/b");
  auto w = get(watcher::open(m.mirror_root));
  fs::rename(m / "a", outside / "a");
  CHECK(tells(w, {""}));
  CHECK(w.watched() == 1);
}

TEST_CASE("a root that is moved is told as gone") {
  disk_fixture m;
  auto w = get(watcher::open(m.mirror_root));
  const auto moved = m.folder.path().string() + "-moved";
  fs::rename(m.folder.path(), moved);
  CHECK(code_of(w.read()) == errc::root_gone);
  fs::remove_all(moved);
}

TEST_CASE("a root that is deleted is told as to be looked at, and then found gone") {
  disk_fixture m;
  auto w = get(watcher::open(m.mirror_root));
  fs::remove_all(m.folder.path());
  CHECK(tells(w, {""}));
  CHECK(code_of(m.mirror_root.check(m.own)) == errc::root_gone);
}

TEST_CASE("a system that allows no more watchers is told with its setting") {
  disk_fixture m;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  auto none = before;
  none.rlim_cur = 0;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto refused = watcher::open(m.mirror_root);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE(code_of(refused) == errc::watch_limit);
  CHECK(refused.error().message.find("fs.inotify.max_user_instances") != std::string::npos);
}

TEST_CASE("no symlink is watched") {
  disk_fixture m;
  test::temp_dir outside;
  fs::create_symlink(outside.path(), m / "link");
  auto w = get(watcher::open(m.mirror_root));
  CHECK(w.watched() == 1);
  fs::create_symlink(outside.path(), m / "other");
  CHECK(tells(w, {""}));
  CHECK(w.watched() == 1);
}

TEST_CASE("a debounce waits for quiet, but not for ever") {
  debounce d(100, 2000);
  CHECK_FALSE(d.due());
  d.add({{"a"}, false}, 0);
  CHECK(d.due() == 100);
  CHECK_FALSE(d.take(99));
  d.add({{"b"}, false}, 50);
  CHECK_FALSE(d.take(149));
  CHECK(d.take(150)->folders == std::set<local_path>{"a", "b"});
  CHECK_FALSE(d.due());
  for (std::int64_t now = 1000; now < 2990; now += 50) d.add({{"a"}, false}, now);
  CHECK(d.due() == 3000);
  CHECK_FALSE(d.take(2999));
  CHECK(d.take(3000));
}

TEST_CASE("a debounce that heard of an overflow or of too many folders asks for everything") {
  debounce d;
  d.add({{"a"}, false}, 0);
  d.add({{}, true}, 0);
  d.add({{"b"}, false}, 0);
  CHECK(d.take(1000)->all);
  dirty_folders many;
  for (std::size_t i = 0; i <= most_dirty_folders; ++i) many.folders.insert(std::to_string(i));
  d.add(many, 2000);
  const auto taken = d.take(5000);
  REQUIRE(taken);
  CHECK(taken->all);
  CHECK(taken->folders.empty());
}
