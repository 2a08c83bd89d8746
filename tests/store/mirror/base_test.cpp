#include "store/mirror/base.hpp"

#include "tests/store/mirror/fixture.hpp"

using namespace keyfold;
using namespace keyfold::mirror;

namespace {

base_row file_row(row_id parent, const std::string& name, std::uint8_t number) {
  base_row out;
  out.parent = parent;
  out.name = out.local = name;
  out.node = id_of<node_id>(number);
  out.version = id_of<version_id>(number);
  out.facts.inode = number;
  out.facts.mtime_ns = -5;
  out.facts.target = "t";
  return out;
}
base_row folder_row(row_id parent, const std::string& name, std::uint8_t number) {
  auto out = file_row(parent, name, number);
  out.version = {};
  out.facts = {};
  out.facts.kind = node_kind::folder;
  out.facts.inode = number;
  return out;
}

struct base_fixture {
  std::unique_ptr<db::store> store = db::memory_store();
  db::transaction state{*store};
  base b{state, {}};
};

}  // namespace

TEST_CASE("a row is found by name, path, node, inode and id") {
  base_fixture f;
  const auto folder = f.b.put(folder_row(root_row, "docs", 1));
  auto row = file_row(folder, "\u00e9", 2);
  row.local = "e\u0301";
  row.id = f.b.put(row);
  CHECK(f.b.get(row.id) == row);
  CHECK(f.b.child(folder, "\u00e9") == row);
  CHECK(f.b.find("docs/e\u0301") == row);
  CHECK(f.b.find("docs/\u00e9") == row);
  CHECK(f.b.rows_of(row.node) == std::vector{row});
  CHECK(f.b.with_inode(2) == std::vector{row});
  CHECK(f.b.path_of(row.id) == "docs/e\u0301");
  CHECK(f.b.files() == 1);
  CHECK_FALSE(f.b.find("docs/other"));
}

TEST_CASE("renaming a folder moves what is in it") {
  base_fixture f;
  auto folder = folder_row(root_row, "docs", 1);
  folder.id = f.b.put(folder);
  const auto file = f.b.put(file_row(folder.id, "f", 2));
  folder.name = folder.local = "papers";
  CHECK(f.b.put(folder) == folder.id);
  CHECK(f.b.path_of(file) == "papers/f");
  CHECK_FALSE(f.b.find("docs/f"));
}

TEST_CASE("forgetting a folder forgets what is in it") {
  base_fixture f;
  const auto folder = f.b.put(folder_row(root_row, "docs", 1));
  f.b.put(file_row(folder, "f", 2));
  f.b.put(file_row(root_row, "g", 3));
  f.b.erase(folder);
  CHECK(f.b.files() == 1);
  CHECK(f.b.with_inode(2).empty());
  CHECK(f.b.rows_of(id_of<node_id>(2)).empty());
  CHECK(f.b.children(root_row).size() == 1);
}

TEST_CASE("two rows of one name in the midst of a swap are both kept") {
  base_fixture f;
  auto a = file_row(root_row, "a", 1);
  auto b = file_row(root_row, "b", 2);
  a.id = f.b.put(a);
  b.id = f.b.put(b);
  a.name = a.local = "b";
  f.b.put(a);
  b.name = b.local = "a";
  f.b.put(b);
  CHECK(f.b.child(root_row, "a") == b);
  CHECK(f.b.child(root_row, "b") == a);
}

TEST_CASE("no key of base holds a name") {
  base_fixture f;
  f.b.put(file_row(root_row, "a-secret-name", 1));
  f.state.scan({}, {}, [](bytes_view key, bytes_view) {
    CHECK(as_text(key).find("secret") == std::string_view::npos);
    return true;
  });
}

TEST_CASE("a row that does not decode counts as missing") {
  base_fixture f;
  const auto id = f.b.put(file_row(root_row, "a", 1));
  bytes key{'r'};
  append_u64(key, id.value);
  f.state.put(key, bytes{0x93, 1, 2, 3});
  CHECK_FALSE(f.b.get(id));
  CHECK(f.b.children(root_row).empty());
}
