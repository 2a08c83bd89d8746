// What people do at the same time, and what they find afterwards.
#include "store/workspace/tree.hpp"

#include <catch2/catch.hpp>

#include "store/workspace/names.hpp"
#include "tests/store/workspace/world.hpp"

using namespace keyfold;
using namespace keyfold::tests;
using namespace keyfold::workspace;

namespace {

constexpr std::size_t alice = 0;
constexpr std::size_t bob = 1;
constexpr std::size_t carol = 2;

struct scene : world {
  node_id make(std::size_t who, node_kind kind, node_id parent, const std::string& name) {
    const auto nonce = id_of<node_id>(40, ++count_).value;
    add(who, {create_operation{nonce, kind, parent, name}});
    return make_node_id(test_workspace, device_number(who), nonce);
  }
  node_id folder(std::size_t who, node_id parent, const std::string& name) {
    return make(who, node_kind::folder, parent, name);
  }
  node_id file(std::size_t who, node_id parent, const std::string& name) {
    const auto node = make(who, node_kind::file, parent, name);
    write(who, node, {});
    return node;
  }
  version_id write(std::size_t who, node_id node, std::vector<version_id> replaces,
                   std::optional<std::uint64_t> bytes_seed = {}) {
    const auto version = id_of<version_id>(41, ++count_);
    last_write = add(who, {make_file_write(node, version, std::move(replaces),
                                           bytes_seed.value_or(count_), 1'795'356'180'000)});
    return version;
  }
  void move(std::size_t who, node_id node, node_id parent, const std::string& name) {
    add(who, {move_operation{node, parent, name}});
  }
  void remove(std::size_t who, node_id node) { add(who, {delete_operation{node}}); }
  void meet() {
    for (const std::size_t a : {alice, bob, carol})
      for (const std::size_t b : {alice, bob, carol}) sync(a, b);
  }
  /// The shown paths.
  std::vector<std::string> paths() {
    tree_fixture shown(*this);
    for (const auto& e : entries) shown.apply(e);
    std::vector<std::string> out;
    for (const auto& line : dump(*shown)) out.push_back(line.substr(0, line.find_last_of("0123")));
    for (auto& line : out)
      for (const auto* kind : {" 1 ", " 2 ", " 3 "})
        if (const auto at = line.find(kind); at != line.npos) line.resize(at);
    return out;
  }
  std::size_t last_write = 0;

 private:
  std::uint64_t count_ = 0;
};

using strings = std::vector<std::string>;

}  // namespace

TEST_CASE("a file in a folder shows under both names") {
  scene s;
  const auto folder = s.folder(alice, root_node, "docs");
  s.file(alice, folder, "a.txt");
  CHECK(s.paths() == strings{"/docs", "/docs/a.txt"});
}

TEST_CASE("two folders moved into each other at once: one move counts, and nothing is lost") {
  scene s;
  const auto a = s.folder(alice, root_node, "a");
  const auto b = s.folder(alice, root_node, "b");
  s.file(alice, a, "in a");
  s.meet();
  s.move(alice, a, b, "a");
  s.move(bob, b, a, "b");
  const auto shown = s.paths();
  CHECK((shown == strings{"/a", "/a/b", "/a/in a"} || shown == strings{"/b", "/b/a", "/b/a/in a"}));
}

TEST_CASE("a folder deleted while another puts a file into it stays for that file alone") {
  scene s;
  const auto folder = s.folder(alice, root_node, "docs");
  s.file(alice, folder, "old.txt");
  s.meet();
  s.remove(alice, folder);
  s.file(bob, folder, "new.txt");
  CHECK(s.paths() == strings{"/docs", "/docs/new.txt"});
}

