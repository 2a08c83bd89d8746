#include "store/mirror/disk_plan.hpp"

#include "tests/store/mirror/model_tree.hpp"

using namespace keyfold;
using namespace keyfold::mirror;

namespace {

sentences tell_plan(const mirrored& m, const disk_plan& plan) {
  static constexpr std::array names{"note",  "park",       "make",  "move",
                                    "write", "attributes", "remove"};
  sentences out;
  for (const auto& action : plan.actions) {
    std::string text = names.at(static_cast<std::size_t>(action.what));
    if (action.row != root_row) text += " " + m.base.path_of(action.row).value_or("?");
    if (!action.item.name.empty()) text += " as " + action.item.name;
    out.push_back(text);
  }
  return out;
}
sentences plan_of(const mirrored& m) {
  return tell_plan(m, m.plan_disk());
}

sentences plan_of(const mirrored& m, const std::vector<node_id>& changed) {
  std::vector<shown_folder> folders;
  for (const auto& node : changed) folders.push_back(m.tree.folder(node));
  return tell_plan(m, plan_disk(m.base, m.lister(), folders));
}

/// docs/{a,b}, docs/sub/x, top: on disk and in the tree.
struct small_mirror : mirrored {
  small_mirror() {
    make_folder("docs/sub");
    write("docs/a", "of alice");
    write("docs/b", "of bob");
    write("docs/sub/x", "x");
    write("top", "t");
    settle();
  }
};

}  // namespace

TEST_CASE("nothing is planned where disk and tree agree") {
  small_mirror m;
  CHECK(plan_of(m).empty());
}

TEST_CASE("what the tree has more is made, folders first") {
  mirrored m;
  const auto docs = m.tree.create(node_kind::folder, workspace::root_node, "docs");
  m.tree.write(m.tree.create(node_kind::file, docs, "a"), {}, "x");
  m.tree.write(m.tree.create(node_kind::symlink, workspace::root_node, "link"), {}, "docs/a");
  m.tree.create(node_kind::file, docs, "no version yet");
  CHECK(plan_of(m) == sentences{"make as docs", "write as a", "write as link"});
}

TEST_CASE("what the tree has no more is removed, deepest first") {
  small_mirror m;
  m.tree.remove(m.tree.at("docs"));
  const auto plan = plan_of(m);
  REQUIRE(plan.size() == 5);
  CHECK(plan.back() == "remove docs");
  CHECK(std::find(plan.begin(), plan.end(), "remove docs/sub/x") <
        std::find(plan.begin(), plan.end(), "remove docs/sub"));
}

TEST_CASE("a rename of a folder is one action") {
  small_mirror m;
  m.tree.move(m.tree.at("docs"), workspace::root_node, "papers");
  CHECK(plan_of(m) == sentences{"move docs as papers"});
}

TEST_CASE("what leaves a folder that is removed is moved out first") {
  small_mirror m;
  const auto sub = m.tree.at("docs/sub");
  const auto docs = m.tree.at("docs");
  m.tree.move(sub, workspace::root_node, "kept");
  m.tree.remove(docs);
  const auto plan = plan_of(m);
  REQUIRE(plan.size() == 4);
  CHECK(plan.front() == "move docs/sub as kept");
  CHECK(plan.back() == "remove docs");
}

TEST_CASE("a name still held is freed by parking its holder") {
  small_mirror m;
  const auto a = m.tree.at("docs/a");
  const auto b = m.tree.at("docs/b");
  const auto docs = m.tree.at("docs");
  m.tree.move(a, docs, "b");
  m.tree.move(b, docs, "a");
  CHECK(plan_of(m) ==
        sentences{"park docs/a", "park docs/b", "move docs/b as a", "move docs/a as b"});
}

TEST_CASE("another file of a name is written over it at once") {
  small_mirror m;
  m.tree.remove(m.tree.at("top"));
  m.tree.write(m.tree.create(node_kind::file, workspace::root_node, "top"), {}, "new");
  CHECK(plan_of(m) == sentences{"write top as top"});
}

TEST_CASE("the same bytes with other attributes are not written again") {
  small_mirror m;
  const auto top = m.tree.at("top");
  m.tree.write(top, m.tree.versions(top), "t", 5, true);
  CHECK(plan_of(m) == sentences{"attributes top as top"});
}

TEST_CASE("a conflict leaves the bytes on disk where they are, under the copy's name") {
  small_mirror m;
  const auto top = m.tree.at("top");
  const auto mine = m.tree.versions(top);
  m.tree.write(top, mine, "other's");
  const auto theirs = m.tree.versions(top);
  m.write("top", "my own edit");
  auto local = m.find_changes();
  m.publish(local);
  CHECK(m.tree.versions(top).size() == 2);
  CHECK(plan_of(m).size() == 2);
  CHECK(plan_of(m).front().starts_with("move top as top (conflict"));
  CHECK(plan_of(m).back() == "write as top");
}

