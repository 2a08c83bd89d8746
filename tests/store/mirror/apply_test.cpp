#include "store/mirror/apply.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "tests/store/mirror/model_tree.hpp"

using namespace keyfold;
using namespace keyfold::mirror;
namespace fs = std::filesystem;

namespace {

struct agreed : mirrored {
  node_id file, docs;
  agreed() {
    make_folder("docs");
    write("f", "old");
    write("docs/g", "g");
    settle();
    file = tree.at("f");
    docs = tree.at("docs");
  }
  void write_remotely(const std::string& bytes, std::int64_t mtime_ns = 0,
                      bool executable = false) {
    tree.write(file, tree.versions(file), bytes, mtime_ns, executable);
  }
  sentences names(const std::string& below = "") const {
    sentences out;
    for (const auto& entry : fs::directory_iterator(folder / below))
      out.push_back(entry.path().filename());
    std::sort(out.begin(), out.end());
    return out;
  }
};

}  // namespace

TEST_CASE("a file is written with its bytes, mtime and executable bit, and base knows it") {
  agreed m;
  m.write_remotely("new bytes", -1'500'000'001, true);
  const auto report = m.apply_plan(m.plan_disk());
  CHECK(report.done == 1);
  CHECK(report.skipped.empty());
  CHECK(m.read("f") == "new bytes");
  const auto seen = get(look(m.mirror_root, "f")).facts;
  CHECK(seen.mtime_ns == -1'500'000'001);
  CHECK(seen.executable);
  CHECK(m.base.find("f")->facts == seen);
  CHECK(m.changes().empty());
  CHECK(m.names() == sentences{".keyfold", "docs", "f"});
}

TEST_CASE("a replaced file keeps its other mode bits") {
  agreed m;
  REQUIRE(::chmod((m / "f").c_str(), 0640) == 0);
  m.settle();
  m.write_remotely("new", 0, true);
  m.settle();
  CHECK(get(look(m.mirror_root, "f")).mode == 0750);
}

TEST_CASE("attributes alone are set in place") {
  agreed m;
  const auto inode = get(look(m.mirror_root, "f")).facts.inode;
  m.write_remotely("old", 77, true);
  m.apply_plan(m.plan_disk());
  const auto seen = get(look(m.mirror_root, "f")).facts;
  CHECK(seen.inode == inode);
  CHECK(seen.mtime_ns == 77);
  CHECK(seen.executable);
  CHECK(m.changes().empty());
}

TEST_CASE("an edit not scanned yet is not written over") {
  agreed m;
  m.write_remotely("of bob");
  m.write("f", "of alice, just now");
  const auto report = m.apply_plan(m.plan_disk());
  REQUIRE(report.skipped.size() == 1);
  CHECK(report.skipped[0].why.code == errc::changed_on_disk);
  CHECK(report.skipped[0].path == "f");
  CHECK(report.rescan == std::set<local_path>{""});
  CHECK(m.read("f") == "of alice, just now");
  m.settle();
  CHECK(m.tree.versions(m.file).size() == 2);  // both are kept
  CHECK(picture_of(m) == m.tree.picture());
}

TEST_CASE("an edit made while the new bytes arrive is not written over") {
  agreed m;
  m.write_remotely("of bob");
  m.while_applying = [&] { m.write("f", "of alice, in time"); };
  CHECK(m.apply_plan(m.plan_disk()).skipped.size() == 1);
  CHECK(m.read("f") == "of alice, in time");
  CHECK(m.names() == sentences{".keyfold", "docs", "f"});
}

TEST_CASE("a file that somebody has open for writing is not replaced or removed") {
  agreed m;
  const auto open = get(m.mirror_root.open_path("f", O_WRONLY | O_APPEND));
  SECTION("replaced") {
    m.write_remotely("of bob");
  }
  SECTION("removed") {
    m.tree.remove(m.file);
  }
  const auto report = m.apply_plan(m.plan_disk());
  REQUIRE(report.skipped.size() == 1);
  CHECK(report.skipped[0].why.code == errc::changed_on_disk);
  CHECK(m.read("f") == "old");
  CHECK(m.names() == sentences{".keyfold", "docs", "f"});
}

TEST_CASE("a file that appeared where a new one shall be is not written over") {
  agreed m;
  m.tree.write(m.tree.create(node_kind::file, m.docs, "n"), {}, "of bob");
  SECTION("before") {
    m.write("docs/n", "of alice");
  }
  SECTION("while the bytes arrive") {
    m.while_applying = [&] { m.write("docs/n", "of alice"); };
  }
  CHECK(m.apply_plan(m.plan_disk()).skipped.size() == 1);
  CHECK(m.read("docs/n") == "of alice");
  m.while_applying = [] {};
  m.settle();
  CHECK(picture_of(m) == m.tree.picture());
  CHECK(m.tree.versions(m.tree.at("docs/n")).size() == 2);
}

TEST_CASE("a file changed since the scan is not removed, and comes back to the tree") {
  agreed m;
  m.tree.remove(m.file);
  m.write("f", "of alice, just now");
  CHECK(m.apply_plan(m.plan_disk()).skipped.size() == 1);
  m.settle();
  CHECK(m.read("f") == "of alice, just now");
  CHECK(picture_of(m) == m.tree.picture());
}

TEST_CASE("a folder with something new in it is not removed") {
  agreed m;
  m.tree.remove(m.docs);
  m.write("docs/new", "of alice");
  const auto report = m.apply_plan(m.plan_disk());
  CHECK(report.rescan.contains("docs"));
  CHECK(m.read("docs/new") == "of alice");
  m.settle();
  CHECK(picture_of(m) == m.tree.picture());
}

TEST_CASE("what both sides removed is forgotten") {
  agreed m;
  m.tree.remove(m.docs);
  m.remove("docs");
  const auto report = m.apply_plan(m.plan_disk());
  CHECK(report.skipped.empty());
  CHECK_FALSE(m.base.find("docs"));
}

TEST_CASE("a folder that both sides made is one") {
  agreed m;
  const auto both = m.tree.create(node_kind::folder, workspace::root_node, "both");
  m.make_folder("both");
  m.write("both/mine", "x");
  const auto report = m.apply_plan(m.plan_disk());
  CHECK(report.rescan == std::set<local_path>{"both"});
  m.settle();
  CHECK(m.tree.find(m.tree.at("both/mine"))->parent == both);
}

TEST_CASE("a file is not moved onto another") {
  agreed m;
  m.tree.move(m.file, m.docs, "f");
  m.write("docs/f", "of alice");
  CHECK(m.apply_plan(m.plan_disk()).skipped.size() == 1);
  CHECK(m.read("docs/f") == "of alice");
  CHECK(m.read("f") == "old");
  m.settle();
  CHECK(picture_of(m) == m.tree.picture());
}

TEST_CASE("swaps, cycles and turned-over folders reach the disk") {
  mirrored m;
  m.make_folder("a/b/c");
  for (const char* path : {"1", "2", "3", "a/x", "a/b/y", "a/b/c/z"}) m.write(path, path);
  m.settle();
  auto& t = m.tree;
  const auto root_id = workspace::root_node;
  const std::array nodes{t.at("1"), t.at("2"), t.at("3"), t.at("a"), t.at("a/b"), t.at("a/b/c")};
  t.move(nodes[0], root_id, "2");
  t.move(nodes[1], root_id, "3");
  t.move(nodes[2], root_id, "1");
  t.move(nodes[5], root_id, "a");  // the innermost becomes the outermost
  t.move(nodes[4], nodes[5], "b");
  t.move(nodes[3], nodes[4], "c");
  const auto report = m.apply_plan(m.plan_disk());
  CHECK(report.skipped.empty());
  CHECK(picture_of(m) == t.picture());
  CHECK(m.read("a/b/c/x") == "a/x");
  CHECK(m.changes().empty());
}

TEST_CASE("a file becomes a folder, and a folder a file") {
  agreed m;
  m.tree.remove(m.file);
  m.tree.remove(m.docs);
  const auto folder = m.tree.create(node_kind::folder, workspace::root_node, "f");
  m.tree.write(m.tree.create(node_kind::file, folder, "in"), {}, "i");
  m.tree.write(m.tree.create(node_kind::file, workspace::root_node, "docs"), {}, "d");
  m.apply_plan(m.plan_disk());
  CHECK(picture_of(m) == m.tree.picture());
  CHECK(m.changes().empty());
  CHECK(m.names() == sentences{".keyfold", "docs", "f"});
}

TEST_CASE("a folder to be replaced that holds something new is rescued") {
  agreed m;
  m.tree.remove(m.docs);
  m.tree.write(m.tree.create(node_kind::file, workspace::root_node, "docs"), {}, "d");
  m.write("docs/new", "of alice");
  m.apply_plan(m.plan_disk());
  CHECK(m.read("docs") == "d");
  m.settle();
  bool found = false;
  for (const auto& [path, what] : picture_of(m)) found = found || what == "file of alice";
  CHECK(found);
  CHECK(picture_of(m) == m.tree.picture());
}

TEST_CASE("a symlink put in a folder's place is not followed") {
  agreed m;
  test::temp_dir outside;
  test::write_file(outside / "g", "g");
  m.tree.write(m.tree.create(node_kind::file, m.docs, "n"), {}, "of bob");
  m.tree.remove(m.tree.at("docs/g"));
  const auto plan = m.plan_disk();
  fs::rename(m / "docs", outside / "real");
  fs::create_symlink(outside.path(), m / "docs");
  const auto report = m.apply_plan(plan);
  CHECK(report.done == 0);
  CHECK(report.skipped.size() == 2);
  CHECK(test::read_file(outside / "g") == "g");
  CHECK_FALSE(fs::exists(outside / "n"));
}

TEST_CASE("a folder swapped for a symlink while bytes arrive is not followed") {
  agreed m;
  test::temp_dir outside;
  m.tree.write(m.tree.create(node_kind::file, m.docs, "n"), {}, "of bob");
  m.while_applying = [&] {
    fs::rename(m / "docs", m / "elsewhere");
    fs::create_symlink(outside.path(), m / "docs");
  };
  CHECK(m.apply_plan(m.plan_disk()).skipped.size() == 1);
  CHECK(fs::is_empty(outside.path()));
}

TEST_CASE("a file whose content is not here, or not as long as it should be, is skipped") {
  agreed m;
  m.write_remotely("of bob");
  errc why{};
  const auto apply_with = [&](const content_source& content) {
    const auto report = get(apply(m.mirror_root, m.base, m.plan_disk(), {content}, *m.random));
    REQUIRE(report.skipped.size() == 1);
    why = report.skipped[0].why.code;
  };
  apply_with([](const auto&, const auto&) { return fail(errc::not_found, "not here yet"); });
  CHECK(why == errc::not_found);
  apply_with([](const auto&, const content_sink& sink) { return sink(as_bytes("of")); });
  CHECK(why == errc::damaged);
  apply_with(
      [](const auto&, const content_sink& sink) { return sink(as_bytes("of bob and more")); });
  CHECK(why == errc::damaged);
  CHECK(m.read("f") == "old");
  CHECK(m.names() == sentences{".keyfold", "docs", "f"});
}

TEST_CASE("a full disk ends it, and what was done is recorded") {
  agreed m;
  m.tree.write(m.tree.create(node_kind::file, m.docs, "h"), {}, "h");
  m.write_remotely("of bob");
  int asked = 0;
  const auto content = [&](const shown_item& item, const content_sink& sink) -> expected<void> {
    if (++asked == 2) return fail(errc::disk_full);
    return sink(as_bytes(m.tree.find_version(item.version)->bytes));
  };
  CHECK(code_of(apply(m.mirror_root, m.base, m.plan_disk(), {content}, *m.random)) ==
        errc::disk_full);
  CHECK(m.changes().empty());
  CHECK(m.plan_disk().actions.size() == 1);
  m.settle();
  CHECK(picture_of(m) == m.tree.picture());
}

TEST_CASE("an NFD name on disk keeps its spelling through remote edits and moves") {
  mirrored m;
  const std::string nfd = "e\u0301", nfc = "\u00e9";
  m.make_folder("d");
  m.write(nfd, "x");
  m.settle();
  const auto node = m.tree.at(nfc);
  m.tree.write(node, m.tree.versions(node), "y");
  m.settle();
  CHECK(m.read(nfd) == "y");
  m.tree.move(node, m.tree.at("d"), nfc);
  m.settle();
  CHECK(m.read("d/" + nfd) == "y");
  CHECK_FALSE(m.exists("d/" + nfc));
}

// --- after a crash
// -------------------------------------------------------------------------------------

TEST_CASE("what got its name before a crash is known after it, and nothing new") {
  agreed m;
  get(m.state.commit(true));
  m.tree.write(m.tree.create(node_kind::file, m.docs, "h"), {}, "of bob");
  m.write_remotely("of bob, too");
  const apply_hooks hooks{[&](const shown_item& item, const content_sink& sink) {
                            return sink(as_bytes(m.tree.find_version(item.version)->bytes));
                          },
                          {},
                          [&] { return m.state.commit(true); }};
  CHECK(get(apply(m.mirror_root, m.base, m.plan_disk(), hooks, *m.random)).done == 2);
  m.state.discard();  // the crash: base has not heard of what was done
  CHECK_FALSE(m.changes().empty());
  SECTION("as it was left") {
    CHECK(get(recover(m.mirror_root, m.base)).empty());
    CHECK(m.changes().empty());
    CHECK(m.plan_disk().actions.empty());
  }
  SECTION("a user has changed it since") {
    m.write("docs/h", "of alice and bob");
    CHECK(get(recover(m.mirror_root, m.base)).empty());
    CHECK(m.changes() == sentences{"created docs/h"});
  }
  SECTION("a user has moved it since") {
    m.move("docs/h", "i");
    CHECK(get(recover(m.mirror_root, m.base)).empty());
    CHECK(m.changes() == sentences{"created i"});
  }
  CHECK(m.base.intended().empty());
}

TEST_CASE("of what was moved before a crash, and edited after it, the edit alone is the user's") {
  agreed m;
  get(m.state.commit(true));
  m.tree.move(m.file, m.docs, "moved");
  const apply_hooks hooks{{}, {}, [&] { return m.state.commit(true); }};
  CHECK(get(apply(m.mirror_root, m.base, m.plan_disk(), hooks, *m.random)).done == 1);
  m.state.discard();
  m.write("docs/moved", "of alice, since");
  CHECK(get(recover(m.mirror_root, m.base)).empty());
  CHECK(m.changes() == sentences{"modified docs/moved"});
}

TEST_CASE(
    "what was removed before a crash is forgotten, and what the user made there is an edit of it") {
  agreed m;
  get(m.state.commit(true));
  m.tree.remove(m.file);
  const apply_hooks hooks{{}, {}, [&] { return m.state.commit(true); }};
  CHECK(get(apply(m.mirror_root, m.base, m.plan_disk(), hooks, *m.random)).done == 1);
  m.state.discard();
  SECTION("nothing is there") {
    CHECK(get(recover(m.mirror_root, m.base)).empty());
    CHECK(m.changes().empty());
    CHECK_FALSE(m.base.find("f"));
  }
  SECTION("a new file is there") {
    m.write("f", "of alice, since");
    CHECK(get(recover(m.mirror_root, m.base)).empty());
    CHECK(m.changes() == sentences{"modified f"});
  }
}

TEST_CASE("of more actions than are intended at once, none is the user's after a crash") {
  agreed m;
  for (int i = 0; i < 1'100; ++i) m.make_folder("many/" + std::to_string(i));
  m.settle();
  get(m.state.commit(true));
  for (int i = 0; i < 1'100; ++i)
    m.tree.move(m.tree.at("many/" + std::to_string(i)), m.docs, std::to_string(i));
  const apply_hooks hooks{{}, {}, [&] { return m.state.commit(true); }};
  CHECK(get(apply(m.mirror_root, m.base, m.plan_disk(), hooks, *m.random)).done == 1'100);
  m.state.discard();
  CHECK(get(recover(m.mirror_root, m.base)).empty());
  CHECK(m.changes().empty());
}

TEST_CASE("what was done before a disk was full is not the user's, though base was not kept") {
  agreed m;
  get(m.state.commit(true));
  m.tree.move(m.tree.at("docs/g"), workspace::root_node, "g");
  m.write_remotely("of bob");
  const apply_hooks hooks{[](const shown_item&, const content_sink&) -> expected<void> {
                            return fail(errc::disk_full);
                          },
                          {},
                          [&] { return m.state.commit(true); }};
  CHECK(code_of(apply(m.mirror_root, m.base, m.plan_disk(), hooks, *m.random)) == errc::disk_full);
  m.state.discard();  // as the actor does with a run that failed
  CHECK_FALSE(m.base.intended().empty());
  CHECK(m.exists("g"));
  CHECK(m.changes() == sentences{"moved docs/g g"});
  CHECK(get(recover(m.mirror_root, m.base)).empty());
  CHECK(m.changes().empty());
  CHECK(m.base.intended().empty());
}

TEST_CASE("a half written file is cleared up") {
  agreed m;
  m.write("docs/.keyfold-tmp-ABC", "half");
  CHECK(get(recover(m.mirror_root, m.base)).empty());
  CHECK(m.names("docs") == sentences{"g"});
}

TEST_CASE("new content that was not put in place is cleared up") {
  agreed m;
  const auto row = std::to_string(m.base.find("f")->id.value);
  m.write(".keyfold-swap-" + row, "new");
  CHECK(get(recover(m.mirror_root, m.base)).empty());
  CHECK(m.read("f") == "old");
  CHECK(m.names() == sentences{".keyfold", "docs", "f"});
}

TEST_CASE("old content that was exchanged is cleared up if it is what base says") {
  agreed m;
  const auto row = std::to_string(m.base.find("f")->id.value);
  m.move("f", ".keyfold-swap-" + row);
  m.write("f", "new");
  CHECK(get(recover(m.mirror_root, m.base)).empty());
  CHECK(m.read("f") == "new");
  CHECK(m.names() == sentences{".keyfold", "docs", "f"});
}

TEST_CASE("old content that a user had changed meanwhile is rescued") {
  agreed m;
  const auto row = std::to_string(m.base.find("f")->id.value);
  const auto prefix = GENERATE(".keyfold-swap-", ".keyfold-gone-");
  m.move("f", prefix + row);
  m.write(prefix + row, "of alice, just in time");
  m.write("f", "new");
  CHECK(get(recover(m.mirror_root, m.base)) == sentences{"Recovered/f"});
  CHECK(m.read("Recovered/f") == "of alice, just in time");
}

TEST_CASE("parked things go back to where base has them, else to Recovered") {
  agreed m;
  const auto docs = std::to_string(m.base.find("docs")->id.value);
  const auto g = std::to_string(m.base.find("docs/g")->id.value);
  m.move("docs/g", ".keyfold-park-" + g);
  m.move("docs", ".keyfold-park-" + docs);
  m.write(".keyfold-park-99", "of nobody");
  const auto rescued = get(recover(m.mirror_root, m.base));
  CHECK(m.read("docs/g") == "g");
  CHECK(rescued == sentences{"Recovered/keyfold-park-99"});
  CHECK(m.read(rescued[0]) == "of nobody");
}

TEST_CASE("what base knows to be parked waits for the next plan") {
  agreed m;
  auto row = *m.base.find("f");
  const auto parked = ".keyfold-park-" + std::to_string(row.id.value);
  m.move("f", parked);
  row.name = row.local = parked;
  row.facts = get(look(m.mirror_root, parked)).facts;
  m.base.put(row);
  CHECK(get(recover(m.mirror_root, m.base)).empty());
  CHECK(m.changes().empty());
  m.settle();
  CHECK(m.read("f") == "old");
  CHECK(m.names() == sentences{".keyfold", "docs", "f"});
}
