#include "crypto/stream.hpp"

#include <catch2/catch.hpp>

#include "crypto/random.hpp"
#include "tests/support/vectors.hpp"

// SHA-256 without a context, for the vectors of long streams.
#include <openssl/sha.h>

using namespace keyfold;

namespace {

bytes pattern(std::size_t size) {
  bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(7 * i + i / 256);
  return out;
}

std::string sha256(const bytes& data) {
  std::array<std::uint8_t, 32> out{};
  SHA256(data.data(), data.size(), out.data());
  return to_hex(out);
}

const symmetric_key key = [] {
  symmetric_key out;
  for (auto& b : out.writable()) b = 0x5a;
  return out;
}();

/// Three full cells and a short one.
const bytes plaintext = pattern(3 * cell_size + 1000);

bytes_view cell_of(const bytes& sealed, std::size_t index) {
  const auto rest = bytes_view(sealed).subspan(index * sealed_cell_size);
  return rest.first(std::min(rest.size(), sealed_cell_size));
}

bytes of_cells(const bytes& sealed, std::initializer_list<std::size_t> order) {
  bytes out;
  for (const auto index : order) append(out, cell_of(sealed, index));
  return out;
}

}  // namespace

TEST_CASE("streams agree with their vectors and open") {
  for (const auto& row : tests::vectors("crypto", "stream")) {
    const auto given = symmetric_key::from(tests::unhex(row["key"])).value();
    const auto text = pattern(row["size"]);
    const auto sealed = seal_stream(given, text);
    CHECK(sealed.size() == row["sealed_size"].get<std::size_t>());
    CHECK(sealed.size() == sealed_stream_size(text.size()));
    CHECK(sha256(sealed) == row["sealed_sha256"].get<std::string>());
    CHECK(open_stream(given, sealed).value() == text);
  }
}

TEST_CASE("streams of sizes around the borders of cells come back") {
  for (const std::size_t size :
       {2UL, cell_size - 16, cell_size - 1, 2 * cell_size - 1, 2 * cell_size, 2 * cell_size + 1})
    CHECK(open_stream(key, seal_stream(key, pattern(size))).value() == pattern(size));
}

TEST_CASE("a stream with a bit flipped anywhere in a cell gives no plaintext") {
  const auto sealed = seal_stream(key, plaintext);
  for (std::size_t cell = 0; cell < 4; ++cell) {
    const auto begin = cell * sealed_cell_size;
    const auto size = cell_of(sealed, cell).size();
    for (const auto at : {std::size_t{0}, size / 2, size - 17, size - 16, size - 1}) {
      auto changed = sealed;
      changed[begin + at] ^= 0x80;
      CHECK(open_stream(key, changed).error().code == errc::bad_seal);
    }
  }
}

TEST_CASE("cells permuted, dropped, doubled or cut off are refused") {
  const auto sealed = seal_stream(key, plaintext);
  REQUIRE(of_cells(sealed, {0, 1, 2, 3}) == sealed);
  for (const auto& order :
       std::initializer_list<std::initializer_list<std::size_t>>{{1, 0, 2, 3},
                                                                 {0, 2, 1, 3},
                                                                 {0, 1, 3},
                                                                 {1, 2, 3},
                                                                 {0, 0, 1, 2, 3},
                                                                 {0, 1, 2, 2, 3},
                                                                 {0, 1, 2},
                                                                 {0},
                                                                 {3}}) {
    CHECK(open_stream(key, of_cells(sealed, order)).error().code == errc::bad_seal);
  }
}

TEST_CASE("a stream cut at any place is refused, also inside the last tag") {
  const auto sealed = seal_stream(key, plaintext);
  const auto last = 3 * sealed_cell_size;
  for (std::size_t size = last; size < sealed.size(); ++size) {
    const auto opened = open_stream(key, bytes_view(sealed).first(size));
    REQUIRE_FALSE(opened);
    const bool possible = size == last || size > last + cell_tag_size;
    CHECK(opened.error().code == (possible ? errc::bad_seal : errc::malformed));
  }
  CHECK(open_stream(key, {}).error().code == errc::malformed);
  CHECK(open_stream(key, bytes(15)).error().code == errc::malformed);
}

TEST_CASE("a stream with bytes after its end is refused") {
  auto sealed = seal_stream(key, plaintext);
  sealed.push_back(0);
  CHECK(open_stream(key, sealed).error().code == errc::bad_seal);
  auto whole = seal_stream(key, pattern(cell_size));
  append(whole, seal_stream(key, {}));
  CHECK(open_stream(key, whole).error().code == errc::malformed);
}

TEST_CASE("a stream does not open with another key") {
  CHECK(open_stream(symmetric_key{}, seal_stream(key, plaintext)).error().code == errc::bad_seal);
}

TEST_CASE("each cell opens alone, at its own place only") {
  const auto sealed = seal_stream(key, plaintext);
  for (std::uint64_t i = 0; i < 4; ++i) {
    const auto cell = cell_of(sealed, i);
    const auto text = open_cell(key, i, i == 3, cell).value();
    CHECK(std::equal(text.begin(), text.end(),
                     plaintext.begin() + static_cast<std::ptrdiff_t>(i * cell_size)));
    CHECK(open_cell(key, i + 1, i == 3, cell).error().code == errc::bad_seal);
    CHECK_FALSE(open_cell(key, i, i != 3, cell));
  }
}

TEST_CASE("a cell of a length that no plaintext gives is malformed") {
  const auto sealed = seal_stream(key, plaintext);
  const auto first = cell_of(sealed, 0);
  CHECK(open_cell(key, 0, false, first.first(100)).error().code == errc::malformed);
  CHECK(open_cell(key, 0, true, first.first(15)).error().code == errc::malformed);
  CHECK(open_cell(key, 1, true, first.first(16)).error().code == errc::malformed);
  CHECK(open_cell(key, 0, true, bytes_view(sealed).first(sealed_cell_size + 1)).error().code ==
        errc::malformed);
  CHECK(open_cell(key, 0, true, seal_stream(key, {})).value().empty());
}
