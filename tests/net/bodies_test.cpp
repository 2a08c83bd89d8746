#include "net/bodies.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::net;

namespace {

template <class Id>
Id id(std::uint8_t n) {
  Id out;
  out.value.fill(n);
  return out;
}

/// The body comes back; every cut of its bytes, an extra field, a missing one and another type do
/// not.
template <class Body>
void check_body(const Body& body) {
  const auto data = encode(body);
  const auto back = decode<Body>(data);
  REQUIRE(back);
  CHECK(*back == body);
  CHECK(encode(*back) == data);
  for (std::size_t n = 0; n < data.size(); ++n)
    CHECK_FALSE(decode<Body>(bytes_view(data).first(n)));
  auto longer = data;
  longer.push_back(0xc0);
  CHECK(decode<Body>(longer).error().code == errc::trailing_bytes);
  auto one_more = longer;  // as a field
  ++one_more[0];
  CHECK(decode<Body>(one_more).error().code == errc::malformed);
  CHECK(decode<Body>(bytes{0xc0}).error().code == errc::malformed);
  for (std::size_t i = 0; i < std::min<std::size_t>(data.size(), 64); ++i) {
    auto changed = data;
    changed[i] ^= 0x80;
    static_cast<void>(decode<Body>(changed));  // another body or a refusal, but no crash
  }
}

const auto alice = id<user_id>(1);
const auto board = id<workspace_id>(2);
const auto laptop = id<device_id>(3);
const auto token = id<invitation_token>(4);

}  // namespace

TEST_CASE("bodies of the greeting travel and are strict") {
  check_body(empty_body{});
  check_body(hello{{1, 2}, id<organization_id>(9), hello_mode::guest, id<hash32>(8), {}});
  check_body(hello{{1}, {}, hello_mode::member, {}, ledger_head{ledger_seq{5}, {}}});
  check_body(hello_answer{1, {1, 2}, {3}, {}});
  check_body(hello_answer{1, {1, 2}, {3}, bytes(33, 1)});
  check_body(refusal{"stale", "pull first", bytes{1}});
  check_body(missing_entries{{id<entry_hash>(1), id<entry_hash>(2)}});
}

