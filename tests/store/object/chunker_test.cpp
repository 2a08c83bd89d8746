#include "store/object/chunker.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <set>

#include "tests/support/vectors.hpp"

using namespace keyfold;
using namespace keyfold::object;

namespace {

constexpr chunk_sizes small{64, 256, 1024};

bytes random_bytes(std::uint64_t seed, std::size_t size) {
  bytes out(size);
  seeded_random(seed)->fill(out);
  return out;
}

gear_table gear_of(std::uint64_t seed) {
  return gear_table(seeded_random(seed)->key());
}

/// Ends of the chunks, fed in pieces of `piece` bytes.
std::vector<std::size_t> cut(const gear_table& gear, const chunk_sizes& sizes, bytes_view data,
                             std::size_t piece = SIZE_MAX) {
  std::vector<std::size_t> out;
  chunker borders(gear, sizes);
  std::size_t at = 0;
  while (at < data.size()) {
    const auto next = std::min(piece, data.size() - at);
    std::size_t taken = 0;
    while (taken < next) {
      const auto step = borders.feed(data.subspan(at + taken, next - taken));
      taken += step.taken;
      if (step.border) out.push_back(at + taken);
    }
    at += next;
  }
  if (!data.empty() && (out.empty() || out.back() != data.size())) out.push_back(data.size());
  return out;
}

std::multiset<bytes> chunks(bytes_view data, const std::vector<std::size_t>& ends) {
  std::multiset<bytes> out;
  std::size_t begin = 0;
  for (const auto end : ends) {
    out.insert(to_bytes(data.subspan(begin, end - begin)));
    begin = end;
  }
  return out;
}

}  // namespace

TEST_CASE("the same bytes have the same chunks however they are fed") {
  CHECK(rc::check([](std::uint64_t seed) {
    const auto gear = gear_of(seed);
    const auto data = random_bytes(seed + 1, 20'000 + seed % 1000);
    const auto whole = cut(gear, small, data);
    for (const std::size_t piece : {1, 2, 3, 63, 64, 65, 255, 257, 1024, 5000})
      RC_ASSERT(cut(gear, small, data, piece) == whole);
  }));
}

TEST_CASE("chunks are within their bounds, and near their average") {
  const auto gear = gear_of(2);
  const auto data = random_bytes(3, 4 << 20);
  const auto ends = cut(gear, small, data);
  std::size_t begin = 0;
  for (const auto end : ends) {
    CHECK(end - begin <= small.max);
    if (end != data.size() && end - begin <= small.min) FAIL("a chunk that is too short");
    begin = end;
  }
  const auto average = data.size() / ends.size();
  CHECK(average > small.average * 3 / 4);
  CHECK(average < small.average * 3 / 2);
}

TEST_CASE("an insertion changes few chunks") {
  CHECK(rc::check([](std::uint64_t seed) {
    const auto gear = gear_of(seed);
    const auto random = seeded_random(seed);
    auto data = random_bytes(seed + 1, 100'000);
    const auto before = chunks(data, cut(gear, small, data));
    const auto inserted = random_bytes(seed + 2, 1 + random->below(300));
    data.insert(data.begin() + static_cast<std::ptrdiff_t>(random->below(data.size())),
                inserted.begin(), inserted.end());
    std::size_t fresh = 0;
    for (const auto& chunk : chunks(data, cut(gear, small, data)))
      fresh += before.count(chunk) == 0 ? 1 : 0;
    RC_ASSERT(fresh <= 40);  // of some 350; how soon borders meet again is chance
  }));
}

TEST_CASE("another secret gives other borders") {
  const auto data = random_bytes(5, 100'000);
  CHECK(cut(gear_of(6), small, data) != cut(gear_of(7), small, data));
}

TEST_CASE("bytes that are all the same are cut at the maximum or at once, never without end") {
  const auto ends = cut(gear_of(8), small, bytes(100'000, 0));
  CHECK(ends.size() >= 100'000 / small.max);
}

TEST_CASE("the chunk table gives sizes by the file's size, and unusable rows are refused") {
  const std::vector<chunk_class> table{{1000, 64, 128, 256}, {UINT64_MAX, 256, 512, 1024}};
  CHECK(sizes_for(table, 0) == chunk_sizes{64, 128, 256});
  CHECK(sizes_for(table, 1000) == chunk_sizes{64, 128, 256});
  CHECK(sizes_for(table, 1001) == chunk_sizes{256, 512, 1024});
  const auto refused = [](std::vector<chunk_class> rows, std::uint64_t size) {
    return sizes_for(rows, size).error().code == errc::bad_chunk_table;
  };
  CHECK(refused({}, 0));
  CHECK(refused({{10, 64, 128, 256}}, 11));
  CHECK(refused({{10, 63, 128, 256}}, 1));
  CHECK(refused({{10, 128, 128, 256}}, 1));
  CHECK(refused({{10, 64, 256, 256}}, 1));
  CHECK(refused({{10, 64, 128, max_chunk_size + 1}}, 1));
}

TEST_CASE("the vectors of the gear and of the cuts agree") {
  for (const auto& row : tests::vectors("object", "gear")) {
    const gear_table gear(*symmetric_key::from(tests::unhex(row["secret"])));
    for (unsigned i = 0; i < 256; ++i)
      CHECK(gear[static_cast<std::uint8_t>(i)] == read_u64(tests::unhex(row["values"][i])));
  }
  for (const auto& row : tests::vectors("object", "cuts")) {
    const gear_table gear(*symmetric_key::from(tests::unhex(row["secret"])));
    const auto data = random_bytes(row["seed"], row["size"]);
    const chunk_sizes sizes{row["sizes"][0], row["sizes"][1], row["sizes"][2]};
    CHECK(cut(gear, sizes, data) == row["ends"].get<std::vector<std::size_t>>());
  }
}