TEST_CASE("a file deleted while another edits it stays, with the edit") {
  scene s;
  const auto file = s.file(alice, root_node, "a.txt");
  s.meet();
  s.write(bob, file, {id_of<version_id>(41, 2)});
  s.remove(alice, file);
  CHECK(s.paths() == strings{"/a.txt"});
  s.meet();
  s.remove(carol, file);
  CHECK(s.paths().empty());
}

TEST_CASE("a folder moved into one that is being deleted stays with all that is in it") {
  scene s;
  const auto doomed = s.folder(alice, root_node, "doomed");
  const auto kept = s.folder(alice, root_node, "kept");
  s.file(alice, kept, "a.txt");
  s.file(alice, doomed, "b.txt");
  s.meet();
  s.remove(alice, doomed);
  s.move(bob, kept, doomed, "kept");
  CHECK(s.paths() == strings{"/doomed", "/doomed/kept", "/doomed/kept/a.txt"});
}

TEST_CASE(
    "what was moved out of a folder before it was deleted stays, though the move turns out void") {
  // Alice moves `a` out of `d` into `b`, then deletes `d`. Bob, before, moved `b` into `a`.
  scene s;
  const auto d = s.folder(alice, root_node, "d");
  const auto a = s.folder(alice, d, "a");
  const auto b = s.folder(alice, root_node, "b");
  s.file(alice, a, "precious");
  s.meet();
  s.move(bob, b, a, "b");
  s.file(alice, root_node, "later");
  s.move(alice, a, b, "a");
  s.remove(alice, d);
  CHECK(s.paths() == strings{"/d", "/d/a", "/d/a/b", "/d/a/precious", "/later"});
}

TEST_CASE("a deleted folder that is moved afterwards comes back whole") {
  scene s;
  const auto folder = s.folder(alice, root_node, "docs");
  s.file(alice, folder, "a.txt");
  s.remove(alice, folder);
  CHECK(s.paths().empty());
  s.move(alice, folder, root_node, "docs again");
  CHECK(s.paths() == strings{"/docs again", "/docs again/a.txt"});
}

TEST_CASE(
    "two edits at once: the older keeps the name, the other is a conflict copy, until dropped") {
  scene s;
  const auto file = s.file(alice, root_node, "a.txt");
  const auto before = id_of<version_id>(41, 2);
  s.meet();
  s.write(alice, file, {before});
  s.file(bob, root_node, "zzz");  // so that his edit is the later one
  const auto his = s.write(bob, file, {before});
  const auto code = to_text(device_number(bob)).substr(0, 4);
  CHECK(s.paths() ==
        strings{"/a (conflict, " + code + ", 2026-11-22 14.03Z).txt", "/a.txt", "/zzz"});
  s.meet();
  s.add(carol, {drop_operation{file, {his}}});
  CHECK(s.paths() == strings{"/a.txt", "/zzz"});
}

TEST_CASE(
    "a copy split off is a file of its own, and an edit of it made meanwhile stays in the first") {
  scene s;
  const auto file = s.file(alice, root_node, "a.txt");
  const auto before = id_of<version_id>(41, 2);
  s.meet();
  s.write(alice, file, {before});
  const auto his = s.write(bob, file, {before});
  s.meet();
  s.add(carol, {split_operation{file, his, {1}, root_node, "b.txt"}});
  CHECK(s.paths() == strings{"/a.txt", "/b.txt"});
  s.write(bob, file, {his});
  CHECK(s.paths().size() == 3);
}

TEST_CASE("two edits at once with the same bytes show as one") {
  scene s;
  const auto file = s.file(alice, root_node, "a.txt");
  const auto before = id_of<version_id>(41, 2);
  s.meet();
  s.write(alice, file, {before}, 500);
  s.write(bob, file, {before}, 500);
  CHECK(s.paths() == strings{"/a.txt"});
}

TEST_CASE("folders of one name show as one, and keep their name against a file") {
  scene s;
  const auto mine = s.folder(alice, root_node, "docs");
  const auto his = s.folder(bob, root_node, "docs");
  s.file(alice, mine, "a");
  s.file(bob, his, "b");
  s.file(carol, root_node, "docs");
  CHECK(s.paths() == strings{"/docs", "/docs/a", "/docs/b", "/docs (2)"});
}

