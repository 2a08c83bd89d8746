#include "store/mirror/local_plan.hpp"

#include <sys/stat.h>

#include "tests/store/mirror/fixture.hpp"

using namespace keyfold;
using namespace keyfold::mirror;
namespace fs = std::filesystem;

TEST_CASE("a first scan finds everything created, folders first") {
  disk_fixture m;
  m.make_folder("a/b");
  m.write("a/b/f", "x");
  m.write("g", "y");
  const auto plan = m.find_changes();
  CHECK(m.tell(plan) == sentences{"created a", "created g", "created a/b", "created a/b/f"});
  CHECK(plan.changes[3].new_parent == 2U);
  m.agree();
  CHECK(m.changes().empty());
  CHECK(m.base.files() == 2);
}

TEST_CASE("how editors save") {
  struct pattern {
    const char* name;
    void (*save)(const disk_fixture&);
    sentences expected;
  };
  const std::vector<pattern> patterns{
      {"writes in place", [](const auto& m) { m.write("f", "new text"); }, {"modified f"}},
      {"writes a temporary file and renames it over",
       [](const auto& m) {
         m.write("f.tmp", "new text");
         m.move("f.tmp", "f");
       },
       {"modified f"}},
      {"renames the old one to a backup, writes anew, removes the backup (vim)",
       [](const auto& m) {
         m.move("f", "f~");
         m.write("f", "new text");
         m.remove("f~");
       },
       {"modified f"}},
      {"renames the old one to a backup that stays (emacs), and is ignored",
       [](const auto& m) {
         m.move("f", "f~");
         m.write("f", "new text");
       },
       {"modified f"}},
      {"copies to a backup and writes in place",
       [](const auto& m) {
         fs::copy_file(m / "f", m / "f.bak");
         m.write("f", "new text");
       },
       {"created f.bak", "modified f"}},
      {"deletes and writes anew",
       [](const auto& m) {
         m.remove("f");
         m.write("f", "new text");
       },
       {"modified f"}},
      {"writes a temporary file in another folder and renames it over",
       [](const auto& m) {
         m.make_folder(".tmp");
         m.write(".tmp/x", "new text");
         m.move(".tmp/x", "f");
         m.remove(".tmp");
       },
       {"modified f"}},
  };
  for (const auto& each : patterns) {
    DYNAMIC_SECTION(each.name) {
      disk_fixture m;
      m.write("f", "text");
      m.agree();
      each.save(m);
      CHECK(m.changes() == each.expected);
      CHECK(m.changes({""}) == each.expected);
      m.agree();
      CHECK(m.changes().empty());
    }
  }
}

TEST_CASE("renames of files and folders") {
  struct pattern {
    const char* name;
    void (*act)(const disk_fixture&);
    sentences expected;
  };
  const std::vector<pattern> patterns{
      {"a file", [](const auto& m) { m.move("a", "z"); }, {"moved a z"}},
      {"a file into a folder", [](const auto& m) { m.move("a", "d/a"); }, {"moved a d/a"}},
      {"a file that is edited too",
       [](const auto& m) {
         m.move("a", "z");
         m.write("z", "longer than before");
       },
       {"moved a z", "modified z"}},
      {"a folder, as one move", [](const auto& m) { m.move("d", "z"); }, {"moved d z"}},
      {"a folder, with an edit in it",
       [](const auto& m) {
         m.move("d", "z");
         m.write("z/x", "longer than before");
         m.write("z/new", "n");
       },
       {"moved d z", "created z/new", "modified z/x"}},
      {"a swap of files",
       [](const auto& m) {
         m.move("a", "t");
         m.move("b", "a");
         m.move("t", "b");
       },
       {"moved b a", "moved a b"}},
      {"a swap of folders",
       [](const auto& m) {
         m.move("d", "t");
         m.move("e", "d");
         m.move("t", "e");
       },
       {"moved e d", "moved d e"}},
      {"a chain",
       [](const auto& m) {
         m.move("b", "c");
         m.move("a", "b");
       },
       {"moved a b", "moved b c"}},
      {"one over another: new bytes for that name",
       [](const auto& m) { m.move("a", "b"); },
       {"modified b", "deleted a"}},
      {"out of a folder that is deleted",
       [](const auto& m) {
         m.move("d/x", "x");
         m.remove("d");
       },
       {"moved d/x x", "deleted d"}},
      {"into a new folder",
       [](const auto& m) {
         m.make_folder("n/m");
         m.move("a", "n/m/a");
       },
       {"created n", "created n/m", "moved a n/m/a"}},
      {"parent and child change places",
       [](const auto& m) {
         m.move("d/sub", "s");
         m.move("d", "s/d");
       },
       {"moved d/sub s", "moved d s/d"}},
      {"a folder aside, and a copy in its place",
       [](const auto& m) {
         m.move("d", "d.old");
         m.make_folder("d");
         m.write("d/x", "copied");
       },
       {"created d", "moved d d.old", "created d/x"}},
  };
  for (const auto& each : patterns) {
    DYNAMIC_SECTION(each.name) {
      disk_fixture m;
      m.write("a", "of alice");
      m.write("b", "of bob");
      m.make_folder("d/sub");
      m.make_folder("e");
      m.write("d/x", "x");
      m.write("d/sub/y", "y");
      m.agree();
      each.act(m);
      CHECK(m.changes() == each.expected);
      m.agree();
      CHECK(m.changes().empty());
      for (const char* name : {"a", "b", "d/x", "d/sub/y"})
        if (m.exists(name)) CHECK(m.base.find(name));
    }
  }
}

