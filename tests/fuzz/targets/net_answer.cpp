// net/bodies: bodies of answers, whose kind the question decides.
//   input := which (1) ‖ body
#include "net/bodies.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace keyfold;

template <class... Body>
void check(std::size_t which, bytes_view body) {
  std::size_t number = 0;
  const auto check_one = [&]<class One>() {
    if (number++ == which)
      fuzz::require_one_encoding(
          body, [](bytes_view d) { return net::decode<One>(d); },
          [](const One& b) { return net::encode(b); });
  };
  (check_one.template operator()<Body>(), ...);
}

}  // namespace

KEYFOLD_FUZZ_TARGET(net_answer) {
  using namespace net;
  fuzz::input in(data);
  const auto which = in.byte();
  check<empty_body, hello_answer, missing_entries, ledger_pull_answer, subscribe_answer,
        feed_push_answer, object_have_answer, object_get_answer, invitation_list_answer,
        conduit_open_answer, organization_adopt_answer>(which, in.rest());
}
