#include "store/mirror/remake.hpp"

#include "crypto/hash.hpp"
#include "store/mirror/object_index.hpp"
#include "store/object/list.hpp"
#include "tests/store/mirror/fixture.hpp"

using namespace keyfold;
using namespace keyfold::mirror;

namespace {

/// A mirror whose files lie in objects, which are sealed and thrown away.
struct library : disk_fixture {
  std::unique_ptr<random_source> random = seeded_random(3);
  std::map<version_id, std::shared_ptr<version_chunks>> versions;
  chunks_of_version known = [this](const version_id& version) {
    const auto at = versions.find(version);
    return at == versions.end() ? nullptr : at->second;
  };

  /// One object that holds these files, one after the other, each as a chunk of its own; they are written, and base
  /// agrees.
  object_id keep(const std::vector<std::pair<std::string, std::string>>& files) {
    bytes all;
    for (const auto& [path, content] : files) append(all, as_bytes(content));
    const auto key = random->key();
    const auto object = object::seal_object(key, all).id();
    std::uint64_t offset = 0;
    for (const auto& [path, content] : files) {
      std::filesystem::create_directories((folder / path).parent_path());
      write(path, content);
      workspace::chunk_ref chunk;
      chunk.object = object;
      chunk.key = key;
      chunk.offset = offset;
      chunk.length = content.size();
      chunk.plaintext_hash = object::hash_chunk(as_bytes(content));
      offset += content.size();
      coming[path] = chunk;
    }
    agree_on_versions();
    return object;
  }
  /// As agree(), with the chunks of what was kept.
  void agree_on_versions() {
    auto plan = find_changes();
    for (std::size_t i = 0; i < plan.changes.size(); ++i) {
      const auto& change = plan.changes[i];
      if (change.what == local_kind::moved || change.what == local_kind::deleted) {
        record(base, plan, i);
        continue;
      }
      published now{random->id<node_id>(), {}, {}, {}};
      if (change.row.value != 0) now.node = base.get(change.row)->node;
      if (change.disk.kind == node_kind::file) {
        now.version = random->id<version_id>();
        now.content = hash_of(read(change.path));
        auto chunks = std::make_shared<version_chunks>();
        const auto at = coming.find(change.path);
        if (at != coming.end()) chunks->chunks.push_back(at->second);
        chunks->content.chunks = chunks->chunks;
        versions.emplace(now.version, std::move(chunks));
      }
      record(base, plan, i, now);
    }
    coming.clear();
  }
  void index() {
    while (base.note_unindexed(2)) {
    }
    row_id from;
    while (const auto last = index_objects(base, objects, from, 2)) from = last->next();
  }
  [[nodiscard]] errc remade(const object_id& id) const {
    const auto object = remake(mirror_root, base, known, id);
    if (object) CHECK(object->id() == id);
    return object ? errc::unknown : object.error().code;
  }
  /// All that the database says in that table.
  [[nodiscard]] std::size_t rows(char table) const {
    std::size_t out = 0;
    state.scan(bytes{static_cast<std::uint8_t>(table)}, {}, [&](bytes_view, bytes_view) {
      ++out;
      return true;
    });
    return out;
  }

  std::map<std::string, workspace::chunk_ref> coming;
  objects_of_version objects = [this](const version_id& version) {
    std::optional<std::vector<object_id>> out;
    if (const auto file = known(version)) {
      out.emplace();
      for (const auto& chunk : file->chunks) out->push_back(chunk.object);
    }
    return out;
  };
};

constexpr errc made = errc::unknown;

}  // namespace

TEST_CASE("an object is made again of the files that have its bytes") {
  library l;
  const auto object = l.keep({{"a", "alpha"}, {"docs/b", "beta"}, {"c", "gamma"}});
  CHECK_FALSE(may_remake(l.base, object));
  CHECK(l.remade(object) == errc::not_found);
  l.index();
  CHECK(may_remake(l.base, object));
  CHECK(l.remade(object) == made);
  CHECK(l.rows('u') == 0);
  CHECK_FALSE(may_remake(l.base, l.random->id<object_id>()));
}

TEST_CASE("an object of which a byte was edited, cut or deleted since is not there") {
  for (const std::string now : {"betA", "bet", ""}) {
    library l;
    const auto object = l.keep({{"a", "alpha"}, {"docs/b", "beta"}});
    l.index();
    l.write("docs/b", now);
    CHECK(l.remade(object) == errc::not_found);
  }
  library l;
  const auto object = l.keep({{"a", "alpha"}, {"docs/b", "beta"}});
  l.index();
  l.remove("docs/b");
  CHECK(l.remade(object) == errc::not_found);
  l.make_folder("docs/b");
  CHECK(l.remade(object) == errc::not_found);
}

TEST_CASE("a file that was renamed, and one in a renamed folder, still has its bytes") {
  library l;
  const auto object = l.keep({{"a", "alpha"}, {"docs/b", "beta"}});
  l.index();
  l.move("a", "z");
  l.move("docs", "papers");
  CHECK(l.remade(object) == errc::not_found);  // base does not know yet
  l.agree_on_versions();
  CHECK(l.rows('u') == 0);  // the versions are the same
  CHECK(l.remade(object) == made);
}

