#include "store/object/writer.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <numeric>
#include <thread>

#include "crypto/padding.hpp"
#include "tests/store/object/rig.hpp"

using namespace keyfold;
using namespace keyfold::object;
using namespace keyfold::object::test;

TEST_CASE("files come out as they went in, and know every object that they need") {
  CHECK(rc::check([](std::uint64_t seed) {
    rig r;
    const auto random = seeded_random(seed);
    std::vector<bytes> files;
    ingest in(r.surroundings());
    for (std::uint64_t i = 0; i < 5; ++i) {
      files.push_back(random_bytes(
          seed + i, random->below(2) == 0 ? random->below(100) : random->below(50'000)));
      rig::add(in, i, files.back(), 1 + random->below(20'000));
    }
    const auto done = in.flush();
    RC_ASSERT(done);
    RC_ASSERT(done->size() == files.size());
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto& file = (*done)[i];
      RC_ASSERT(file.token == i);
      RC_ASSERT(file.content.size == files[i].size());
      RC_ASSERT(file.content.mtime_ns == static_cast<std::int64_t>(i));
      RC_ASSERT(file.content.executable == (i % 2 == 1));
      RC_ASSERT(*r.read(file.content) == files[i]);
      for (const auto& id : file.needed) RC_ASSERT(r.objects.objects.contains(id));
    }
  }));
}

TEST_CASE("many small files share a few objects") {
  rig r;
  ingest in(r.surroundings());
  for (std::uint64_t i = 0; i < 1000; ++i) rig::add(in, i, random_bytes(i, 3000));
  const auto done = in.flush();
  REQUIRE(done);
  CHECK(r.objects.objects.size() == 2);
  for (std::uint64_t i = 0; i < 1000; i += 99)
    CHECK(*r.read((*done)[i].content) == random_bytes(i, 3000));
}

TEST_CASE("objects are about two mebibytes at most") {
  rig r;
  r.store(random_bytes(1, 10 << 20));
  CHECK(r.sizes.size() > 4);
  for (const auto size : r.sizes) CHECK(size <= sealed_stream_size(padme(bundle_size)));
}

TEST_CASE("bytes that the workspace has already are not sealed again") {
  rig r;
  const auto data = random_bytes(2, 300'000);
  const auto first = r.store(data);
  const auto before = r.objects.objects.size();
  const auto second = r.store(data);
  CHECK(r.objects.objects.size() == before);
  CHECK(first.content == second.content);
  CHECK(first.needed == second.needed);
}

TEST_CASE("equal bytes in one batch are sealed once") {
  rig r;
  ingest in(r.surroundings());
  const auto data = random_bytes(3, 300'000);
  rig::add(in, 0, data);
  rig::add(in, 1, data);
  const auto done = in.flush();
  REQUIRE(done);
  CHECK((*done)[0].content.chunks == (*done)[1].content.chunks);
  CHECK(r.objects.objects.size() == 1);
}

TEST_CASE("a small edit of a large file makes little new") {
  rig r;
  auto data = random_bytes(4, 400'000);
  r.store(data);
  data.insert(data.begin() + 200'000, {1, 2, 3});
  r.sizes.clear();
  const auto edited = r.store(data);
  REQUIRE(r.sizes.size() == 1);
  CHECK(r.sizes[0] < 40'000);
  CHECK(*r.read(edited.content) == data);
}

TEST_CASE("chunks of an object that is not usable any more are sealed anew") {
  rig r;
  const auto data = random_bytes(5, 10'000);
  const auto first = r.store(data);
  auto around = r.surroundings();
  around.usable = [&](const object_id& id) { return id != first.needed[0]; };
  ingest in(std::move(around));
  rig::add(in, 0, data);
  const auto again = in.flush();
  REQUIRE(again);
  CHECK(again->front().needed != first.needed);
  CHECK(r.store(data).needed == again->front().needed);  // the index names the newer one
}

TEST_CASE("a long list is stored as content of its own, and a small edit changes little of it") {
  rig r;
  auto data = random_bytes(6, 1 << 20);
  const auto file = r.store(data);
  REQUIRE(file.content.level == 1);
  CHECK(file.content.chunks.size() < 20);
  CHECK(*r.read(file.content) == data);
  for (const auto& chunk : file.content.chunks)
    CHECK(std::binary_search(file.needed.begin(), file.needed.end(), chunk.object));
  std::vector<object_id> missing;
  opener from(r.objects);
  CHECK(*objects_of(file.content, from, missing) == file.needed);
  r.sizes.clear();
  data[500'000] ^= 1;
  const auto edited = r.store(data);
  CHECK(edited.content.level == 1);
  std::size_t sum = 0;
  for (const auto size : r.sizes) sum += size;
  CHECK(sum < 150'000);
  CHECK(*r.read(edited.content) == data);
}

TEST_CASE("an empty file has no chunks and needs nothing") {
  rig r;
  const auto file = r.store({});
  CHECK(file.content.chunks.empty());
  CHECK(file.needed.empty());
  CHECK(r.read(file.content)->empty());
}

TEST_CASE("a file that changed its size while it was read is refused alone") {
  rig r;
  ingest in(r.surroundings());
  rig::add(in, 0, random_bytes(7, 5000));
  REQUIRE(in.begin(1, 5000));
  REQUIRE(in.feed(random_bytes(8, 4999)));
  CHECK(in.end(0, false).error().code == errc::changed_while_reading);
  REQUIRE(in.begin(2, 5000));
  REQUIRE(in.feed(random_bytes(8, 5001)));
  CHECK(in.end(0, false).error().code == errc::changed_while_reading);
  REQUIRE(in.begin(3, 5000));
  REQUIRE(in.feed(random_bytes(8, 100)));
  in.abandon();
  rig::add(in, 4, random_bytes(9, 5000));
  const auto done = in.flush();
  REQUIRE(done);
  REQUIRE(done->size() == 2);
  CHECK(*r.read((*done)[0].content) == random_bytes(7, 5000));
  CHECK(*r.read((*done)[1].content) == random_bytes(9, 5000));
}

TEST_CASE("a batch begins after a flush as the first one did") {
  rig r;
  ingest in(r.surroundings());
  for (std::uint64_t i = 0; i < 3; ++i) {
    rig::add(in, i, random_bytes(i, 20'000));
    CHECK(in.fed() == 20'000);
    const auto done = in.flush();
    REQUIRE(done);
    REQUIRE(done->size() == 1);
    CHECK(in.fed() == 0);
    CHECK(*r.read(done->front().content) == random_bytes(i, 20'000));
  }
}

TEST_CASE("sealing may run on other threads, a bounded number at a time") {
  rig r;
  auto around = r.surroundings();
  std::atomic<std::size_t> under_way = 0;
  std::atomic<std::size_t> most = 0;
  std::vector<std::thread> threads;
  around.run = [&](std::function<void()> work) {
    most = std::max<std::size_t>(most, ++under_way);
    threads.emplace_back([&under_way, work = std::move(work)] {
      work();
      --under_way;
    });
  };
  const auto data = random_bytes(10, 20 << 20);
  std::optional<expected<std::vector<ingested_file>>> done;
  {
    ingest in(std::move(around));
    rig::add(in, 0, data);
    done = in.flush();
  }
  for (auto& thread : threads) thread.join();
  REQUIRE(*done);
  CHECK(most <= ingest::max_sealing + 1);
  CHECK(*r.read((*done)->front().content) == data);
}

TEST_CASE("a sealing that nobody runs, and a sink that fails, make the ingest fail") {
  rig r;
  auto around = r.surroundings();
  around.run = [](const std::function<void()>&) {};
  ingest dropped(std::move(around));
  rig::add(dropped, 0, random_bytes(11, 5000));
  CHECK(dropped.flush().error().code == errc::cancelled);
  auto failing = r.surroundings();
  failing.sink = [](const ingested_object&) -> expected<void> { return fail(errc::disk_full); };
  ingest full(std::move(failing));
  rig::add(full, 0, random_bytes(11, 5000));
  CHECK(full.flush().error().code == errc::disk_full);
}

TEST_CASE("A22: the chunk index shows neither plaintext hashes nor object keys") {
  rig r;
  const auto file = r.store(random_bytes(12, 5000));
  bytes all;
  REQUIRE(r.below->scan({}, {}, [&](bytes_view key, bytes_view value) {
    append(all, key);
    append(all, value);
    return true;
  }));
  CHECK_FALSE(all.empty());
  for (const auto& chunk : file.content.chunks)
    for (const auto secret : {chunk.plaintext_hash.view(), chunk.key.view(), chunk.object.view()})
      CHECK(std::search(all.begin(), all.end(), secret.begin(), secret.end()) == all.end());
}

TEST_CASE("A18: the index of one workspace does not know the chunks of another") {
  rig r;
  const auto file = r.store(random_bytes(13, 5000));
  const auto hash = file.content.chunks[0].plaintext_hash;
  REQUIRE(*r.index.find(hash));
  const chunk_index other(*r.sealed, seeded_random(1)->key(), seeded_random(2)->id<workspace_id>());
  CHECK_FALSE(*other.find(hash));
}

TEST_CASE("chunks of another author that are known are referred to, not sealed again") {
  rig alice;
  rig bob;  // with an index and keys of his own
  const auto data = random_bytes(3, 2'000'000);
  const auto theirs = alice.store(data).content;
  opener from(alice.objects);
  std::vector<object_id> missing;
  const auto chunks = file_reader::open(theirs, from, missing).value().chunks();
  auto now = data;
  now[1'000'000] ^= 1;

  auto around = bob.surroundings();
  bool usable = true;
  around.usable = [&](const object_id& id) { return usable || bob.objects.objects.contains(id); };
  const auto store = [&] {
    bob.sizes.clear();
    ingest in(around);
    in.know(chunks);
    rig::add(in, 7, now);
    REQUIRE(in.flush());
    return std::accumulate(bob.sizes.begin(), bob.sizes.end(), std::size_t{0});
  };
  SECTION("they are at a replica") {
    CHECK(store() < 1'200'000);
  }
  SECTION("they are nowhere any more") {
    usable = false;
    CHECK(store() > 2'000'000);
  }
}
