#include "store/mirror/ignore.hpp"

#include "tests/store/mirror/fixture.hpp"
#include "tests/store/mirror/model_tree.hpp"

using namespace keyfold;
using namespace keyfold::mirror;

namespace {

/// Whether one rule alone leaves out a path; ending with "/": a folder.
bool leaves_out(const std::string& rules, std::string path) {
  const bool folder = path.back() == '/';
  if (folder) path.pop_back();
  ignore_chain chain([&](const local_path& at) {
    return at.empty() ? ignore_file{rules, false, false} : ignore_file{};
  });
  chain.enter(parent_of(path));
  return chain.judge(name_of(path), folder) == ignore_reason::ignore_file;
}

struct example {
  const char* rules;
  sentences out;  ///< left out
  sentences in;   ///< not
};

/// The reason for each path that stays.
std::map<std::string, std::string> ignored_in(const local_plan& plan) {
  std::map<std::string, std::string> out;
  for (const auto& item : plan.ignored) out.emplace(item.path, to_string(item.reason));
  return out;
}
using reasons = std::map<std::string, std::string>;

}  // namespace

// Checked against git 2.39 (git check-ignore --no-index), but where said.
TEST_CASE("patterns match as in .gitignore") {
  const std::vector<example> examples{
      {"", {}, {"a"}},
      {"# text\n\n   \n", {}, {"# text", "a", " "}},
      {"\\#a", {"#a", "d/#a"}, {"a", "\\#a"}},
      {"\\!a", {"!a"}, {"a"}},
      {"a", {"a", "d/a", "a/", "a/b", "d/a/b"}, {"b", "aa", "A"}},
      {"a/", {"a/", "a/b", "d/a/", "d/a/b"}, {"a", "d/a"}},
      {"/a", {"a", "a/b"}, {"d/a"}},
      {"d/a", {"d/a", "d/a/b"}, {"a", "x/d/a"}},
      {"/d/a/", {"d/a/"}, {"d/a", "x/d/a/"}},
      {"*.o", {"x.o", ".o", "d/x.o"}, {"x.oo", "xo"}},
      {"*", {"a", ".a", "d/a"}, {}},
      {"a*b*c", {"abc", "axxbxxc", "abcbc"}, {"ab", "acb", "abcx"}},
      {"/*.c", {"a.c"}, {"d/a.c"}},
      {"d/*", {"d/a", "d/a/b"}, {"d/", "x/d/a"}},
      {"d/*/c", {"d/b/c"}, {"d/c", "d/a/b/c"}},
      {"?", {"a", "d/a"}, {"aa"}},
      {"a?c", {"abc"}, {"ac", "abbc"}},
      {"**/a", {"a", "d/a", "d/e/a"}, {"ba"}},
      {"a/**", {"a/b", "a/b/c"}, {"a", "a/", "x/a/b"}},
      {"a/**/b", {"a/b", "a/x/b", "a/x/y/b"}, {"ab", "a/xb", "b"}},
      {"a/**/b/**/c", {"a/b/c", "a/x/b/y/z/c", "a/b/b/c/b/c"}, {"a/c", "a/b", "a/c/b"}},
      {"**", {"a", "d/a"}, {}},
      {"**/", {"a/", "a/b"}, {"a"}},
      {"/**", {"a", "d/a"}, {}},
      {"a**b", {"ab", "axb"}, {"a/b"}},
      {"a/x**y/b", {"a/xy/b", "a/xzy/b"}, {"a/x/y/b"}},
      {"[abc]", {"a", "c"}, {"d", "ab"}},
      {"[a-c]", {"a", "b", "c"}, {"d", "-"}},
      {"[!a-c]", {"d", "-"}, {"a"}},
      {"[^a]", {"b"}, {"a"}},
      {"[]a]", {"]", "a"}, {"b"}},
      {"[!]a]", {"b"}, {"]", "a"}},
      {"[a-]", {"a", "-"}, {"b"}},
      {"[-a]", {"a", "-"}, {"b"}},
      {"[a\\]b]", {"a", "]", "b"}, {"\\"}},
      {"[a-c-e]", {"a", "b", "c", "-", "e"}, {"d"}},
      {"[[:digit:]_]x", {"1x", "_x"}, {"ax", ":x"}},
      {"[[:upper:]]", {"A"}, {"a"}},
      {"[[:nothing:]]", {}, {"n", ":"}},
      {"[[:a]", {"[", ":", "a"}, {"b"}},
      {"[a/b]c", {"ac", "bc/d"}, {"a/c", "x/ac"}},
      {"[a", {}, {"[a", "a"}},
      {"a\\", {}, {"a", "a\\"}},
      {"\\a\\*", {"a*"}, {"ab"}},
      {"a  ", {"a"}, {"a  "}},
      {"a\\ ", {"a "}, {"a"}},
      {"a\\  ", {"a "}, {"a"}},
      {" a", {" a"}, {"a"}},
      {"a\r\nb\r\n", {"a", "b"}, {}},
      {"\xef\xbb\xbf"
       "a",
       {"a"},
       {}},
      {"!", {}, {"!", "a"}},
      {"/", {}, {"a", "a/"}},
      {"a//b", {}, {"a/b"}},
      {"*.log\n!keep.log", {"a.log"}, {"keep.log", "d/keep.log"}},
      {"!keep.log\n*.log", {"keep.log"}, {}},
      {"d/\n!d/keep", {"d/", "d/keep"}, {}},
      {"d/*\n!d/keep", {"d/x"}, {"d/keep", "d/"}},
      {"/*\n!/d/\n/d/*\n!/d/keep", {"x", "d/x"}, {"d/", "d/keep"}},
      {"*\n!*/\n!*.txt", {"a", "d/a"}, {"a.txt", "d/", "d/a.txt"}},
      // Not as git, which counts bytes and compares them.
      {"?", {"\u00e9", "e\u0301"}, {}},
      {"[\u00e0-\u00ff]", {"\u00e9"}, {"e"}},
      {"caf\u00e9", {"cafe\u0301", "caf\u00e9"}, {"cafe"}},
  };
  for (const auto& each : examples) {
    CAPTURE(each.rules);
    for (const auto& path : each.out) {
      CAPTURE(path);
      CHECK(leaves_out(each.rules, path));
    }
    for (const auto& path : each.in) {
      CAPTURE(path);
      CHECK_FALSE(leaves_out(each.rules, path));
    }
  }
}

