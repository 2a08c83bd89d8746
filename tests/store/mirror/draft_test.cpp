#include "store/mirror/draft.hpp"

#include "store/mirror/former.hpp"
#include "tests/store/mirror/fixture.hpp"
#include "tests/store/object/rig.hpp"

using namespace keyfold;
using namespace keyfold::mirror;

namespace {

const auto version = id_of<version_id>(9);

/// A file of 5 MB, sealed into several objects, and a mirror without it.
struct coming {
  object::test::rig rig;
  disk_fixture disk;
  bytes content = object::test::random_bytes(1, 5'000'000);
  workspace::file_content file = rig.store(content).content;
  std::vector<workspace::chunk_ref> chunks = chunks_of(file);

  std::vector<workspace::chunk_ref> chunks_of(const workspace::file_content& of) {
    object::opener from(rig.objects);
    std::vector<object_id> missing;
    return get(object::file_reader::open(of, from, missing)).chunks();
  }
  draft open() { return get(draft::open(disk.mirror_root, version, chunks)); }
  const object::sealed_object& object(const object_id& id) { return rig.objects.objects.at(id); }
  /// Takes all that lacks, the last objects first.
  void fill(draft& d) {
    auto lacking = d.objects_lacking();
    for (auto id = lacking.rbegin(); id != lacking.rend(); ++id) get(d.take(object(*id)));
  }
  std::string draft_path() const { return ".keyfold/draft-" + to_text(version); }
  void check_placed(draft& d) {
    REQUIRE(d.is_complete());
    get(d.move_to(get(find_place(disk.mirror_root, "here"))));
    CHECK(disk.read("here") == std::string(as_text(content)));
    CHECK_FALSE(disk.exists(draft_path()));
  }
};

}  // namespace

TEST_CASE("a draft takes its objects in any order, and then its place") {
  coming c;
  auto d = c.open();
  const auto lacking = d.objects_lacking();
  REQUIRE(lacking.size() > 2);
  CHECK(lacking.front() == c.chunks.front().object);
  CHECK_FALSE(d.is_complete());
  c.fill(d);
  c.check_placed(d);
}

TEST_CASE(
    "what a draft held stays when it is opened again, but for what is not what it should be") {
  coming c;
  std::vector<object_id> lacking;
  {
    auto d = c.open();
    lacking = d.objects_lacking();
    get(d.take(c.object(lacking.front())));
    get(d.take(c.object(lacking.back())));
  }
  SECTION("whole") {
    auto d = c.open();
    CHECK(d.objects_lacking() == std::vector<object_id>(lacking.begin() + 1, lacking.end() - 1));
    c.fill(d);
    c.check_placed(d);
  }
  SECTION("damaged") {
    auto there = c.disk.read(c.draft_path());
    REQUIRE(there.size() == c.content.size());
    there[100] = static_cast<char>(there[100] ^ 1);
    c.disk.write(c.draft_path(), there);
    auto d = c.open();
    CHECK(d.lacks(lacking.front()));
    CHECK_FALSE(d.lacks(lacking.back()));
    c.fill(d);
    c.check_placed(d);
  }
  SECTION("shorter or longer") {
    c.disk.write(c.draft_path(), c.disk.read(c.draft_path()).substr(0, 1000));
    auto d = c.open();
    CHECK(d.objects_lacking() == lacking);
    c.fill(d);
    c.check_placed(d);
  }
}

TEST_CASE("a draft takes from the former file what both have") {
  coming c;
  auto now = c.content;
  now.insert(now.begin() + 2'000'000, 3'000, std::uint8_t{7});
  const auto next = c.rig.store(now).content;
  c.disk.write("f", std::string(as_text(c.content)));
  auto former = get(former_file::open(c.disk.mirror_root, "f", c.chunks));
  const auto chunks = c.chunks_of(next);
  auto d = get(draft::open(c.disk.mirror_root, version, chunks));
  const auto more = d.objects_lacking(&former);
  CHECK(more.size() < d.objects_lacking().size());
  get(d.take(former));
  CHECK_FALSE(former.differs());
  CHECK(d.objects_lacking() == more);
  for (const auto& id : more) get(d.take(c.object(id)));
  get(d.move_to(get(find_place(c.disk.mirror_root, "here"))));
  CHECK(c.disk.read("here") == std::string(as_text(now)));
}

TEST_CASE(
    "an object that does not hold what the content says is refused, and nothing of it counts") {
  coming c;
  for (auto& chunk : c.chunks)
    if (chunk.object == c.chunks.back().object) chunk.plaintext_hash = id_of<hash32>(1);
  auto d = c.open();
  CHECK(code_of(d.take(c.object(c.chunks.back().object))) == errc::chunk_mismatch);
  CHECK(d.lacks(c.chunks.back().object));
}

TEST_CASE("bytes that are not the object's are told from a content that names the wrong ones") {
  coming c;
  auto d = c.open();
  const auto id = c.chunks.back().object;
  const auto right = to_bytes(c.object(id).data());
  auto wrong = right;
  SECTION("a bit flipped") {
    wrong[70'000] ^= 1;
  }
  SECTION("another object") {
    wrong = to_bytes(c.object(c.chunks.front().object).data());
  }
  SECTION("too short for one") {
    wrong.resize(5);
  }
  SECTION("nothing") {
    wrong.clear();
  }
  CHECK(code_of(d.take(id, wrong)) == errc::object_mismatch);
  CHECK(d.lacks(id));
  get(d.take(id, right));
  CHECK_FALSE(d.lacks(id));
  c.fill(d);
  c.check_placed(d);
}

TEST_CASE("a draft that the disk has no room for is refused before anything is fetched") {
  coming c;
  auto many = c.chunks;
  many.back().length = std::uint64_t{1} << 50U;
  CHECK(code_of(draft::open(c.disk.mirror_root, version, many)) == errc::disk_full);
}

TEST_CASE("no symlink is followed to a draft, and nothing but a file is one") {
  coming c;
  SECTION("a symlink") {
    std::filesystem::create_symlink(c.disk / "elsewhere", c.disk / c.draft_path());
    CHECK_FALSE(draft::open(c.disk.mirror_root, version, c.chunks));
    CHECK_FALSE(c.disk.exists("elsewhere"));
  }
  SECTION("a folder") {
    c.disk.make_folder(c.draft_path());
    CHECK_FALSE(draft::open(c.disk.mirror_root, version, c.chunks));
  }
}

TEST_CASE("drafts that nobody wants any more are removed, the marker stays") {
  coming c;
  { const auto d = c.open(); }
  get(remove_drafts(c.disk.mirror_root, {version}));
  CHECK(c.disk.exists(c.draft_path()));
  get(remove_drafts(c.disk.mirror_root));
  CHECK_FALSE(c.disk.exists(c.draft_path()));
  get(c.disk.mirror_root.check(c.disk.own));
}

TEST_CASE("a draft does not replace what is there") {
  coming c;
  auto d = c.open();
  c.fill(d);
  c.disk.write("here", "mine");
  CHECK(code_of(d.move_to(get(find_place(c.disk.mirror_root, "here")))) == errc::changed_on_disk);
  CHECK(c.disk.read("here") == "mine");
}
