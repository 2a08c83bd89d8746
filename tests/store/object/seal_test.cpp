#include "store/object/seal.hpp"

#include <catch2/catch.hpp>

#include "crypto/hash.hpp"
#include "crypto/padding.hpp"
#include "store/object/list.hpp"
#include "tests/support/vectors.hpp"

using namespace keyfold;
using namespace keyfold::object;

namespace {

bytes random_bytes(std::uint64_t seed, std::size_t size) {
  bytes out(size);
  seeded_random(seed)->fill(out);
  return out;
}

/// As `pattern` of tests/vectors/check_crypto.py.
bytes pattern(std::size_t size) {
  bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(7 * i + i / 256);
  return out;
}

/// An object of one chunk that begins at `offset`, and the reference to it.
struct made {
  bytes chunk;
  chunk_ref ref;
  sealed_object object;
};

made make(std::uint64_t seed, std::size_t size, std::size_t offset = 0) {
  const auto key = seeded_random(seed)->key();
  auto chunk = random_bytes(seed + 1, size);
  bytes all = random_bytes(seed + 2, offset);
  append(all, chunk);
  auto object = seal_object(key, std::move(all));
  chunk_ref ref{object.id(), key, offset, size, hash_chunk(chunk)};
  return {std::move(chunk), ref, std::move(object)};
}

errc refusal(const object_id& id, bytes data) {
  const auto checked = sealed_object::check(id, std::move(data));
  REQUIRE_FALSE(checked);
  return checked.error().code;
}

/// The cells [first, first + count) of an object, as a replica would answer.
cell_range range_of(const sealed_object& o, std::size_t first, std::size_t count) {
  const auto begin = first * sealed_cell_size;
  const auto size = std::min(count * sealed_cell_size, o.size() - begin);
  return {o.size(), first, to_bytes(o.data().subspan(begin, size)), o.hashes()};
}

}  // namespace