TEST_CASE("the rules of a nearer folder come before those above it") {
  std::map<std::string, std::string> files{
      {"", "*.log\n/only\nsecret/\n"}, {"d", "!a.log\n/b\ne/f\n"}, {"d/e", "a.log"}};
  std::vector<std::string> read;
  ignore_chain chain([&](const local_path& at) {
    read.push_back(at);
    return ignore_file{files[at], false, false};
  });
  const auto judge = [&](const std::string& path) {
    chain.enter(parent_of(path));
    return chain.judge(name_of(path), false).has_value();
  };
  CHECK(judge("a.log"));
  CHECK_FALSE(judge("d/a.log"));
  CHECK(judge("d/x.log"));
  CHECK(judge("d/e/a.log"));
  CHECK(judge("d/b"));
  CHECK_FALSE(judge("d/e/b"));
  CHECK(judge("d/e/f"));
  CHECK(judge("only"));
  CHECK_FALSE(judge("d/only"));
  CHECK(judge("d/secret/deep/x"));
  CHECK(std::count(read.begin(), read.end(), "") == 1);
  CHECK(std::count(read.begin(), read.end(), "d/secret") == 0);
}

TEST_CASE("what temporary files are called stays here, and an ignore file can take it back") {
  const sentences temporary{"text~",
                            ".text.swp",
                            ".swo",
                            ".#text",
                            "#text#",
                            "~$note.doc",
                            ".~lock.a.odt#",
                            ".goutputstream-AB12CD",
                            "a.crdownload",
                            ".DS_Store",
                            "Thumbs.db",
                            "desktop.ini",
                            ".nfs00000000012300000001",
                            "x___jb_tmp___",
                            ".fuse_hidden0000001200000001",
                            ".Trash-1000/",
                            "lost+found/",
                            "$RECYCLE.BIN/"};
  const sentences own{"~",
                      "##",
                      ".#",
                      "~$",
                      ".crdownload",
                      "text",
                      "text~/",
                      ".swap",
                      ".x.swf",
                      "#text",
                      "~text",
                      ".#d/",
                      "a.part",
                      "a.tmp",
                      "a.bak",
                      "._text",
                      ".nfsrc",
                      ".Trash",
                      "Trash-1/",
                      ".git/",
                      ".env",
                      "core",
                      "d/lost+found/",
                      ".Trash-1000",
                      "System Volume Information"};
  const auto judge = [](const std::string& rules, std::string path) {
    const bool folder = path.back() == '/';
    if (folder) path.pop_back();
    ignore_chain chain([&](const local_path& at) {
      return ignore_file{at.empty() ? rules : "", false, false};
    });
    chain.enter(parent_of(path));
    return chain.judge(name_of(path), folder);
  };
  for (const auto& path : temporary) {
    CAPTURE(path);
    CHECK(judge("", path) == ignore_reason::ignore_default);
    CHECK_FALSE(judge("!*", path));
  }
  for (const auto& path : own) {
    CAPTURE(path);
    CHECK_FALSE(judge("", path));
  }
  CHECK(ignore_rules::parse(default_ignore_text()).size() > 20);
}

