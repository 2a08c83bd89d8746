#include "net/message.hpp"

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include "net/bodies.hpp"

using namespace keyfold;
using namespace keyfold::net;

namespace {

expected<message> through_the_wire(const message& m) {
  return decode_message(encode_head(m), m.bulk);
}

bytes head_of(std::uint64_t version, std::uint64_t kind, std::uint64_t id) {
  writer w;
  w.array(4).uint(version).uint(kind).uint(id).array(0);
  return std::move(w).take();
}

}  // namespace

TEST_CASE("a message arrives as it was sent, with its bulk shared") {
  const shared_bytes object(bytes(100'000, 7));
  const auto sent = make_message(object_put{}, 9, object);
  const auto got = through_the_wire(sent);
  REQUIRE(got);
  CHECK(*got == sent);
  CHECK(got->bulk.view().data() == object.view().data());
}

TEST_CASE("every kind keeps its number and its name is its own") {
  CHECK(find_kind(1)->kind == message_kind::hello);
  CHECK(find_kind(32)->kind == message_kind::object_get);
  CHECK(find_kind(56)->role == message_role::event);
  CHECK(find_kind(0) == nullptr);
  CHECK(find_kind(62) == nullptr);
  CHECK(find_kind(0x101) == nullptr);
}

TEST_CASE("a message of another version is refused") {
  CHECK(decode_message(head_of(2, 4, 1), {}).error().code == errc::unknown_version);
}

TEST_CASE("a message of an unknown kind is refused") {
  CHECK(decode_message(head_of(1, 99, 1), {}).error().code == errc::unknown_message);
}

TEST_CASE("a request without an id, and an event with one, are refused") {
  CHECK(decode_message(head_of(1, 4, 0), {}).error().code == errc::malformed);
  CHECK(decode_message(head_of(1, 40, 1), {}).error().code == errc::malformed);
  CHECK(decode_message(head_of(1, 2, 0), {}).error().code == errc::malformed);
  CHECK(decode_message(head_of(1, 3, 0), {}));  // the end of a session
}

TEST_CASE("a second frame where none belongs, and a missing one, are refused") {
  CHECK(decode_message(head_of(1, 4, 1), bytes{1}).error().code == errc::malformed);
  CHECK(decode_message(head_of(1, 31, 1), {}).error().code == errc::malformed);
  CHECK(decode_message(head_of(1, 2, 1), {}));
  CHECK(decode_message(head_of(1, 2, 1), bytes{1}));
}

TEST_CASE("frames beyond their limits are refused before they are decoded") {
  CHECK(decode_message(bytes(max_head_size + 1, 0xc0), {}).error().code == errc::too_large);
  CHECK(decode_message(head_of(1, 31, 1), bytes(max_bulk_size + 1)).error().code ==
        errc::too_large);
  CHECK(decode_message(head_of(1, 31, 1), bytes(max_bulk_size)));
}

TEST_CASE("bytes after a message are refused") {
  auto head = head_of(1, 4, 1);
  head.push_back(0xc0);
  CHECK(decode_message(head, {}).error().code == errc::trailing_bytes);
}

TEST_CASE("no bytes, half a message and wrong types are refused") {
  CHECK_FALSE(decode_message({}, {}));
  auto half = head_of(1, 4, 1);
  half.pop_back();
  CHECK_FALSE(decode_message(half, {}));
  writer w;
  w.array(4).uint(1).str("ping").uint(1).array(0);
  CHECK(decode_message(std::move(w).take(), {}).error().code == errc::malformed);
  writer three;
  three.array(3).uint(1).uint(4).uint(1);
  CHECK(decode_message(std::move(three).take(), {}).error().code == errc::malformed);
}

TEST_CASE("a message that no peer would take is not sent") {
  CHECK(check_message(make_message(ping{}, 1)));
  CHECK(check_message(make_message(ping{}, 0)).error().code == errc::malformed);
  CHECK(check_message({message_kind::ping, 1, {}, {}}).error().code == errc::malformed);
  CHECK(check_message(make_message(object_put{}, 1)).error().code == errc::malformed);
  CHECK(check_message({message_kind::ping, 1, bytes(max_head_size), {}}).error().code ==
        errc::too_large);
  CHECK(check_message(make_message(object_put{}, 1, bytes(max_bulk_size + 1))).error().code ==
        errc::too_large);
}

TEST_CASE("a list keeps its elements' bytes") {
  const auto element = encode(ledger_head{ledger_seq{7}, {}});
  const std::vector<bytes> elements{element, encode(empty_body{}), element};
  const auto list = encode_list(elements);
  const auto got = decode_list(list);
  REQUIRE(got);
  REQUIRE(got->size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(to_bytes((*got)[i]) == elements[i]);
  CHECK(decode_list(list, 2).error().code == errc::malformed);
  CHECK_FALSE(decode_list(bytes{0x93, 0xc0}));
  CHECK(decode_list(encode_list(std::vector<bytes>{}))->empty());
}

TEST_CASE("whatever bytes come as frames, decoding ends in a message or a refusal") {
  const auto holds = rc::check([](const bytes& head, const bytes& bulk) {
    const auto m = decode_message(head, bulk);
    if (m) RC_ASSERT(check_message(*m));
  });
  CHECK(holds);
}