TEST_CASE("of two files with one name the later shows a number, and finds a free one") {
  scene s;
  s.file(alice, root_node, "a.txt");
  s.meet();
  s.file(bob, root_node, "a.txt");
  s.meet();
  s.file(carol, root_node, "a (2).txt");
  CHECK(s.paths() == strings{"/a (2).txt", "/a (3).txt", "/a.txt"});
}

TEST_CASE("what stands in a folder that does not count shows under Recovered") {
  scene s;
  const auto folder = s.folder(alice, root_node, "docs");
  s.file(alice, folder, "a.txt");
  tree_fixture shown(s);
  for (const auto& e : s.entries) shown.apply(e);
  shown.retract(s.entries[0]);
  CHECK(shown->find(strings{"Recovered", "a.txt"}));
  CHECK(shown->count().files == 1);
  shown.apply(s.entries[0]);
  CHECK_FALSE(shown->find(strings{"Recovered"}));
  CHECK(shown->find(strings{"docs", "a.txt"}));
}

TEST_CASE("what is written to a file whose making does not count shows under Recovered") {
  scene s;
  const auto file = s.file(alice, root_node, "a.txt");
  s.meet();
  const auto edit = s.write(bob, file, {});
  tree_fixture shown(s);
  for (const auto& e : s.entries) shown.apply(e);
  shown.retract(s.entries[0]);
  shown.retract(s.entries[1]);
  const auto name = nameless_file(file);
  const auto found = shown->find(strings{"Recovered", name});
  REQUIRE(found);
  CHECK(found->version->version == edit);
  CHECK(shown->path_of(file) == strings{"Recovered", name});
  CHECK(shown->count().files == 1);
  const auto past = shown->history_at(strings{"Recovered", name}, 10);
  REQUIRE(past.changes.size() == 1);
  CHECK(past.changes[0].path == strings{"Recovered", name});

  shown.apply(s.entries[0]);
  CHECK_FALSE(shown->find(strings{"Recovered"}));
  CHECK(shown->find(strings{"a.txt"})->version->version == edit);
}

TEST_CASE("a file whose making does not count can be moved and deleted") {
  scene s;
  const auto file = s.file(alice, root_node, "a.txt");
  s.meet();
  s.write(bob, file, {});
  s.move(bob, file, root_node, "b.txt");
  tree_fixture shown(s);
  for (const auto& e : s.entries) shown.apply(e);
  shown.retract(s.entries[0]);
  CHECK(shown->find(strings{"b.txt"}));
  shown.retract(s.entries[3]);
  CHECK(shown->find(strings{"Recovered", nameless_file(file)}));
  s.remove(bob, file);
  shown.apply(s.entries[4]);
  CHECK(dump(*shown).empty());
}

TEST_CASE("a file of which the write cannot be read does not show, and does no harm") {
  scene s;
  s.file(alice, root_node, "a.txt");
  const auto store = db::memory_store();
  db::transaction view(*store);
  workspace::tree shown(view, test_workspace, {}, s);
  tree_changes changes;
  for (const auto& e : s.entries) shown.apply(e.order, e.operations, changes);
  REQUIRE(shown.find(strings{"a.txt"}));
  std::vector<bytes> log;
  view.scan(bytes{'o'}, {}, [&](bytes_view key, bytes_view) {
    log.push_back(to_bytes(key));
    return true;
  });
  for (const auto& key : log) view.erase(key);
  CHECK(shown.list(std::vector{root_node}).empty());
  CHECK_FALSE(shown.find(strings{"a.txt"}));
}