TEST_CASE("the index follows edits and deletes, and keeps nothing of what was") {
  library l;
  const auto first = l.keep({{"a", "alpha"}, {"b", "beta"}});
  l.index();
  CHECK(l.rows('o') == 2);
  const auto second = l.keep({{"a", "something else"}});
  CHECK(l.remade(first) == errc::not_found);
  CHECK_FALSE(may_remake(l.base, second));
  l.index();
  CHECK(l.remade(second) == made);
  CHECK(may_remake(l.base, first));  // b has something of it
  CHECK(l.remade(first) == errc::not_found);
  CHECK(l.rows('o') == 2);
  l.remove("b");
  l.agree_on_versions();
  CHECK_FALSE(may_remake(l.base, first));
  l.index();
  CHECK(l.rows('o') == 1);
  CHECK(l.rows('u') == 0);
}

TEST_CASE("what changed twice before the index saw it leaves nothing behind either") {
  library l;
  const auto first = l.keep({{"a", "alpha"}});
  l.index();
  (void)l.keep({{"a", "beta"}});
  const auto third = l.keep({{"a", "gamma, then"}, {"b", "delta"}});
  l.remove("b");
  l.agree_on_versions();
  l.index();
  CHECK(l.rows('o') == 1);
  CHECK(l.rows('u') == 0);
  CHECK_FALSE(may_remake(l.base, first));
  CHECK(may_remake(l.base, third));
}

TEST_CASE("bytes that two files have are taken from the one that still has them") {
  library l;
  const auto object = l.keep({{"a", "alpha"}, {"b", "beta"}});
  const auto row = l.base.find("a");
  REQUIRE(row);
  auto copy = *row;
  copy.id = {};
  copy.name = copy.local = "copy";
  copy.node = l.random->id<node_id>();
  copy.facts.inode = 4711;
  l.write("copy", "alpha");
  l.base.put(copy);
  l.index();
  l.remove("a");
  CHECK(l.remade(object) == made);
}

TEST_CASE("a version that is not known yet is indexed once it is") {
  library l;
  const auto object = l.keep({{"a", "alpha"}});
  auto hidden = std::exchange(l.versions, {});
  l.index();
  CHECK(l.rows('u') == 1);
  CHECK_FALSE(may_remake(l.base, object));
  l.versions = hidden;
  l.index();
  CHECK(l.remade(object) == made);
}

TEST_CASE("rows of a database that had no index are indexed, a few at a time") {
  library l;
  const auto object =
      l.keep({{"a", "1"}, {"b", "2"}, {"docs/c", "3"}, {"docs/d", "4"}, {"e", "5"}});
  std::vector<bytes> index;
  for (const char table : {'u', 'v', 'o'})
    l.state.scan(bytes{static_cast<std::uint8_t>(table)}, {}, [&](bytes_view key, bytes_view) {
      index.push_back(to_bytes(key));
      return true;
    });
  for (const auto& key : index) l.state.erase(key);
  std::size_t slices = 1;
  while (l.base.note_unindexed(2)) ++slices;
  CHECK(slices >= 3);
  CHECK_FALSE(l.base.note_unindexed(2));
  CHECK(l.rows('u') == 5);
  l.index();
  CHECK(l.remade(object) == made);
}

TEST_CASE("after a crash the index and its notes are as base is") {
  library l;
  const auto first = l.keep({{"a", "alpha"}});
  l.index();
  REQUIRE(l.state.commit(true).has_value());
  const auto second = l.keep({{"a", "beta"}});
  l.state.discard();  // the change was not committed
  CHECK(may_remake(l.base, first));
  CHECK_FALSE(may_remake(l.base, second));
  l.write("a", "alpha");
  CHECK(l.remade(first) == made);
  const auto third = l.keep({{"a", "gamma, then"}});
  REQUIRE(l.state.commit(true).has_value());
  l.index();
  l.state.discard();  // the index was not committed
  CHECK_FALSE(may_remake(l.base, first));
  l.index();
  CHECK(may_remake(l.base, third));
  CHECK(l.rows('o') == 1);
}

TEST_CASE("the list of a large file is made again as well") {
  library l;
  const std::string content(1000, 'x');
  (void)l.keep({{"large", content}});
  const auto row = l.base.find("large");
  REQUIRE(row);
  auto& file = *l.versions.at(row->version);
  const auto list = object::encode_list(file.chunks);
  workspace::chunk_ref part;
  part.key = l.random->key();
  part.length = list.size();
  part.plaintext_hash = object::hash_chunk(list);
  part.object = object::seal_object(part.key, list).id();
  file.content.level = 1;
  file.content.chunks = {part};
  l.objects = [&](const version_id&) { return std::optional(std::vector{part.object}); };
  l.index();
  CHECK(l.remade(part.object) == made);
  l.remove("large");
  CHECK(l.remade(part.object) == made);  // it needs no byte of the file
}
