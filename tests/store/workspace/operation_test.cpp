#include "store/workspace/operation.hpp"

#include <catch2/catch.hpp>

#include "crypto/stream.hpp"
#include "tests/support/vectors.hpp"

using namespace keyfold;
using namespace keyfold::workspace;

namespace {

template <class Id>
Id id(std::uint8_t n) {
  Id out;
  out.value.fill(n);
  return out;
}

chunk_ref chunk(std::uint8_t object, std::uint8_t key, std::uint64_t length) {
  chunk_ref out;
  out.object = id<object_id>(object);
  out.key = symmetric_key::from(bytes(32, key)).value();
  out.length = length;
  out.plaintext_hash = id<hash32>(object);
  return out;
}

file_content content_of(std::vector<chunk_ref> chunks) {
  file_content out;
  for (const auto& c : chunks) out.size += c.length;
  out.mtime_ns = -5;
  out.list_hash = id<hash32>(9);
  out.chunks = std::move(chunks);
  return out;
}

write_operation a_write(file_content content) {
  return {id<node_id>(1), id<version_id>(2), {id<version_id>(3)}, std::move(content)};
}

errc refusal(bytes_view data) {
  const auto decoded = decode_payload(data);
  return decoded ? errc::unknown : decoded.error().code;
}

/// The payload of one operation, written by hand.
bytes payload_of(const std::function<void(writer&)>& operation) {
  writer w;
  w.array(3).uint(1).array(0).array(1);
  operation(w);
  return std::move(w).take();
}

}  // namespace

TEST_CASE("operations are encoded as the vectors say, and come back from them") {
  for (const auto& row : tests::vectors("workspace", "payloads")) {
    INFO(row["name"]);
    const auto encoded = tests::unhex(row["payload"]);
    const auto decoded = decode_payload(encoded);
    REQUIRE(decoded);
    CHECK(encode_payload(*decoded) == encoded);
  }
}

TEST_CASE("an operation of a later version is skipped, or if it is critical refuses the payload") {
  const auto rows = tests::vectors("workspace", "later");
  const auto skipped = decode_payload(tests::unhex(rows[0]["payload"]));
  REQUIRE(skipped);
  CHECK(std::get<unknown_operation>(skipped->operations[0]).kind == 77);
  CHECK(std::holds_alternative<delete_operation>(skipped->operations[1]));
  CHECK(refusal(tests::unhex(rows[1]["payload"])) == errc::unknown_critical_operation);
}

TEST_CASE("node ids are those of the vectors") {
  for (const auto& row : tests::vectors("workspace", "nodes")) {
    node_nonce nonce{};
    const auto raw = tests::unhex(row["nonce"]);
    std::copy(raw.begin(), raw.end(), nonce.begin());
    CHECK(make_node_id(workspace_id::from(tests::unhex(row["workspace"])).value(),
                       device_id::from(tests::unhex(row["device"])).value(),
                       nonce) == node_id::from(tests::unhex(row["node"])).value());
  }
}

TEST_CASE("chunks of one object under two keys keep their keys") {
  const auto content = content_of({chunk(1, 7, 10), chunk(1, 8, 20), chunk(1, 7, 30)});
  const auto decoded = decode_payload(encode_payload({{a_write(content)}}));
  REQUIRE(decoded);
  CHECK(std::get<write_operation>(decoded->operations[0]) == a_write(content));
}

TEST_CASE("a payload cut short, with bytes after it, or of another version is refused") {
  auto data = encode_payload({{a_write(content_of({chunk(1, 7, 10)}))}});
  for (std::size_t size = 0; size < data.size(); ++size)
    CHECK_FALSE(decode_payload(bytes_view(data).first(size)));
  data.push_back(0);
  CHECK(refusal(data) == errc::trailing_bytes);
  writer w;
  w.array(3).uint(2).array(0).array(0);
  CHECK(refusal(std::move(w).take()) == errc::unknown_version);
  CHECK(refusal(bytes(feed::max_payload_size + 1, 0xc0)) == errc::too_large);
}

TEST_CASE("an operation with a field too few or too many, or not marked as critical, is refused") {
  CHECK(refusal(payload_of([](writer& w) { w.array(2).uint(3).boolean(true); })) ==
        errc::malformed);
  CHECK(refusal(payload_of([](writer& w) {
          w.array(4).uint(3).boolean(true).bin(id<node_id>(1)).nil();
        })) == errc::malformed);
  CHECK(refusal(payload_of([](writer& w) {
          w.array(3).uint(3).boolean(false).bin(id<node_id>(1));
        })) == errc::malformed);
  CHECK(refusal(payload_of([](writer& w) { w.array(1).uint(3); })) == errc::malformed);
}

TEST_CASE("a time is not critical, and one beyond the year 9999 is refused") {
  const auto time = [](bool critical, std::uint64_t ms) {
    return payload_of([&](writer& w) { w.array(3).uint(7).boolean(critical).uint(ms); });
  };
  const auto decoded = decode_payload(time(false, max_time_ms));
  REQUIRE(decoded);
  CHECK(std::get<time_operation>(decoded->operations[0]).ms == max_time_ms);
  CHECK(refusal(time(false, max_time_ms + 1)) == errc::malformed);
  CHECK(refusal(time(true, 1)) == errc::malformed);
}

