#include "store/mirror/former.hpp"

#include "tests/store/mirror/fixture.hpp"
#include "tests/store/object/rig.hpp"

using namespace keyfold;
using namespace keyfold::mirror;

namespace {

/// A file of 1.5 MB in a workspace, its next version, and the former one on disk.
struct edited {
  object::test::rig rig;
  disk_fixture disk;
  bytes before = object::test::random_bytes(1, 1'500'000);
  bytes now = before;
  workspace::file_content former;
  workspace::file_content next;
  std::vector<object_id> missing;

  edited() {
    now.insert(now.begin() + 700'000, 3'000, std::uint8_t{7});
    former = rig.store(before).content;
    next = rig.store(now).content;
    disk.write("f", std::string(as_text(before)));
  }

  std::vector<workspace::chunk_ref> chunks_of(const workspace::file_content& content) {
    object::opener from(rig.objects);
    return get(object::file_reader::open(content, from, missing)).chunks();
  }
  former_file open() { return get(former_file::open(disk.mirror_root, "f", chunks_of(former))); }
  expected<bytes> read(former_file& file) {
    object::opener from(rig.objects);
    auto reader = get(object::file_reader::open(next, from, missing));
    reader.prefer(file);
    bytes out;
    KEYFOLD_CHECK(reader.read_all(
        [&](bytes_view data) -> expected<void> {
          append(out, data);
          return {};
        },
        missing));
    return out;
  }
  /// Evicts the objects of the former version that the list of no version lies in.
  void drop_former_objects() {
    for (const auto& chunk : chunks_of(former)) rig.objects.objects.erase(chunk.object);
  }
};

}  // namespace

TEST_CASE("the next version takes from the former file what both have, without its objects") {
  edited e;
  auto file = e.open();
  e.drop_former_objects();
  CHECK(get(e.read(file)) == e.now);
  CHECK_FALSE(file.differs());
  CHECK(e.missing.empty());
}

TEST_CASE("a former file that was changed is noticed, and gives nothing more") {
  edited e;
  auto file = e.open();
  auto text = std::string(as_text(e.before));
  text[400'000] = static_cast<char>(text[400'000] ^ 1);
  e.disk.write("f", text);
  SECTION("objects stand in for it") {
    CHECK(get(e.read(file)) == e.now);
  }
  SECTION("what lacks is named, and no byte of it was made up") {
    e.drop_former_objects();
    CHECK(code_of(e.read(file)) == errc::objects_missing);
    CHECK_FALSE(e.missing.empty());
  }
  CHECK(file.differs());
  CHECK_FALSE(file.has(e.next.chunks.front()));
}

TEST_CASE("a former file that became shorter gives no chunk that ends beyond") {
  edited e;
  auto file = e.open();
  e.disk.write("f", "short");
  CHECK(get(e.read(file)) == e.now);
  CHECK(file.differs());
}