TEST_CASE("a folder made anew under its name is the same folder") {
  disk_fixture m;
  m.make_folder("d/sub");
  m.write("d/x", "x");
  m.write("d/y", "y");
  m.write("d/sub/z", "z");
  m.agree();
  m.make_folder("new/sub");
  m.write("new/x", "other bytes");
  m.move("d/sub/z", "new/sub/z");
  m.remove("d");
  m.move("new", "d");
  CHECK(m.changes() == sentences{"refreshed d", "refreshed d/sub", "modified d/x",
                                 "modified d/sub/z", "deleted d/y"});
  m.agree();
  CHECK(m.changes().empty());
}

TEST_CASE("the executable bit alone is a change of attributes") {
  disk_fixture m;
  m.write("f", "x");
  m.agree();
  fs::permissions(m / "f", fs::perms::owner_exec, fs::perm_options::add);
  CHECK(m.changes() == sentences{"attributes f"});
}

TEST_CASE("an edit that puts size and mtime back is noticed by its ctime") {
  disk_fixture m;
  m.write("f", "one");
  m.agree();
  const auto time = fs::last_write_time(m / "f");
  m.write("f", "two");
  fs::last_write_time(m / "f", time);
  CHECK(m.changes() == sentences{"modified f"});
}

TEST_CASE("a file that becomes a folder, and a symlink that changes its target") {
  disk_fixture m;
  m.write("f", "x");
  fs::create_symlink("one", m / "link");
  m.agree();
  m.remove("f");
  m.make_folder("f");
  m.write("f/inner", "y");
  m.remove("link");
  fs::create_symlink("two", m / "link");
  CHECK(m.changes() == sentences{"created f", "modified link", "created f/inner", "deleted f"});
  m.agree();
  CHECK(m.changes().empty());
  CHECK(m.base.find("f/inner"));
}

TEST_CASE("of two spellings of one name the one that base knows travels") {
  disk_fixture m;
  const std::string nfd = "e\u0301", nfc = "\u00e9";
  m.write(nfd, "first");
  m.agree();
  CHECK(m.base.find(nfc)->local == nfd);
  m.write(nfc, "second");
  auto plan = m.find_changes();
  CHECK(plan.changes.empty());
  CHECK(plan.ignored == std::vector<ignored_item>{{nfc, ignore_reason::twin}});

  disk_fixture fresh;
  fresh.write(nfd, "first");
  fresh.write(nfc, "second");
  plan = fresh.find_changes();
  CHECK(fresh.tell(plan) == sentences{"created " + nfc});
  CHECK(plan.ignored == std::vector<ignored_item>{{nfd, ignore_reason::twin}});
}

TEST_CASE("a hard link is a file of its own") {
  disk_fixture m;
  m.write("f", "x");
  m.agree();
  fs::create_hard_link(m / "f", m / "g");
  CHECK(m.changes() == sentences{"created g", "modified f"});  // its ctime changed: read it again
}

TEST_CASE("a scan of one folder finds a move, since it asks where the file came from") {
  disk_fixture m;
  m.make_folder("a");
  m.make_folder("b/c");
  m.write("a/f", "x");
  m.write("b/c/g", "x");
  m.agree();
  m.move("a/f", "b/f");
  CHECK(m.changes({"b"}) == sentences{"moved a/f b/f"});
  m.move("b", "z");
  m.write("z/c/new", "n");
  CHECK(m.changes({"z/c", "z"}) == sentences{"moved b z", "moved a/f z/f", "created z/c/new"});
}