TEST_CASE("a chunk comes out of its object as it went in") {
  for (const std::size_t offset : {0, 1, 65'535, 65'536, 100'000})
    for (const std::size_t size : {1, 4096, 65'536, 65'537, 200'000}) {
      const auto m = make(offset + size, size, offset);
      REQUIRE(sealed_object::check(m.object.id(), to_bytes(m.object.data())));
      const auto opened = open_chunk(m.ref, m.object);
      REQUIRE(opened);
      CHECK(*opened == m.chunk);
    }
}

TEST_CASE("a chunk opens out of just the cells that it needs") {
  const auto m = make(1, 70'000, 130'000);
  const auto cells = cells_of(m.ref.offset, m.ref.length);
  CHECK(cells.first == 1);
  CHECK(cells.count == 3);
  const auto range = range_of(m.object, cells.first, cells.count);
  REQUIRE(check_range(m.object.id(), range));
  const auto opened = open_chunk(m.ref, range.object_size, range.first, range.cells);
  REQUIRE(opened);
  CHECK(*opened == m.chunk);
  const auto fewer = range_of(m.object, 1, 2);
  CHECK_FALSE(open_chunk(m.ref, fewer.object_size, fewer.first, fewer.cells));
  const auto later = range_of(m.object, 2, 2);
  CHECK_FALSE(open_chunk(m.ref, later.object_size, later.first, later.cells));
}

TEST_CASE("A19: objects are padded") {
  for (const std::size_t size : {1, 4096, 5000, 100'000}) {
    const auto m = make(size, size);
    CHECK(m.object.size() == sealed_stream_size(padme(size, min_padded_size)));
  }
}

TEST_CASE("A18: the same bytes under another key are another object") {
  CHECK(seal_object(seeded_random(1)->key(), bytes(10, 7)).id() !=
        seal_object(seeded_random(2)->key(), bytes(10, 7)).id());
}

TEST_CASE("A5: an object with any bit flipped is not that of its id, and does not open") {
  const auto m = make(3, 3000);
  auto data = to_bytes(m.object.data());
  for (std::size_t i = 0; i < data.size() * 8; i += 5) {
    data[i / 8] ^= static_cast<std::uint8_t>(1 << i % 8);
    CHECK(refusal(m.object.id(), data) == errc::object_mismatch);
    CHECK(open_chunk(m.ref, data.size(), 0, data).error().code == errc::bad_seal);
    data[i / 8] ^= static_cast<std::uint8_t>(1 << i % 8);
  }
}

TEST_CASE("A6: cells that are permuted, dropped, doubled or cut are refused") {
  const auto m = make(4, 300'000);
  const auto cell = [&](std::size_t i) { return range_of(m.object, i, 1).cells; };
  const std::vector<std::vector<std::size_t>> orders{
      {1, 0, 2, 3, 4}, {0, 1, 2, 4},   {0, 1, 1, 2, 3, 4}, {0, 1, 2, 3}, {4},
      {0, 0, 0, 0, 4}, {0, 1, 2, 3, 3}};
  for (const auto& order : orders) {
    bytes data;
    for (const auto i : order) append(data, cell(i));
    CHECK(refusal(m.object.id(), data) == errc::object_mismatch);
    CHECK_FALSE(open_chunk(m.ref, data.size(), 0, data));
  }
  for (const std::size_t less : {1, 16, 17, 100}) {
    const auto data = to_bytes(m.object.data().first(m.object.size() - less));
    CHECK(refusal(m.object.id(), data) == errc::object_mismatch);
    CHECK_FALSE(open_chunk(m.ref, data.size(), 0, data));
  }
}

TEST_CASE("sizes that no object has are refused before hashing") {
  const auto id = seeded_random(5)->id<object_id>();
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{16}, sealed_cell_size + 16})
    CHECK(refusal(id, bytes(size)) == errc::malformed);
  CHECK(refusal(id, bytes(max_object_size + 1)) == errc::too_large);
}

TEST_CASE("A28: who knows the key cannot answer with other bytes") {
  const auto m = make(6, 5000);
  auto other = m.chunk;
  other[0] ^= 1;
  const auto forged = seal_object(m.ref.key, other);
  CHECK(refusal(m.object.id(), to_bytes(forged.data())) == errc::object_mismatch);
  CHECK(open_chunk(m.ref, forged).error().code == errc::chunk_mismatch);
  auto range = range_of(forged, 0, 1);
  CHECK(check_range(m.object.id(), range).error().code == errc::object_mismatch);
  range.hashes = m.object.hashes();
  CHECK(check_range(m.object.id(), range).error().code == errc::object_mismatch);
}

TEST_CASE("A6: a chunk reference that was changed does not open") {
  const auto m = make(7, 5000, 300);
  const auto other = make(8, 5000, 300);
  const auto refused = [](const chunk_ref& ref, const sealed_object& o) {
    return open_chunk(ref, o).error().code;
  };
  auto ref = m.ref;
  ref.offset += 1;
  CHECK(refused(ref, m.object) == errc::chunk_mismatch);
  ref = m.ref;
  ref.length -= 1;
  CHECK(refused(ref, m.object) == errc::chunk_mismatch);
  ref = m.ref;
  ref.key = other.ref.key;
  CHECK(refused(ref, m.object) == errc::bad_seal);
  CHECK(refused(m.ref, other.object) == errc::bad_seal);
  for (const auto& [offset, length] :
       std::vector<std::pair<std::uint64_t, std::uint64_t>>{{0, 0},
                                                            {0, UINT64_MAX},
                                                            {UINT64_MAX, 2},
                                                            {UINT64_MAX - 1, 1},
                                                            {1 << 30, 1},
                                                            {0, max_chunk_size}}) {
    ref = m.ref;
    ref.offset = offset;
    ref.length = length;
    CHECK(refused(ref, m.object) == errc::bad_chunk_list);
  }
}

TEST_CASE("a range that does not fit its object is refused") {
  const auto m = make(9, 200'000);
  const auto good = range_of(m.object, 1, 2);
  REQUIRE(check_range(m.object.id(), good));
  REQUIRE(check_range(m.object.id(), range_of(m.object, 3, 9)));
  const auto refused = [&](auto change) {
    auto range = good;
    change(range);
    return check_range(m.object.id(), range).error().code;
  };
  CHECK(refused([](auto& r) { r.cells.clear(); }) == errc::malformed);
  CHECK(refused([](auto& r) { r.cells.pop_back(); }) == errc::malformed);
  CHECK(refused([](auto& r) { r.hashes.pop_back(); }) == errc::malformed);
  CHECK(refused([](auto& r) { r.first = 4; }) == errc::malformed);
  CHECK(refused([](auto& r) { r.first = 3; }) == errc::malformed);
  CHECK(refused([](auto& r) { r.object_size = 0; }) == errc::malformed);
  CHECK(refused([](auto& r) { r.object_size -= 1; }) == errc::object_mismatch);
  CHECK(refused([](auto& r) { r.first = 0; }) == errc::object_mismatch);
  CHECK(refused([](auto& r) { std::swap(r.hashes[0], r.hashes[1]); }) == errc::object_mismatch);
  CHECK(refused([](auto& r) { r.cells[70'000] ^= 1; }) == errc::object_mismatch);
}

TEST_CASE("a list of chunks is read as it was written, and what no object holds is refused") {
  const auto a = make(10, 100).ref;
  const auto b = make(11, 5000, 20).ref;
  const std::vector list{a, b};
  const auto encoded = encode_list(list);
  CHECK(decode_list(encoded) == list);
  CHECK(decode_list(bytes_view(encoded).first(encoded.size() - 1)).error().code == errc::malformed);
  auto changed = encoded;
  changed[32] ^= 1;
  CHECK(decode_list(changed).error().code == errc::unknown_algorithm);
  changed = encoded;
  changed[65] = 1;  // the offset's first byte
  CHECK(decode_list(changed).error().code == errc::bad_chunk_list);
}

TEST_CASE("chunks must be those of the file's size and list hash") {
  const auto a = make(12, 100).ref;
  const auto b = make(13, 5000).ref;
  const std::vector list{a, b};
  file_content content;
  content.size = 5100;
  content.list_hash = hash_list(5100, list);
  CHECK(check_list(content, list));
  CHECK(check_list(content, std::vector{b, a}).error().code == errc::bad_chunk_list);
  CHECK(check_list(content, std::vector{a}).error().code == errc::bad_chunk_list);
  content.size = 5101;
  CHECK(check_list(content, list).error().code == errc::bad_chunk_list);
}

TEST_CASE("the vectors of padding, sealed objects and lists agree") {
  for (const auto& row : tests::vectors("object", "padded"))
    CHECK(padme(row["size"], min_padded_size) == row["padded"].get<std::uint64_t>());
  for (const auto& row : tests::vectors("object", "sealed")) {
    const auto o =
        seal_object(*symmetric_key::from(tests::unhex(row["key"])), pattern(row["pattern"]));
    CHECK(o.size() == row["size"].get<std::size_t>());
    CHECK(to_hex(o.id().view()) == row["id"].get<std::string>());
  }
  for (const auto& row : tests::vectors("object", "lists")) {
    const auto id = *object_id::from(tests::unhex(row["object"]));
    const auto key = *symmetric_key::from(tests::unhex(row["key"]));
    const auto first = tests::unhex(row["chunks"][0]);
    const std::vector<chunk_ref> list{{id, key, 0, 5, hash_chunk(first)},
                                      {id, key, 5, 70'000, hash_chunk(pattern(70'000))}};
    CHECK(to_hex(encode_list(list)) == row["rows"].get<std::string>());
    CHECK(to_hex(hash_list(row["size"], list).view()) == row["list_hash"].get<std::string>());
  }
}

TEST_CASE("the same key and bytes make the same object again, from its chunks in any order") {
  const auto key = seeded_random(1)->key();
  const std::vector<bytes> parts{random_bytes(2, 70'000), random_bytes(3, 1),
                                 random_bytes(4, 9000)};
  bytes all;
  for (const auto& part : parts) append(all, part);
  const auto object = seal_object(key, all);
  std::vector<clear_chunk> chunks;
  std::uint64_t offset = 0;
  for (const auto& part : parts) {
    chunks.push_back({{object.id(), key, offset, part.size(), hash_chunk(part)}, part});
    offset += part.size();
  }
  const auto code = [&] { return seal_again(object.id(), chunks).error().code; };
  SECTION("all are there, one twice") {
    std::swap(chunks[0], chunks[2]);
    chunks.push_back(chunks[1]);
    const auto again = seal_again(object.id(), chunks);
    REQUIRE(again);
    CHECK(to_bytes(again->data()) == to_bytes(object.data()));
  }
  SECTION("one lacks") {
    chunks.erase(chunks.begin() + 1);
    CHECK(code() == errc::not_found);
  }
  SECTION("the last lacks") {
    chunks.pop_back();
    CHECK(code() == errc::object_mismatch);
  }
  SECTION("one is not as long as it says") {
    chunks[0].plaintext.pop_back();
    CHECK(code() == errc::not_found);
  }
  SECTION("nothing is there") {
    chunks.clear();
    CHECK(code() == errc::not_found);
  }
  SECTION("offsets that leave a gap, or more than an object holds") {
    chunks[2].chunk.offset += 1;
    CHECK(code() == errc::not_found);
    chunks[2].chunk.offset -= 1;
    chunks[2].plaintext.resize(max_chunk_size);
    chunks[2].chunk.length = max_chunk_size;
    CHECK(code() == errc::object_mismatch);
  }
}