TEST_CASE("an id of the wrong length and a kind of node that there is not are refused") {
  CHECK(refusal(payload_of([](writer& w) {
          w.array(3).uint(3).boolean(true).bin(bytes(15, 1));
        })) == errc::malformed);
  for (const std::uint64_t kind : {0, 4})
    CHECK(refusal(payload_of([&](writer& w) {
            w.array(6).uint(1).boolean(true).bin(bytes(16, 1)).uint(kind);
            w.bin(root_node).str("a");
          })) == errc::malformed);
}

TEST_CASE("a file whose chunks do not add up to its size is refused") {
  auto content = content_of({chunk(1, 7, 10)});
  content.size = 11;
  CHECK(refusal(encode_payload({{a_write(content)}})) == errc::malformed);
  content.level = 1;  // then the chunks hold the list
  CHECK(decode_payload(encode_payload({{a_write(content)}})));
  content.chunks.clear();
  CHECK(refusal(encode_payload({{a_write(content)}})) == errc::malformed);
}

TEST_CASE("an empty chunk, an offset beyond all bounds and a row that is not there are refused") {
  CHECK(refusal(encode_payload({{a_write(content_of({chunk(1, 7, 0)}))}})) == errc::malformed);
  auto far = chunk(1, 7, 1);
  far.offset = std::uint64_t{1} << 60;
  CHECK(refusal(encode_payload({{a_write(content_of({far}))}})) == errc::malformed);
  CHECK(refusal(payload_of([](writer& w) {
          w.array(6).uint(4).boolean(true).bin(bytes(16, 1)).bin(bytes(16, 2)).array(0);
          w.array(6).uint(1).uint(0).boolean(false).bin(bytes(32, 3)).uint(0).array(1);
          w.array(4).uint(0).uint(0).uint(1).bin(bytes(32, 4));
        })) == errc::malformed);
}

TEST_CASE("an object under an unknown cipher is refused") {
  writer w;
  w.array(3).uint(1).array(1).array(3).bin(bytes(32, 1)).uint(0x14).bin(bytes(32, 2)).array(0);
  CHECK(refusal(std::move(w).take()) == errc::unknown_algorithm);
}

TEST_CASE("an empty symlink target, and one longer than Linux allows, are refused") {
  for (const std::size_t size : {std::size_t{0}, max_symlink_target + 1}) {
    write_operation w{id<node_id>(1), id<version_id>(2), {}, symlink_content{bytes(size, 'x'), 0}};
    CHECK(refusal(encode_payload({{w}})) == errc::malformed);
  }
}

TEST_CASE("names that no file can have are refused") {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"),
        std::string("a\0b", 3), std::string(256, 'a'), std::string("\xff"),
        std::string("\xed\xa0\x80"), std::string("\xc0\xaf")}) {
    INFO(name);
    CHECK(check_name(name).error().code == errc::bad_name);
    CHECK(normalize_name(name).error().code == errc::bad_name);
    if (name.size() <= max_name_size)
      CHECK(refusal(encode_payload({{move_operation{id<node_id>(1), root_node, name}}})) ==
            errc::bad_name);
  }
}

TEST_CASE("a local name is normalized to NFC; a decoder takes any bytes that are UTF-8") {
  const std::string composed =
      "B\xc3\xbc"
      "cher";
  const std::string decomposed =
      "Bu\xcc\x88"
      "cher";
  CHECK(normalize_name(decomposed).value() == composed);
  CHECK(normalize_name(composed).value() == composed);
  CHECK(check_name(decomposed));
  CHECK(decode_payload(encode_payload({{move_operation{id<node_id>(1), root_node, decomposed}}})));
}

TEST_CASE("objects are listed once each, ascending") {
  const payload p{{a_write(content_of({chunk(3, 1, 1), chunk(1, 1, 1)})),
                   a_write(content_of({chunk(2, 1, 1), chunk(3, 1, 1)}))}};
  CHECK(objects_of(p) == std::vector{id<object_id>(1), id<object_id>(2), id<object_id>(3)});
}

TEST_CASE("sizes of operations bound what a payload of them takes") {
  payload p;
  std::size_t bound = 64;
  for (std::uint8_t i = 0; i < 200; ++i) {
    p.operations.emplace_back(a_write(content_of({chunk(i, 1, i + 1U), chunk(0, 1, 70'000)})));
    p.operations.emplace_back(create_operation{{}, node_kind::folder, root_node, "name"});
  }
  for (const auto& o : p.operations) bound += size_of(o);
  CHECK(encode_payload(p).size() <= bound);
}

TEST_CASE("a list of chunks comes back, and a damaged or too large one does not") {
  const std::vector chunks{chunk(1, 2, 3), chunk(4, 5, 6)};
  const auto encoded = encode_chunk_list(chunks);
  CHECK(decode_chunk_list(encoded, 1000).value() == chunks);
  CHECK(decode_chunk_list(encoded, 10).error().code == errc::too_large);
  CHECK_FALSE(decode_chunk_list(bytes_view(encoded).first(encoded.size() - 1), 1000));
  writer w;
  w.array(1)
      .array(6)
      .bin(bytes(32, 1))
      .uint(0x99)
      .bin(bytes(32, 2))
      .uint(0)
      .uint(1)
      .bin(bytes(32, 3));
  CHECK(decode_chunk_list(std::move(w).take(), 1000).error().code == errc::unknown_algorithm);
}