TEST_CASE("an ignore file itself is never left out but with its folder") {
  CHECK_FALSE(leaves_out("*", ".keyfoldignore"));
  CHECK(leaves_out("*", ".keyfoldignore/"));
  CHECK(leaves_out("d/", "d/.keyfoldignore"));
}

TEST_CASE("hostile rules end, and only so many count") {
  std::string stars;
  for (int i = 0; i < 100; ++i) stars += "*a";
  const auto name = std::string(255, 'a');
  CHECK_FALSE(leaves_out(stars + "b", name));
  CHECK(leaves_out(stars, name));
  std::string deep, path;
  for (int i = 0; i < 100; ++i) deep += "**/a/";
  for (int i = 0; i < 200; ++i) path += "a/";
  CHECK_FALSE(leaves_out(deep + "b", path + "a"));
  CHECK(leaves_out(deep + "a", path + "a"));
  for (const char* text : {"[", "[!", "[^", "[a-", "[]", "[\\", "[[:", "[[:alpha:", "\\", "!\\",
                           "\xff[\xfe", "[\xff-\xfe]"})
    CHECK_FALSE(leaves_out(text, "a"));

  std::string many;
  for (std::size_t i = 0; i < most_ignore_rules; ++i) many += "x" + std::to_string(i) + "\n";
  CHECK_FALSE(ignore_rules::parse(many).cut());
  CHECK(ignore_rules::parse(many + "one more\n").cut());
  CHECK(ignore_rules::parse(many + "one more\n").size() == most_ignore_rules);
  // Those of the folders above count too.
  ignore_chain chain([&](const local_path& at) {
    return ignore_file{at.empty() ? many : "a\n", false, false};
  });
  chain.enter("");
  CHECK_FALSE(chain.cut());
  chain.enter("d");
  CHECK(chain.cut());
  CHECK_FALSE(chain.judge("a", false));
}

TEST_CASE("of a long ignore file the whole lines of its first 64 KiB count, and it is told") {
  disk_fixture m;
  std::string text(ignore_file_size - 10, '#');
  text += "\n*.a\n*.bcdefgh\n*.z\n";
  m.write(".keyfoldignore", text);
  m.write("x.a", "x");
  m.write("x.bcdefgh", "x");
  m.write("x.bcd", "x");
  const auto plan = m.find_changes();
  CHECK(m.tell(plan) == sentences{"created .keyfoldignore", "created x.bcd", "created x.bcdefgh"});
  CHECK(ignored_in(plan) == reasons{{".keyfoldignore", "ignore_limit"}, {"x.a", "ignore_file"}});
}

TEST_CASE(
    "an ignore file that cannot be read lets nothing new leave its folder; a symlink is none") {
  disk_fixture m;
  ignore_chain chain([](const local_path& at) {
    return at == "d" ? ignore_file{"", false, true} : ignore_file{};
  });
  chain.enter("d/e");
  CHECK(chain.judge("x", false) == ignore_reason::unreadable);
  chain.enter("");
  CHECK_FALSE(chain.judge("x", false));

  m.write("rules", "*");
  std::filesystem::create_symlink("rules", m / ".keyfoldignore");
  CHECK(m.changes() == sentences{"created .keyfoldignore", "created rules"});
  m.remove(".keyfoldignore");
  m.make_folder(".keyfoldignore");
  CHECK(m.changes() == sentences{"created .keyfoldignore", "created rules"});
}

