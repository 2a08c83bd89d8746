#include "store/object/store.hpp"

#include <catch2/catch.hpp>
#include <thread>

#include "store/object/local_source.hpp"
#include "tests/store/object/rig.hpp"
#include "tests/support/temp_dir.hpp"

using namespace keyfold;
using namespace keyfold::object;
using object::test::random_bytes;
namespace fs = std::filesystem;

namespace {

sealed_object make(std::uint64_t seed, std::size_t size) {
  return seal_object(seeded_random(seed)->key(), random_bytes(seed, size));
}

struct disk {
  keyfold::test::temp_dir folder;
  std::unique_ptr<db::store> index = db::memory_store();
  std::unique_ptr<object::store> objects = reopen();

  std::unique_ptr<object::store> reopen() const {
    auto opened = object::store::open((folder / "objects").string(), *index, bytes{'o'});
    REQUIRE(opened);
    return std::move(*opened);
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::recursive_directory_iterator(folder.path()))
      if (entry.is_regular_file()) out.push_back(entry.path());
    return out;
  }
};

/// A store in which every write after the first `good` ones fails: the power goes.
class dying final : public db::store {
 public:
  dying(db::store& below, int good) : below_(below), good_(good) {}
  expected<std::optional<bytes>> get(bytes_view key) const override { return below_.get(key); }
  expected<void> scan(bytes_view prefix, bytes_view from, const db::visitor& visit) const override {
    return below_.scan(prefix, from, visit);
  }
  expected<std::optional<std::pair<bytes, bytes>>> last(bytes_view prefix,
                                                        bytes_view before) const override {
    return below_.last(prefix, before);
  }
  expected<void> write(const db::batch& changes, bool synced) override {
    if (good_-- <= 0) return fail(errc::io_failed);
    return below_.write(changes, synced);
  }

 private:
  db::store& below_;
  int good_;
};

void flip(const fs::path& path, std::size_t at) {
  std::fstream f(path, std::ios::in | std::ios::out | std::ios::binary);
  f.seekg(static_cast<std::streamoff>(at));
  const auto byte = static_cast<char>(f.get() ^ 1);
  f.seekp(static_cast<std::streamoff>(at));
  f.put(byte);
}

}  // namespace