TEST_CASE("names that the disk cannot carry stay in the tree, and are listed") {
  mirrored m;
  for (const char* name : {".keyfold", ".keyfold-tmp-1", "..", "a/b", ""})
    m.tree.write(m.tree.create(node_kind::file, workspace::root_node, name), {}, "x");
  const auto plan = m.plan_disk();
  CHECK(plan.actions.empty());
  REQUIRE(plan.ignored.size() == 5);
  for (const auto& item : plan.ignored)
    CHECK(item.reason ==
          (is_own_name(item.path) ? ignore_reason::reserved : ignore_reason::bad_name));
}

TEST_CASE("folders that come together under one name become one") {
  small_mirror m;
  m.make_folder("papers/sub");
  m.write("papers/p", "p");
  m.settle();
  m.tree.move(m.tree.at("papers"), workspace::root_node, "docs");
  m.settle();
  CHECK(picture_of(m) == m.tree.picture());
  CHECK(m.read("docs/p") == "p");
  CHECK_FALSE(m.exists("papers"));
}

TEST_CASE("a plan of some folders touches only these") {
  small_mirror m;
  const auto sub = m.tree.at("docs/sub");
  m.tree.remove(m.tree.at("top"));
  m.tree.write(m.tree.create(node_kind::file, sub, "y"), {}, "y");
  CHECK(plan_of(m, {sub}) == sentences{"write as y"});
}

TEST_CASE("a plan beyond its bound deletes nothing, and the next goes on") {
  small_mirror m;
  m.tree.remove(m.tree.at("top"));
  for (int i = 0; i < 10; ++i)
    m.tree.write(m.tree.create(node_kind::file, workspace::root_node, "n" + std::to_string(i)), {},
                 "n");
  auto plan = plan_disk_whole(m.base, m.lister(), 4);
  CHECK_FALSE(plan.complete);
  CHECK(plan.actions.size() == 4);
  int rounds = 1;
  for (; !plan.complete; ++rounds) {
    m.apply_plan(plan);
    plan = plan_disk_whole(m.base, m.lister(), 4);
  }
  m.apply_plan(plan);
  CHECK(rounds <= 4);
  CHECK(picture_of(m) == m.tree.picture());
}

TEST_CASE("a delete on disk takes only what had reached the disk") {
  small_mirror m;
  const auto docs = m.tree.at("docs");
  SECTION("a file that the user never saw stays, in its folder") {
    m.tree.write(m.tree.create(node_kind::file, docs, "new"), {}, "unseen");
    m.remove("docs");
    m.settle();
    CHECK(picture_of(m) == std::map<std::string, std::string>{
                               {"docs", "folder"}, {"docs/new", "file unseen"}, {"top", "file t"}});
  }
  SECTION("a version that the user never saw comes back") {
    const auto top = m.tree.at("top");
    m.tree.write(top, m.tree.versions(top), "unseen");
    m.remove("top");
    m.settle();
    CHECK(m.read("top") == "unseen");
  }
  SECTION("one of two versions is dropped alone") {
    const auto top = m.tree.at("top");
    m.tree.write(top, {}, "a copy");
    m.settle();
    m.remove("top");
    m.settle();
    CHECK(m.read("top") == "a copy");
    CHECK(m.tree.versions(top).size() == 1);
  }
}

TEST_CASE("a move that the tree voids is turned back on disk") {
  mirrored m;
  m.make_folder("a");
  m.make_folder("b");
  m.settle();
  const auto a = m.tree.at("a");
  const auto b = m.tree.at("b");
  m.tree.take_touched();
  m.tree.move(a, b, "a");  // by bob, while alice moves b into a
  m.move("b", "a/b");
  auto local = m.find_changes();
  m.publish(local);
  const auto told = m.tree.take_touched();
  m.apply_plan(plan_disk(m.base, m.lister(), told));
  CHECK(picture_of(m) == m.tree.picture());
  CHECK(m.exists("b/a"));
}

TEST_CASE(
    "a change in the younger of two folders behind one name is found, and takes nothing away") {
  small_mirror m;
  const auto younger = m.tree.create(node_kind::folder, workspace::root_node, "docs");
  m.tree.write(m.tree.create(node_kind::file, younger, "of bob"), {}, "x");
  CHECK(plan_of(m, {younger}) == sentences{"write as of bob"});
  m.settle();
  m.tree.write(m.tree.create(node_kind::file, m.tree.at("docs"), "of alice"), {}, "y");
  CHECK(plan_of(m, {m.tree.at("docs")}) == sentences{"write as of alice"});
}

TEST_CASE("a folder that moved and changed inside is planned with both") {
  small_mirror m;
  const auto sub = m.tree.at("docs/sub");
  const auto docs = m.tree.at("docs");
  m.tree.move(sub, workspace::root_node, "sub");
  m.tree.write(m.tree.create(node_kind::file, sub, "y"), {}, "y");
  CHECK(plan_of(m, {workspace::root_node, docs, sub}) ==
        sentences{"move docs/sub as sub", "write as y"});
}
