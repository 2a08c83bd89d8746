// net/message: the frames of a message, and the body that its kind has.
//   input := size of frame 2 (2) ‖ frame 2 ‖ frame 1
#include "net/bodies.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace keyfold;

template <class... Body>
void check_body(const net::message& m) {
  const auto check = [&]<class One>() {
    if (One::kind == m.kind)
      fuzz::require_one_encoding(
          m.body.view(), [](bytes_view d) { return net::decode<One>(d); },
          [](const One& b) { return net::encode(b); });
  };
  (check.template operator()<Body>(), ...);
}

}  // namespace

KEYFOLD_FUZZ_TARGET(net_message) {
  fuzz::input in(data);
  const auto bulk = to_bytes(in.part());
  const auto head = to_bytes(in.rest());
  const auto m = net::decode_message(bytes(head), bytes(bulk));
  if (!m) return;
  fuzz::require(net::check_message(*m).has_value(), "what is taken could have been sent");
  fuzz::require(net::encode_head(*m) == head && to_bytes(m->bulk.view()) == bulk,
                "a message has one encoding");
  fuzz::require_one_encoding(
      m->bulk.view(), [](bytes_view d) { return net::decode_list(d, 100); },
      [](const auto& list) { return net::encode_list(list); });
  using namespace net;
  check_body<hello, refusal, ping, ledger_pull, ledger_append, ledger_put, subscribe,
             net::feed_heads, feed_fence, feed_push, object_have, object_put, object_get,
             ledger_advanced, feed_advanced, presence, invitation_changed, invitation_create,
             invitation_list, invitation_cancel, conduit_open, conduit_send, conduit_close,
             conduit_event, organization_create, organization_adopt>(*m);
}