TEST_CASE("objects of all sizes are there after they were put, and after a restart") {
  disk d;
  const std::vector all{make(1, 10), make(2, 30'000), make(3, 33'000), make(4, 200'000),
                        make(5, 3 << 20)};
  REQUIRE(d.objects->put(all));
  std::uint64_t sum = 0;
  for (const auto& o : all) sum += o.size();
  CHECK(d.objects->total_size() == sum);
  CHECK(d.files().size() == 3);
  d.objects = d.reopen();
  CHECK(d.objects->total_size() == sum);
  std::size_t listed = 0;
  REQUIRE(d.objects->list([&](const object_id&, std::uint64_t) { return ++listed > 0; }));
  CHECK(listed == all.size());
  for (const auto& o : all) {
    CHECK(*d.objects->has(o.id()));
    CHECK(*d.objects->size_of(o.id()) == o.size());
    const auto got = d.objects->get(o.id());
    REQUIRE(got);
    REQUIRE(*got);
    CHECK(to_bytes((*got)->data()) == to_bytes(o.data()));
  }
}

TEST_CASE("an object that is not here is not an error") {
  disk d;
  const auto id = make(1, 10).id();
  CHECK_FALSE(*d.objects->has(id));
  CHECK_FALSE(*d.objects->get(id));
  CHECK_FALSE(*d.objects->get_range(id, 0, 1));
  CHECK_FALSE(*d.objects->size_of(id));
  CHECK(d.objects->remove(std::vector{id}));
}

TEST_CASE("a range comes with the hashes that prove it") {
  disk d;
  const auto o = make(1, 300'000);
  const auto small = make(2, 1000);
  REQUIRE(d.objects->put(std::vector{o, small}));
  for (std::size_t first = 0; first < 5; ++first)
    for (const std::size_t count : {1, 2, 100}) {
      const auto range = d.objects->get_range(o.id(), first, count);
      REQUIRE(range);
      REQUIRE(*range);
      CHECK(check_range(o.id(), **range));
      CHECK((*range)->first == first);
    }
  CHECK(check_range(small.id(), **d.objects->get_range(small.id(), 0, 1)));
  CHECK(d.objects->get_range(o.id(), 5, 1).error().code == errc::malformed);
  CHECK(d.objects->get_range(o.id(), 0, 0).error().code == errc::malformed);
}

TEST_CASE("putting an object twice, or twice in a batch, counts once") {
  disk d;
  const auto o = make(1, 50'000);
  REQUIRE(d.objects->put(std::vector{o, o}));
  REQUIRE(d.objects->put(std::vector{o}));
  CHECK(d.objects->total_size() == o.size());
}

TEST_CASE("what was removed is gone, with its file") {
  disk d;
  const std::vector all{make(1, 10), make(2, 50'000)};
  REQUIRE(d.objects->put(all));
  REQUIRE(d.objects->remove(std::vector{all[0].id(), all[1].id(), all[1].id()}));
  CHECK(d.objects->total_size() == 0);
  CHECK(d.files().empty());
  CHECK_FALSE(*d.objects->has(all[0].id()));
  CHECK_FALSE(*d.objects->get(all[1].id()));
  REQUIRE(d.objects->put(all));
  CHECK(*d.objects->has(all[1].id()));
}

TEST_CASE("what one store has in memory is not in another") {
  disk alice;
  const disk bob;
  const auto o = make(1, 100'000);
  REQUIRE(alice.objects->put(std::vector{o}));
  CHECK_FALSE(*bob.objects->get(o.id()));
  CHECK_FALSE(*bob.objects->get_range(o.id(), 0, 1));
  alice.objects = alice.reopen();
  for (const auto& file : alice.files()) fs::remove(file);
  CHECK(alice.objects->get(o.id()).error().code == errc::damaged);
}

TEST_CASE("what was stored last is read from memory, up to a bound") {
  disk d;
  const auto first = make(1, 3 << 20);
  REQUIRE(d.objects->put(std::vector{first}));
  for (const auto& file : d.files()) fs::remove(file);
  CHECK((*d.objects->get(first.id()))->data().size() == first.size());
  const auto range = d.objects->get_range(first.id(), 1, 2);
  REQUIRE(range);
  CHECK(check_range(first.id(), **range));
  CHECK((*range)->cells.size() == 2 * sealed_cell_size);
  for (std::uint64_t i = 2; i < 8; ++i) REQUIRE(d.objects->put(std::vector{make(i, 3 << 20)}));
  CHECK(d.objects->get(first.id()).error().code ==
        errc::damaged);  // read from its file, which is gone
  const auto last = make(7, 3 << 20);
  REQUIRE(d.objects->remove(std::vector{last.id()}));
  CHECK_FALSE(*d.objects->get(last.id()));
}

TEST_CASE("A5: a damaged file is refused, kept aside, and can be fetched anew") {
  const auto o = make(1, 100'000);
  for (const std::size_t at : {std::size_t{0}, std::size_t{99'999}, o.size() - 1}) {
    disk d;
    REQUIRE(d.objects->put(std::vector{o}));
    d.objects = d.reopen();  // what was put lately is still in memory
    flip(d.files()[0], at);
    const auto got = d.objects->get(o.id());
    REQUIRE_FALSE(got);
    CHECK(got.error().code == errc::damaged);
    CHECK_FALSE(*d.objects->has(o.id()));
    CHECK_FALSE(*d.objects->get(o.id()));
    CHECK(d.objects->total_size() == 0);
    REQUIRE(d.files().size() == 1);
    CHECK(d.files()[0].extension() == ".damaged");
    REQUIRE(d.objects->put(std::vector{o}));
    CHECK(*d.objects->get(o.id()));
  }
}

TEST_CASE("A5: what is sent is what was put, and not what a disk made of it") {
  const auto o = make(1, 100'000);
  const auto small = make(2, 1'000);
  disk d;
  REQUIRE(d.objects->put(std::vector{o, small}));
  CHECK_FALSE(*d.objects->get_to_send(make(3, 10).id()));
  CHECK(std::ranges::equal((*d.objects->get_to_send(o.id()))->view(), o.data()));
  d.objects = d.reopen();
  CHECK(std::ranges::equal((*d.objects->get_to_send(o.id()))->view(), o.data()));
  CHECK(std::ranges::equal((*d.objects->get_to_send(small.id()))->view(), small.data()));
  SECTION("other bytes") {
    flip(d.files()[0], GENERATE(0, 50'000, 99'999));
  }
  SECTION("fewer bytes") {
    fs::resize_file(d.files()[0], o.size() - 1);
  }
  SECTION("other bytes in a file that was adopted, and has no checksum") {
    d.index = db::memory_store();
    d.objects = d.reopen();
    CHECK(d.objects->adopt_files() == 1U);
    CHECK(std::ranges::equal((*d.objects->get_to_send(o.id()))->view(), o.data()));
    flip(d.files()[0], 50'000);
  }
  CHECK(d.objects->get_to_send(o.id()).error().code == errc::damaged);
  CHECK_FALSE(*d.objects->has(o.id()));
  CHECK(d.files()[0].extension() == ".damaged");
}

TEST_CASE("A5: a damaged range, hash list, length or small object is refused") {
  const auto o = make(1, 100'000);
  const auto refused = [&](auto spoil) {
    disk d;
    REQUIRE(d.objects->put(std::vector{o}));
    d.objects = d.reopen();
    spoil(d);
    const auto range = d.objects->get_range(o.id(), 0, 1);
    REQUIRE_FALSE(range);
    return range.error().code;
  };
  CHECK(refused([](auto& d) { flip(d.files()[0], 100); }) == errc::damaged);
  CHECK(refused([&](auto& d) { flip(d.files()[0], o.size() + 40); }) == errc::damaged);
  CHECK(refused([&](auto& d) { fs::resize_file(d.files()[0], o.size()); }) == errc::damaged);
  CHECK(refused([](auto& d) { fs::remove(d.files()[0]); }) == errc::damaged);

  disk d;
  const auto small = make(2, 100);
  REQUIRE(d.objects->put(std::vector{small}));
  d.objects = d.reopen();
  bytes key{'o', 'd'};
  append(key, small.id().view());
  auto value = **d.index->get(key);
  value[5] ^= 1;
  REQUIRE(d.index->write({{key, value}}, false));
  CHECK(d.objects->get(small.id()).error().code == errc::damaged);
  CHECK_FALSE(*d.objects->has(small.id()));
}

TEST_CASE(
    "A5: damage that the seal shows when a chunk is opened counts as missing, and is put aside") {
  const auto key = seeded_random(1)->key();
  const auto data = random_bytes(1, 100'000);
  const auto o = seal_object(key, data);
  const chunk_ref chunk{o.id(), key, 70'000, 20'000,
                        hash_chunk(bytes_view(data).subspan(70'000, 20'000))};
  disk d;
  REQUIRE(d.objects->put(std::vector{o}));
  d.objects = d.reopen();
  local_source source(*d.objects);
  SECTION("damaged") {
    flip(d.files()[0], 80'000);
    opener from(source);
    const auto opened = from.open(chunk);
    REQUIRE(opened);
    CHECK_FALSE(*opened);
    CHECK_FALSE(*d.objects->has(o.id()));
    CHECK(d.objects->aside().value() == std::vector{o.id()});
  }
  SECTION("an object that is as it was made, but does not hold what a list says, stays") {
    auto wrong = chunk;
    wrong.plaintext_hash.value[0] ^= 1;
    CHECK(opener(source).open(wrong).error().code == errc::chunk_mismatch);
    wrong = chunk;
    wrong.key = seeded_random(2)->key();
    CHECK(opener(source).open(wrong).error().code == errc::bad_seal);
    CHECK(*d.objects->has(o.id()));
    CHECK(to_bytes(**opener(source).open(chunk)) ==
          bytes(data.begin() + 70'000, data.begin() + 90'000));
  }
}

TEST_CASE("what was put aside is listed until it is dropped") {
  disk d;
  const auto large = make(1, 100'000);
  const auto small = make(2, 100);
  REQUIRE(d.objects->put(std::vector{large, small}));
  CHECK(d.objects->aside()->empty());
  d.objects = d.reopen();
  flip(d.files()[0], 7);
  CHECK_FALSE(d.objects->get(large.id()));
  CHECK(*d.objects->aside() == std::vector{large.id()});
  REQUIRE(d.objects->put(std::vector{large}));
  CHECK(d.objects->aside()->size() == 1);
  REQUIRE(d.objects->drop_aside(large.id()));
  CHECK(d.objects->aside()->empty());
  CHECK(d.files().size() == 1);
  CHECK(*d.objects->get(large.id()));
}

TEST_CASE("files are taken in again after the index was lost, and checked when they are read") {
  disk d;
  const std::vector objects{make(1, 100'000), make(2, sealed_cell_size * 3), make(3, 33 * 1024)};
  REQUIRE(d.objects->put(objects));
  fs::create_directories(d.folder / "objects" / "A" / "B");
  keyfold::test::write_file(d.folder / "objects" / "A" / "B" / "stray", "no object");
  d.index = db::memory_store();
  d.objects = d.reopen();
  CHECK(d.objects->total_size() == 0);
  CHECK(d.objects->adopt_files().value() == 3);
  CHECK(d.objects->adopt_files().value() == 0);
  std::uint64_t sum = 0;
  for (const auto& o : objects) {
    sum += o.size();
    const auto got = d.objects->get(o.id());
    REQUIRE(got);
    REQUIRE(*got);
    CHECK((*got)->data().size() == o.size());
  }
  CHECK(d.objects->total_size() == sum);
}

TEST_CASE("a crash before the last step of a put leaves nothing visible, and no file for ever") {
  const auto o = make(1, 100'000);
  for (int good = 0; good < 2; ++good) {
    disk d;
    {
      dying power(*d.index, good);
      const auto opened = object::store::open((d.folder / "objects").string(), power, bytes{'o'});
      REQUIRE(opened);
      CHECK_FALSE((*opened)->put(std::vector{o}));
    }
    keyfold::test::write_file(d.folder / "objects" / "tmp" / "17", "half");
    d.objects = d.reopen();
    CHECK_FALSE(*d.objects->has(o.id()));
    CHECK_FALSE(*d.objects->get(o.id()));
    CHECK(d.files().empty());
    REQUIRE(d.objects->put(std::vector{o}));
    CHECK(*d.objects->get(o.id()));
  }
}

TEST_CASE("threads may put, read and remove at once") {
  disk d;
  std::vector<sealed_object> all;
  for (std::uint64_t i = 0; i < 20; ++i) all.push_back(make(i, i % 2 == 0 ? 100 : 40'000));
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < all.size(); ++i) {
        const auto& o = all[(i + static_cast<std::size_t>(t) * 5) % all.size()];
        if (!d.objects->put({&o, 1})) ++wrong;
        if (!d.objects->get(o.id())) ++wrong;
        if (t == 3 && !d.objects->remove({&o.id(), 1})) ++wrong;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  for (const auto& o : all) CHECK(d.objects->remove({&o.id(), 1}));
  CHECK(d.objects->total_size() == 0);
}

TEST_CASE("files are read out of the store on the disk") {
  disk d;
  object::test::rig r;
  auto around = r.surroundings();
  around.sink = [&](const ingested_object& o) -> expected<void> {
    KEYFOLD_CHECK(d.objects->put({&o.object, 1}));
    return r.sealed->write(o.index_changes, false);
  };
  const auto data = random_bytes(9, 5 << 20);
  ingest in(std::move(around));
  r.add(in, 0, data);
  const auto done = in.flush();
  REQUIRE(done);
  local_source source(*d.objects);
  std::vector<object_id> missing;
  opener from(source);
  auto file = file_reader::open(done->front().content, from, missing);
  REQUIRE(file);
  bytes out;
  REQUIRE(file->read_all(
      [&](bytes_view part) -> expected<void> {
        append(out, part);
        return {};
      },
      missing));
  CHECK(out == data);
}

TEST_CASE("what was fetched goes when there is too much, the oldest first, and is remembered") {
  disk d;
  REQUIRE(d.objects->set_bound({400'000}));
  const auto mine = make(100, 300'000);
  REQUIRE(d.objects->put(std::vector{mine}));
  std::vector<sealed_object> all;
  for (std::uint64_t i = 0; i < 6; ++i) {
    all.push_back(make(i, 100'000));
    REQUIRE(d.objects->put(std::vector{all.back()}, origin::fetched));
    REQUIRE(*d.objects->get(all.back().id()));
  }
  CHECK_FALSE(*d.objects->has(all[0].id()));
  CHECK_FALSE(*d.objects->get(all[0].id()));
  CHECK(*d.objects->is_known(all[0].id()));
  CHECK(*d.objects->has(all[5].id()));
  CHECK(*d.objects->has(mine.id()));
  CHECK(d.objects->total_size() <= 400'000 + mine.size());

  REQUIRE(d.objects->forget_removed(all[0].id()));
  CHECK_FALSE(*d.objects->is_known(all[0].id()));
  REQUIRE(d.objects->put(std::vector{all[0]}, origin::fetched));
  CHECK(*d.objects->has(all[0].id()));

  // Another program counts what the last one left.
  d.objects = d.reopen();
  REQUIRE(d.objects->set_bound({1}));
  for (const auto& o : all) CHECK_FALSE(*d.objects->has(o.id()));
  CHECK(d.objects->total_size() == mine.size());
  CHECK(d.files().size() == 1);
}

TEST_CASE("what was fetched and not read yet stays, however much it is") {
  disk d;
  REQUIRE(d.objects->set_bound({150'000}));
  std::vector<sealed_object> all;
  for (std::uint64_t i = 0; i < 5; ++i) all.push_back(make(i, 100'000));
  for (const auto& o : all) REQUIRE(d.objects->put(std::vector{o}, origin::fetched));
  for (const auto& o : all) CHECK(*d.objects->has(o.id()));
  for (const auto& o : all) CHECK(*d.objects->get_unchecked(o.id(), 0, 1));
  CHECK(d.objects->total_size() <= 150'000);
}

TEST_CASE("what was made here goes only when a replica holds it, and the user allows it") {
  const auto o = make(1, 100'000);
  disk d;
  REQUIRE(d.objects->put(std::vector{o}));
  REQUIRE(d.objects->set_bound({1, true}));
  CHECK(*d.objects->has(o.id()));
  REQUIRE(d.objects->set_bound({1, false}));
  REQUIRE(d.objects->note_held(std::vector{o.id(), make(2, 10).id()}));
  CHECK(*d.objects->has(o.id()));
  REQUIRE(d.objects->set_bound({1, true}));
  CHECK_FALSE(*d.objects->has(o.id()));
  CHECK(*d.objects->is_known(o.id()));
}

TEST_CASE("what a replica held stays here once it may have lost it, until it holds it again") {
  const auto o = make(1, 100'000);
  disk d;
  REQUIRE(d.objects->put(std::vector{o}));
  REQUIRE(d.objects->note_held(std::vector{o.id()}));
  REQUIRE(d.objects->forget_held());
  REQUIRE(d.objects->set_bound({1, true}));
  CHECK(*d.objects->has(o.id()));
  d.objects = d.reopen();
  REQUIRE(d.objects->set_bound({1, true}));
  CHECK(*d.objects->has(o.id()));
  REQUIRE(d.objects->note_held(std::vector{o.id()}));
  CHECK_FALSE(*d.objects->has(o.id()));
}

TEST_CASE("what was used without being stored is known, as what was removed") {
  const auto o = make(1, 100'000);
  const auto here = make(2, 100'000);
  disk d;
  REQUIRE(d.objects->put(std::vector{here}));
  CHECK_FALSE(*d.objects->is_known(o.id()));
  REQUIRE(d.objects->note_passed(std::vector{o.id(), here.id()}));
  CHECK(*d.objects->is_known(o.id()));
  CHECK_FALSE(*d.objects->has(o.id()));
  REQUIRE(d.objects->forget_removed(o.id()));
  CHECK_FALSE(*d.objects->is_known(o.id()));
  CHECK(*d.objects->has(here.id()));
}

TEST_CASE("an object that was removed, and made here again, does not go") {
  const auto o = make(1, 100'000);
  disk d;
  REQUIRE(d.objects->put(std::vector{o}, origin::fetched));
  REQUIRE(d.objects->remove(std::vector{o.id()}));
  REQUIRE(d.objects->put(std::vector{o}));
  REQUIRE(d.objects->set_bound({1}));
  CHECK(*d.objects->has(o.id()));
}

TEST_CASE("a fetched copy in place of a damaged one stays, as what was made here does") {
  const auto o = make(1, 100'000);
  disk d;
  REQUIRE(d.objects->put(std::vector{o}));
  d.objects = d.reopen();
  flip(d.files()[0], 100);
  CHECK(d.objects->get(o.id()).error().code == errc::damaged);
  REQUIRE(d.objects->put(std::vector{o}, origin::fetched));
  REQUIRE(*d.objects->get(o.id()));
  REQUIRE(d.objects->set_bound({1}));
  CHECK(*d.objects->has(o.id()));
}