TEST_CASE("new things that the rules leave out stay here, and folders are not looked into") {
  disk_fixture m;
  m.write(".keyfoldignore", "*.o\nbuild/\n");
  m.make_folder("build/deep");
  m.write("build/deep/f", "x");
  m.write("main.c", "x");
  m.write("main.o", "x");
  m.make_folder("src");
  m.write("src/a.o", "x");
  m.write("src/a.c", "x");
  const auto plan = m.find_changes();
  CHECK(m.tell(plan) ==
        sentences{"created .keyfoldignore", "created main.c", "created src", "created src/a.c"});
  CHECK(ignored_in(plan) ==
        reasons{{"build", "ignore_file"}, {"main.o", "ignore_file"}, {"src/a.o", "ignore_file"}});
  CHECK(plan.listed == std::set<local_path>{"", "src"});
  m.agree();
  CHECK(m.changes({"build/deep"}).empty());
  m.write(".keyfoldignore", "*.o\n");
  CHECK(m.changes() == sentences{"created build", "created build/deep", "created build/deep/f",
                                 "modified .keyfoldignore"});
}

TEST_CASE("what is synced stays synced, whatever the rules say") {
  disk_fixture m;
  m.make_folder("logs");
  m.write("logs/a.log", "a");
  m.write("b.log", "b");
  m.agree();
  m.write(".keyfoldignore", "*.log\nlogs/\n");
  CHECK(m.changes() == sentences{"created .keyfoldignore"});
  m.agree();
  SECTION("edited in place, or by a new file of its name") {
    m.write("logs/a.log", "edited");
    m.write("other", "anew");
    m.move("other", "b.log");
    CHECK(m.changes() == sentences{"modified b.log", "modified logs/a.log"});
  }
  SECTION("deleted") {
    m.remove("b.log");
    CHECK(m.changes() == sentences{"deleted b.log"});
    m.agree();
    m.write("b.log", "now it is new");
    CHECK(m.changes().empty());
  }
  SECTION("renamed") {
    m.move("b.log", "c.log");
    m.move("logs", "mail.log");
    CHECK(m.changes() == sentences{"moved b.log c.log", "moved logs mail.log"});
  }
  SECTION("while what is new beside it is not") {
    m.write("logs/new", "x");
    m.make_folder("logs/sub");
    CHECK(m.changes().empty());
    CHECK(ignored_in(m.find_changes()) ==
          reasons{{"logs/new", "ignore_file"}, {"logs/sub", "ignore_file"}});
  }
  SECTION("in a folder made anew") {
    m.make_folder("new");
    m.write("new/a.log", "other bytes");
    m.write("new/x.log", "new");
    m.remove("logs");
    m.move("new", "logs");
    CHECK(m.changes() == sentences{"refreshed logs", "modified logs/a.log"});
    CHECK(ignored_in(m.find_changes()) == reasons{{"logs/x.log", "ignore_file"}});
  }
}

TEST_CASE("a file moved into a folder that is left out counts as moved out of the mirror") {
  disk_fixture m;
  m.write("f", "x");
  m.agree();
  m.make_folder(".Trash-1000/files");
  m.move("f", ".Trash-1000/files/f");
  CHECK(m.changes() == sentences{"deleted f"});
  CHECK(m.exists(".Trash-1000/files/f"));
}

TEST_CASE("a hard link or a backup under an ignored name stays here") {
  disk_fixture m;
  m.write("f", "x");
  m.agree();
  std::filesystem::create_hard_link(m / "f", m / "f~");
  CHECK(m.changes() == sentences{"modified f"});  // its ctime
  CHECK(ignored_in(m.find_changes()) == reasons{{"f~", "ignore_default"}});
}

TEST_CASE("a new folder that holds nothing but ignored things stays here until it holds another") {
  disk_fixture m;
  m.make_folder("d/e");
  m.write("d/e/f~", "x");
  m.make_folder("empty");
  auto plan = m.find_changes();
  CHECK(m.tell(plan) == sentences{"created empty"});
  CHECK(ignored_in(plan) ==
        reasons{{"d", "ignore_default"}, {"d/e", "ignore_default"}, {"d/e/f~", "ignore_default"}});
  m.write("d/e/f", "x");
  CHECK(m.changes() == sentences{"created d", "created empty", "created d/e", "created d/e/f"});
  CHECK(m.changes({"d/e"}) ==
        sentences{"created d", "created empty", "created d/e", "created d/e/f"});
}

