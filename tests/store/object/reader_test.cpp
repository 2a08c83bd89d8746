#include "store/object/reader.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "tests/store/object/rig.hpp"

using namespace keyfold;
using namespace keyfold::object;
using namespace keyfold::object::test;

TEST_CASE("any range of a file is what the whole has there") {
  rig r;
  const auto data = random_bytes(1, 900'000);
  const auto file = r.store(data);
  CHECK(rc::check([&](std::uint64_t seed) {
    const auto random = seeded_random(seed);
    const auto offset = random->below(data.size() + 1000);
    const auto length =
        random->below(4) == 0 ? UINT64_MAX - random->below(10) : random->below(50'000);
    const auto begin = std::min<std::uint64_t>(offset, data.size());
    const auto end = begin + std::min<std::uint64_t>(length, data.size() - begin);
    const auto part = r.read(file.content, offset, length);
    RC_ASSERT(part);
    RC_ASSERT(*part == bytes(data.begin() + static_cast<std::ptrdiff_t>(begin),
                             data.begin() + static_cast<std::ptrdiff_t>(end)));
  }));
}

TEST_CASE("chunks that lie together in an object are read at once") {
  rig r;
  const auto file = r.store(random_bytes(2, 400'000));
  CHECK(file.content.chunks.size() > 100);
  r.objects.reads = 0;
  REQUIRE(r.read(file.content));
  CHECK(r.objects.reads == 1);
}

TEST_CASE("objects that are not here are named, and nothing is written") {
  rig r;
  const auto data = random_bytes(3, 5 << 20);
  const auto file = r.store(data);
  REQUIRE(file.needed.size() > 2);
  r.objects.objects.erase(file.content.chunks.back().object);
  std::vector<object_id> missing;
  const auto whole = r.read(file.content, 0, UINT64_MAX, &missing);
  REQUIRE_FALSE(whole);
  CHECK(whole.error().code == errc::objects_missing);
  CHECK(missing == std::vector{file.content.chunks.back().object});
  missing.clear();
  CHECK(r.read(file.content, 0, 1000, &missing));
  CHECK(missing.empty());
}

TEST_CASE("a list whose objects are not here names these first") {
  rig r;
  const auto file = r.store(random_bytes(4, 1 << 20));
  REQUIRE(file.content.level == 1);
  r.objects.objects.clear();
  std::vector<object_id> missing;
  opener from(r.objects);
  const auto opened = file_reader::open(file.content, from, missing);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == errc::objects_missing);
  for (const auto& chunk : file.content.chunks)
    CHECK(std::find(missing.begin(), missing.end(), chunk.object) != missing.end());
}

TEST_CASE("A8: a content with any field changed is refused before a byte is written") {
  rig r;
  const auto data = random_bytes(5, 20'000);
  const auto good = r.store(data).content;
  REQUIRE(good.chunks.size() > 2);
  const auto refusal = [&](auto change) {
    auto content = good;
    change(content);
    const auto read = r.read(content);
    REQUIRE_FALSE(read);
    return read.error().code;
  };
  CHECK(refusal([](auto& c) { ++c.size; }) == errc::bad_chunk_list);
  CHECK(refusal([](auto& c) { c.list_hash.value[0] ^= 1; }) == errc::bad_chunk_list);
  CHECK(refusal([](auto& c) { c.level = 2; }) == errc::bad_chunk_list);
  CHECK(refusal([](auto& c) { c.level = 1; }) != errc::objects_missing);
  CHECK(refusal([](auto& c) { std::swap(c.chunks[0], c.chunks[1]); }) == errc::bad_chunk_list);
  CHECK(refusal([](auto& c) { c.chunks.pop_back(); }) == errc::bad_chunk_list);
  CHECK(refusal([](auto& c) { c.chunks.push_back(c.chunks.back()); }) == errc::bad_chunk_list);
  CHECK(refusal([](auto& c) { c.chunks[0].length = 0; }) == errc::bad_chunk_list);
  CHECK(refusal([](auto& c) { c.chunks[0].length = UINT64_MAX; }) == errc::bad_chunk_list);
  CHECK(refusal([](auto& c) { c.chunks[0].offset = UINT64_MAX; }) == errc::bad_chunk_list);
  CHECK(refusal([](auto& c) { c.chunks[0].plaintext_hash.value[0] ^= 1; }) == errc::bad_chunk_list);
}

TEST_CASE("A6: no byte of a chunk is written before the chunk was checked") {
  rig r;
  const auto data = random_bytes(6, 3 << 20);
  const auto good = r.store(data).content;
  auto content = good;
  REQUIRE(content.chunks.size() > 4);
  content.chunks[2].offset += 1;
  std::vector<object_id> missing;
  opener from(r.objects);
  auto file = file_reader::open(content, from, missing);
  REQUIRE(file);
  bytes written;
  const auto result = file->read_all(
      [&](bytes_view part) -> expected<void> {
        append(written, part);
        return {};
      },
      missing);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == errc::chunk_mismatch);
  CHECK(written.size() == content.chunks[0].length + content.chunks[1].length);
}

TEST_CASE("A6: objects swapped between files are refused") {
  rig r;
  const auto alice = r.store(random_bytes(7, 3000)).content;
  const auto bob = r.store(random_bytes(8, 3000)).content;
  auto mixed = alice;
  for (auto& chunk : mixed.chunks) chunk.object = bob.chunks[0].object;
  CHECK(r.read(mixed).error().code == errc::bad_seal);
  for (auto& chunk : mixed.chunks) chunk.key = bob.chunks[0].key;
  CHECK(r.read(mixed).error().code == errc::chunk_mismatch);
}

TEST_CASE("A20: a list of a list that is too long or is no list is refused") {
  rig r;
  const auto file = r.store(random_bytes(9, 1 << 20));
  REQUIRE(file.content.level == 1);
  auto content = file.content;
  content.chunks.resize(max_direct_chunks + 1, content.chunks[0]);
  CHECK(r.read(content).error().code == errc::bad_chunk_list);
  content = file.content;
  content.chunks[0].length = list_chunk_sizes.max + 1;
  CHECK(r.read(content).error().code == errc::bad_chunk_list);
  content = file.content;
  content.chunks.push_back(content.chunks[0]);
  CHECK_FALSE(r.read(content));
  content = file.content;
  content.list_hash.value[3] ^= 1;
  CHECK(r.read(content).error().code == errc::bad_chunk_list);
}

TEST_CASE("a sink that fails ends the reading") {
  rig r;
  const auto file = r.store(random_bytes(10, 100'000));
  std::vector<object_id> missing;
  opener from(r.objects);
  auto opened = file_reader::open(file.content, from, missing);
  REQUIRE(opened);
  int calls = 0;
  const auto result = opened->read_all(
      [&](bytes_view) -> expected<void> {
        ++calls;
        return fail(errc::disk_full);
      },
      missing);
  CHECK(result.error().code == errc::disk_full);
  CHECK(calls == 1);
}
