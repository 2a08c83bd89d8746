// A relay in the middle of a code exchange: it has all but the people's ears (THREATS A15).
#pragma once

#include "tests/store/invitation/table.hpp"

namespace keyfold::invitation::tests {

/// Plays guest to the greeter and greeter to the guest. He has all but the people's ears.
class middle {
 public:
  explicit middle(table& t) : table_(t), terms_(t.guest_terms) {
    t.relay = [this](party from, const bytes& payload) { return answer(from, payload); };
  }
  /// He knows the codes of both legs before either person sees one.
  std::function<void()> on_codes = [] {};
  std::optional<pairing> with_alice;
  std::optional<pairing> with_bob;

 private:
  bytes answer(party from, const bytes& payload) {
    if (attempt_ != table_.attempt) {
      attempt_ = table_.attempt;
      as_bob_.emplace(party::guest, terms_, attempt_, *table_.random);
      as_alice_.emplace(party::greeter, terms_, attempt_, *table_.random);
      with_alice.reset();
      with_bob.reset();
    }
    const auto what = kind_of(payload);
    if (!what) return {};
    auto& own = from == party::greeter ? as_bob_ : as_alice_;
    // The relay itself answers, so nothing of what one side sends reaches the other.
    if (*what == message_kind::commit && own->take_commit(payload))
      table_.give(from, in::received{attempt_, own->commit()});
    else if (*what == message_kind::reveal)
      take_reveal(from, payload, *own);
    return {};
  }

  void take_reveal(party from, const bytes& payload, handshake& own) {
    auto& leg = from == party::greeter ? with_alice : with_bob;
    leg = own.take_reveal(payload).value();
    if (!with_alice || !with_bob) return;
    on_codes();
    table_.give(party::greeter, in::received{attempt_, as_bob_->reveal()});
    table_.give(party::guest, in::received{attempt_, as_alice_->reveal()});
  }

  table& table_;
  terms terms_;
  std::uint64_t attempt_ = 0;
  std::optional<handshake> as_bob_;
  std::optional<handshake> as_alice_;
};

}  // namespace keyfold::invitation::tests