TEST_CASE("what a partial scan did not look at stays listed while it is there") {
  disk_fixture m;
  m.make_folder("a");
  m.make_folder("b");
  m.write("a/x", "x");
  m.write("b/x", "x");
  m.agree();
  m.write("a/f~", "x");
  m.write("b/f~", "x");
  ignored_items items;
  keep_ignored(items, m.mirror_root, m.find_changes());
  const ignored_items both{{"a/f~", {"ignore_default"}}, {"b/f~", {"ignore_default"}}};
  CHECK(items == both);
  keep_ignored(items, m.mirror_root, m.find_changes({"a"}));
  CHECK(items == both);
  m.remove("a/f~");
  keep_ignored(items, m.mirror_root, m.find_changes({"a"}));
  CHECK(items == ignored_items{{"b/f~", {"ignore_default"}}});
  m.remove("b");
  keep_ignored(items, m.mirror_root, m.find_changes({"a"}));
  CHECK(items.empty());
}

TEST_CASE("what others add under an ignored name is written, beside what stands there ignored") {
  mirrored m;
  m.write("f~", "alice's backup");
  m.write("same~", "same");
  m.settle();
  CHECK(m.tree.picture().empty());
  m.tree.write(m.tree.create(node_kind::file, workspace::root_node, "new~"), {}, "from bob", 1);
  m.tree.write(m.tree.create(node_kind::file, workspace::root_node, "same~"), {}, "same", 1);
  m.tree.write(m.tree.create(node_kind::file, workspace::root_node, "f~"), {}, "bob's backup", 1);
  m.settle();
  CHECK(m.read("new~") == "from bob");
  CHECK(m.read("same~") == "same");
  std::set<std::string> both;
  for (const auto& [path, what] : picture_of(m))
    if (path.starts_with("f~")) both.insert(m.read(path));
  CHECK(both == std::set<std::string>{"alice's backup", "bob's backup"});
  CHECK(m.tree.picture().size() == 4);
}

TEST_CASE("what others move to an ignored name is moved, beside what stands there ignored") {
  mirrored m;
  m.write("f", "shared");
  m.write("f~", "alice's backup");
  m.settle();
  m.tree.move(m.tree.shown(false).at(0), workspace::root_node, "f~");
  m.settle();
  std::set<std::string> both;
  for (const auto& [path, what] : picture_of(m)) both.insert(m.read(path));
  CHECK(both == std::set<std::string>{"shared", "alice's backup"});
  CHECK(m.tree.picture().size() == 2);
}

TEST_CASE("a folder that holds nothing but ignored things makes way for a file of its name") {
  mirrored m;
  m.make_folder("a");
  m.write("a/f~", "alice's backup");
  m.settle();
  CHECK(m.tree.picture().empty());
  m.tree.write(m.tree.create(node_kind::file, workspace::root_node, "a"), {}, "from bob", 1);
  m.settle();
  CHECK(m.read("a/f~") == "alice's backup");
  std::size_t from_bob = 0;
  for (const auto& [path, what] : picture_of(m))
    if (what.ends_with("from bob")) ++from_bob;
  CHECK(from_bob == 1);
}

TEST_CASE("a folder deleted by others goes but for what is ignored in it, and does not come back") {
  mirrored m;
  m.make_folder("d/e");
  m.write("d/e/f", "x");
  m.settle();
  m.write("d/e/f~", "mine");
  m.settle();
  m.tree.remove(m.tree.at("d"));
  m.settle();
  CHECK(m.tree.picture().empty());
  CHECK(m.read("d/e/f~") == "mine");
  CHECK_FALSE(m.exists("d/e/f"));
}

TEST_CASE("a change of an ignore file is told, on either side") {
  mirrored m;
  m.write("f", "x");
  m.settle();
  m.write(".keyfoldignore", "x");
  CHECK(changes_rules(m.base, m.find_changes()));
  m.settle();
  CHECK_FALSE(changes_rules(m.base, m.find_changes()));
  m.tree.write(m.tree.at(".keyfoldignore"), m.tree.versions(m.tree.at(".keyfoldignore")), "y", 1);
  CHECK(changes_rules(m.base, m.plan_disk()));
  m.settle();
  CHECK(m.read(".keyfoldignore") == "y");
  m.move(".keyfoldignore", "rules");
  CHECK(changes_rules(m.base, m.find_changes()));
  m.settle();
  m.tree.write(m.tree.at("f"), m.tree.versions(m.tree.at("f")), "z", 1);
  CHECK_FALSE(changes_rules(m.base, m.plan_disk()));
}
