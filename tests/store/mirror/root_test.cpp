#include "store/mirror/root.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>

#include "tests/store/mirror/fixture.hpp"

using namespace keyfold;
using namespace keyfold::mirror;
namespace fs = std::filesystem;

TEST_CASE("a marker travels through its bytes") {
  const marker m{id_of<workspace_id>(7), id_of<mirror_id>(9)};
  CHECK(get(decode_marker(encode_marker(m))) == m);
}

TEST_CASE("a marker of a later version, one cut short and one with more is refused") {
  auto data = encode_marker({id_of<workspace_id>(7), id_of<mirror_id>(9)});
  auto cut = data;
  cut.pop_back();
  CHECK_FALSE(decode_marker(cut));
  auto longer = data;
  longer.push_back(0);
  CHECK(code_of(decode_marker(longer)) == errc::trailing_bytes);
  writer w;
  w.array(3).uint(2).bin(id_of<workspace_id>(7)).bin(id_of<mirror_id>(9));
  CHECK(code_of(decode_marker(std::move(w).take())) == errc::unknown_version);
}

TEST_CASE("a root that is there with its marker is taken") {
  disk_fixture m;
  CHECK(m.mirror_root.check(m.own));
  CHECK(get(root::open(m.folder.path())).check(m.own));
  CHECK(root::create(m.folder.path(), m.own));
}

TEST_CASE("a root that was moved away is gone, not empty") {
  disk_fixture m;
  const auto moved = m.folder.path().string() + "-moved";
  fs::rename(m.folder.path(), moved);
  CHECK(code_of(m.mirror_root.check(m.own)) == errc::root_gone);
  CHECK(code_of(root::open(m.folder.path())) == errc::root_gone);
  fs::create_directory(m.folder.path());  // an empty folder in its place is not it either
  CHECK(code_of(m.mirror_root.check(m.own)) == errc::root_gone);
  fs::remove_all(moved);
}

TEST_CASE("a root without its marker is refused") {
  disk_fixture m;
  m.remove(".keyfold");
  CHECK(code_of(m.mirror_root.check(m.own)) == errc::root_marker_missing);
}

TEST_CASE("a root with another mirror's marker is refused") {
  disk_fixture m;
  const marker other{id_of<workspace_id>(1), id_of<mirror_id>(3)};
  CHECK(code_of(m.mirror_root.check(other)) == errc::root_marker_foreign);
  CHECK(code_of(root::create(m.folder.path(), other)) == errc::root_marker_foreign);
  m.write(".keyfold/mirror", "something else");
  CHECK(code_of(m.mirror_root.check(m.own)) == errc::root_marker_foreign);
}

TEST_CASE("a root within another mirror is refused, however deep, and also by way of a symlink") {
  disk_fixture m;
  const marker other{id_of<workspace_id>(4), id_of<mirror_id>(5)};
  CHECK(code_of(root::create(m / "a/b", other)) == errc::root_marker_foreign);
  test::temp_dir outside;
  fs::create_symlink(m.folder.path(), outside / "way");
  CHECK(code_of(root::create(outside / "way/inner", other)) == errc::root_marker_foreign);
  CHECK(root::create(outside / "own", other));
}

TEST_CASE("one root of a folder is locked at a time, until it goes") {
  disk_fixture m;
  auto first = std::optional(root::open(m.folder.path()).value());
  const auto second = root::open(m.folder.path()).value();
  REQUIRE(first->lock());
  CHECK(first->lock());
  CHECK(code_of(second.lock()) == errc::busy);
  auto moved = std::optional(std::move(*first));
  first.reset();
  CHECK(code_of(second.lock()) == errc::busy);
  moved.reset();
  CHECK(second.lock());
}

TEST_CASE("no path leaves the root") {
  disk_fixture m;
  test::temp_dir outside;
  test::write_file(outside / "secret", "of bob");
  fs::create_symlink(outside.path(), m / "link");
  fs::create_symlink(outside / "secret", m / "file");
  fs::create_symlink("/proc/self/root", m / "magic");
  m.make_folder("a");
  fs::create_symlink("../a", m / "a/inward");
  for (const local_path path :
       {"..", "../x", "a/../a", "/etc/passwd", "link", "link/secret", "file", "a/inward", "a//b",
        "a/", "./a", "magic", "magic/etc/passwd"}) {
    INFO(path);
    CHECK(code_of(m.mirror_root.open_path(path, O_RDONLY)) == errc::unsafe_path);
  }
  CHECK(code_of(m.mirror_root.open_path(std::string("a\0b", 3), O_RDONLY)) == errc::unsafe_path);
  CHECK(code_of(m.mirror_root.open_path(std::string(300, 'x'), O_RDONLY)) == errc::too_large);
  CHECK(m.mirror_root.open_folder("a"));
}

TEST_CASE("a folder turned into a symlink in a race is not followed") {
  disk_fixture m;
  test::temp_dir outside;
  m.make_folder("a/b");
  REQUIRE(m.mirror_root.open_folder("a/b"));
  m.remove("a");
  fs::create_symlink(outside.path(), m / "a");
  fs::create_directory(outside / "b");
  CHECK(code_of(m.mirror_root.open_folder("a/b")) == errc::unsafe_path);
}

TEST_CASE("looking at a symlink tells of itself") {
  disk_fixture m;
  fs::create_symlink("/etc/passwd", m / "link");
  const auto seen = get(look(m.mirror_root, "link"));
  CHECK(seen.facts.kind == node_kind::symlink);
  CHECK(seen.facts.target == "/etc/passwd");
  CHECK(code_of(look(m.mirror_root, "nothing")) == errc::not_found);
}

namespace {

/// From now on openat2 does not exist in this process.
bool forbid_openat2() {
  std::array<sock_filter, 4> code{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{.len = code.size(), .filter = code.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

TEST_CASE("a kernel without openat2 is told as such") {
  test::temp_dir folder;
  const auto child = ::fork();
  if (child == 0) {
    const bool told =
        forbid_openat2() && code_of(root::open(folder.path())) == errc::openat2_missing;
    ::_exit(told ? 0 : 1);
  }
  int status = 1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