TEST_CASE("a scan of one folder says nothing of the others") {
  disk_fixture m;
  m.make_folder("a");
  m.make_folder("b");
  m.write("a/f", "x");
  m.write("b/g", "y");
  m.agree();
  m.remove("a/f");
  m.remove("b/g");
  CHECK(m.changes({"a"}) == sentences{"deleted a/f"});
  CHECK(m.changes({"a/gone"}) == sentences{"deleted a/f"});
}

TEST_CASE("what may not travel any more is not deleted") {
  disk_fixture m;
  m.write("f", "x");
  m.agree();
  m.remove("f");
  REQUIRE(::mkfifo((m / "f").c_str(), 0600) == 0);
  CHECK(m.changes().empty());
}

TEST_CASE("a scan that finds most files gone asks first") {
  disk_fixture m;
  for (int i = 0; i < 30; ++i) m.write("f" + std::to_string(i), "x");
  m.make_folder("d");
  for (int i = 0; i < 10; ++i) m.write("d/f" + std::to_string(i), "x");
  m.agree();
  for (int i = 0; i < 15; ++i) m.remove("f" + std::to_string(i));
  CHECK(m.try_find_changes());  // 15 of 40
  m.remove("d");
  CHECK(code_of(m.try_find_changes()) == errc::mass_delete);
  CHECK(get(m.try_find_changes({""}, brake::accept)).changes.size() == 16);
  const auto plan = get(m.try_find_changes({""}, brake::restore));
  CHECK(plan.changes.empty());
  CHECK(plan.restored.size() == 16);
  CHECK(plan.deleted_files == 25);
}

TEST_CASE("moving most files is no mass delete, nor is losing few") {
  disk_fixture m;
  m.make_folder("d");
  for (int i = 0; i < 30; ++i) m.write("d/f" + std::to_string(i), "x");
  m.agree();
  m.move("d", "e");
  for (int i = 0; i < 30; ++i) m.move("e/f" + std::to_string(i), "g" + std::to_string(i));
  CHECK(m.try_find_changes());

  disk_fixture few;
  for (int i = 0; i < 19; ++i) few.write("f" + std::to_string(i), "x");
  few.agree();
  for (int i = 0; i < 19; ++i) few.remove("f" + std::to_string(i));
  CHECK(few.find_changes().changes.size() == 19);
}

TEST_CASE("of very much that is new, further folders are put off until the first is published") {
  disk_fixture m;
  for (const std::string folder : {"a", "b", "c"})
    for (int i = 0; i < 5; ++i) {
      m.make_folder(folder);
      m.write(folder + "/f" + std::to_string(i), "x");
    }
  auto plan = get(
      find_local_changes(m.mirror_root, m.base, std::vector<local_path>{""}, brake::ask, {}, 6));
  CHECK(plan.changes.size() == 3 + 5);
  CHECK(plan.deferred == std::set<local_path>{"b", "c"});
  std::size_t made = 0;
  while (!plan.changes.empty()) {
    for (std::size_t i = 0; i < plan.changes.size(); ++i, ++made)
      record(m.base, plan, i, {id_of<node_id>(++m.nodes), {}, {}, {}});
    const std::vector<local_path> next(plan.deferred.begin(), plan.deferred.end());
    plan = get(find_local_changes(m.mirror_root, m.base, next, brake::ask, {}, 4));
    CHECK(plan.changes.size() <=
          5);  // one folder at a time, also of those that were put off before
  }
  CHECK(made == 3 + 3 * 5);
  CHECK(plan.deferred.empty());
  CHECK(m.base.files() == 15);
}

TEST_CASE("nothing is put off while what is missing may have been moved there") {
  disk_fixture m;
  m.make_folder("a");
  for (int i = 0; i < 30; ++i) m.write("a/f" + std::to_string(i), "x" + std::to_string(i));
  m.agree();
  m.make_folder("b/c");
  for (int i = 0; i < 30; ++i) m.move("a/f" + std::to_string(i), "b/c/f" + std::to_string(i));
  const auto plan = get(
      find_local_changes(m.mirror_root, m.base, std::vector<local_path>{""}, brake::ask, {}, 0));
  CHECK(plan.deferred.empty());
  CHECK(plan.deleted_files == 0);
  CHECK(plan.changes.size() == 2 + 30);
}