TEST_CASE("bodies of ledger and feeds travel and are strict") {
  check_body(ledger_pull{ledger_seq{3}, {}, 10});
  check_body(ledger_pull{ledger_seq{3}, board, 10});
  check_body(ledger_pull_answer{ledger_seq{3}, 2});
  check_body(ledger_pull_answer{ledger_seq{3}, 1, {}, {board, id<workspace_id>(7)}});
  check_body(ledger_pull_answer{ledger_seq{3}, 0, {{board, ledger_seq{2}}, {{}, ledger_seq{1}}}});
  check_body(subscribe{board, {{laptop, {}, feed_seq{1}, {}}, {laptop, {}, feed_seq{2}, {}}}});
  check_body(feed_heads{board, alice});
  check_body(feed_fence{board, alice, {ledger_seq{3}, id<certificate_hash>(2)}, bytes(65, 1)});
  check_body(feed_push{board, ledger_seq{70'000}});
  check_body(feed_push{board, {}});
  check_body(feed_push_answer{2, {id<object_id>(5)}});
  check_body(ledger_advanced{bytes(120, 2), bytes(65, 1)});
  check_body(feed_advanced{board});
}

TEST_CASE("bodies of objects travel and are strict") {
  check_body(object_have{board, {id<object_id>(5), id<object_id>(6)}});
  check_body(object_have_answer{{id<object_id>(6)}});
  check_body(object_put{board, id<object_id>(5)});
  check_body(object_get{board, id<object_id>(5), 3, 4});
  check_body(object_get_answer{2'000'000, {id<hash32>(1)}});
  check_body(objects_wanted{board, {id<object_id>(5)}});
}

TEST_CASE("bodies of invitations and conduits travel and are strict") {
  check_body(presence{laptop, true});
  check_body(invitation_changed{token, invitation_state::expired});
  check_body(invitation_create{token, invitation_kind::device, 5, epoch_number{1}, {1, 2, 3}});
  check_body(
      invitation_list_answer{{{token, invitation_kind::user, 5, epoch_number{1}, {}, true}}});
  check_body(invitation_cancel{token});
  check_body(conduit_open{token, conduit_role::guest});
  check_body(conduit_open_answer{7, true});
  check_body(conduit_send{token, 7, bytes(300, 1)});
  check_body(conduit_close{token, 7, "wrong code"});
  check_body(conduit_event{token, 7, conduit_news::message, bytes(300, 1)});
  check_body(organization_create{"acme", {}});
  check_body(organization_create{"acme", "letmein"});
  check_body(organization_adopt{id<organization_id>(9), "letmein", bytes{1, 2}});
  check_body(organization_adopt{id<organization_id>(9), {}, {}});
  check_body(organization_adopt_answer{ledger_seq{5}, 3, true});
}

TEST_CASE("an enumeration's value outside its range is malformed") {
  writer zero;
  zero.array(2).bin(token).uint(0);
  CHECK(decode<conduit_open>(std::move(zero).take()).error().code == errc::malformed);
  writer three;
  three.array(2).bin(token).uint(3);
  CHECK(decode<conduit_open>(std::move(three).take()).error().code == errc::malformed);
}

TEST_CASE("an id of another size is malformed") {
  writer w;
  w.array(1).bin(bytes(15));
  CHECK(decode<feed_advanced>(std::move(w).take()).error().code == errc::malformed);
}

TEST_CASE("fields beyond their limits are malformed") {
  const auto refused = [](const auto& body) {
    const auto back = decode<std::decay_t<decltype(body)>>(encode(body));
    return !back && back.error().code == errc::malformed;
  };
  CHECK(refused(hello{std::vector<std::uint64_t>(max_versions + 1), {}, {}, {}, {}}));
  CHECK(refused(hello_answer{1, bytes(max_statement + 1), {}, {}}));
  CHECK(refused(refusal{std::string(max_code + 1, 'x'), "", {}}));
  CHECK(refused(refusal{"", std::string(max_text + 1, 'x'), {}}));
  CHECK(refused(refusal{"", "", bytes(max_detail + 1)}));
  CHECK(refused(ledger_pull_answer{{}, 0, std::vector<ledger_lack>(max_lacking_scopes + 1)}));
  CHECK(refused(ledger_pull_answer{{}, 0, {}, std::vector<workspace_id>(max_readable_scopes + 1)}));
  CHECK(refused(subscribe{board, std::vector<feed_position>(max_frontier + 1)}));
  CHECK(refused(object_have{board, std::vector<object_id>(max_object_ids + 1)}));
  CHECK(refused(conduit_send{token, 1, bytes(max_conduit_payload + 1)}));
}

TEST_CASE("bodies at their limits fit into a frame") {
  CHECK(check_message(make_message(subscribe{board, std::vector<feed_position>(max_frontier)}, 1)));
  CHECK(check_message(make_message(object_have{board, std::vector<object_id>(max_object_ids)}, 1)));
  const ledger_pull_answer pulled{{},
                                  0,
                                  std::vector<ledger_lack>(max_lacking_scopes, {board, {}}),
                                  std::vector<workspace_id>(max_readable_scopes)};
  CHECK(check_message(make_reply(1, pulled)));
  const auto missing = encode(missing_entries{std::vector<entry_hash>(max_missing)});
  CHECK(missing.size() <= max_detail);
  CHECK(check_message(make_refusal(1, {"lacks_entries", "", bytes(max_detail)})));
  const std::vector<invitation_row> rows(
      max_invitations, {token, invitation_kind::user, 1, {}, bytes(max_sealed_about), true});
  CHECK(check_message(make_reply(1, invitation_list_answer{rows})));
}

TEST_CASE("a refusal names its code on the wire and comes back as an error") {
  const auto why = refusal::of({errc::busy, std::string(2000, 'x')});
  CHECK(why.code == "busy");
  CHECK(why.message.size() == max_text);
  CHECK(why.to_error().code == errc::busy);
  CHECK(refusal{"of_a_later_version", "", {}}.to_error().code == errc::unknown);
}