TEST_CASE("a version id used a second time is void, whichever came first") {
  scene s;
  const auto a = s.file(alice, root_node, "a");
  const auto b = s.make(alice, node_kind::file, root_node, "b");
  s.add(alice, {make_file_write(b, id_of<version_id>(41, 2), {}, 7)});
  CHECK(s.paths() == strings{"/a"});
  tree_fixture backwards(s);
  for (auto e = s.entries.rbegin(); e != s.entries.rend(); ++e) backwards.apply(*e);
  CHECK(backwards->current_versions(a).size() == 1);
  CHECK(backwards->current_versions(b).empty());
  CHECK(backwards->history(b).empty());
}

TEST_CASE("the root, Recovered and files are no parents, and the root is not moved or deleted") {
  scene s;
  const auto file = s.file(alice, root_node, "a");
  s.file(alice, file, "below a file");
  s.file(alice, recovered_node, "below Recovered");
  s.move(alice, root_node, file, "root");
  s.remove(alice, root_node);
  CHECK(s.paths() ==
        strings{"/Recovered", "/Recovered/below Recovered", "/Recovered/below a file", "/a"});
}

TEST_CASE("history has every version that counts, in the order of operations") {
  scene s;
  const auto file = s.file(alice, root_node, "a");
  const auto first = id_of<version_id>(41, 2);
  const auto second = s.write(alice, file, {first});
  tree_fixture shown(s);
  for (const auto& e : s.entries) shown.apply(e);
  const auto history = shown->history(file);
  REQUIRE(history.size() == 2);
  CHECK(history[0].version == first);
  CHECK(history[1].version == second);
  CHECK(history[1].device == device_number(alice));
}

TEST_CASE("no key of the state holds a name") {
  scene s;
  const auto folder = s.folder(alice, root_node, "secretname");
  s.file(alice, folder, "secretname");
  const auto store = db::memory_store();
  db::transaction view(*store);
  tree t(view, test_workspace, {}, s);
  tree_changes changes;
  for (const auto& e : s.entries) t.apply(e.order, e.operations, changes);
  view.scan({}, {}, [](bytes_view key, bytes_view) {
    CHECK(as_text(key).find("secret") == std::string_view::npos);
    return true;
  });
}

TEST_CASE("listing a folder and deleting one do not read what lies in the trash") {
  class counting final : public db::view {
   public:
    explicit counting(db::view& below) : below_(below) {}
    std::optional<bytes> get(bytes_view key) const override { return ++reads, below_.get(key); }
    void put(bytes_view key, bytes_view value) override { below_.put(key, value); }
    void erase(bytes_view key) override { below_.erase(key); }
    void scan(bytes_view prefix, bytes_view from, const db::visitor& visit) const override {
      below_.scan(prefix, from, [&](bytes_view key, bytes_view value) {
        ++reads;
        return visit(key, value);
      });
    }
    std::optional<std::pair<bytes, bytes>> last(bytes_view prefix,
                                                bytes_view before) const override {
      return ++reads, below_.last(prefix, before);
    }
    mutable std::size_t reads = 0;

   private:
    db::view& below_;
  };
  scene s;
  const auto big = s.folder(alice, root_node, "big");
  for (int i = 0; i < 300; ++i) s.file(alice, big, "file " + std::to_string(i));
  s.meet();
  s.file(bob, big, "his");
  const auto store = db::memory_store();
  db::transaction below(*store);
  counting view(below);
  tree t(view, test_workspace, {}, s);
  tree_changes changes;
  for (const auto& e : s.entries) t.apply(e.order, e.operations, changes);
  s.remove(alice, big);
  view.reads = 0;
  t.apply(s.entries.back().order, s.entries.back().operations, changes);
  CHECK(view.reads < 100);
  view.reads = 0;
  CHECK(t.list(std::vector{root_node}).size() == 1);
  CHECK(t.list(std::vector{big}).size() == 1);
  CHECK(t.count().files == 1);
  CHECK(view.reads < 100);
}
