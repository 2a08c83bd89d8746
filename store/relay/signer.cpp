#include "store/relay/signer.hpp"

namespace keyfold::relay {
namespace {

const bytes reserved_key{'c'};

}  // namespace

signer::signer(db::view& state, organization_id organization, const signing_key& receipt_key,
               std::uint64_t term, random_source& random)
    : state_(state),
      organization_(organization),
      key_(receipt_key),
      term_(term),
      incarnation_(random.id<incarnation_id>()) {
  if (const auto stored = state_.get(reserved_key); stored && stored->size() == 8)
    next_ = reserved_ = read_u64(*stored);
}

ledger::statement signer::next(const ledger::position& at) {
  if (next_ == reserved_) {
    reserved_ += counter_block;
    bytes value;
    append_u64(value, reserved_);
    state_.put(reserved_key, value);
  }
  ledger::statement out;
  out.organization = organization_;
  out.term = term_;
  out.seq = at.seq;
  out.hash = at.hash;
  out.counter = next_++;
  out.incarnation = incarnation_;
  return out;
}

ledger::receipt signer::receipt(const ledger::position& at) {
  return ledger::sign_statement(next(at), key_);
}

ledger::signed_statement signer::hello(const std::optional<ledger::position>& head,
                                       const hash32& nonce) {
  auto said = next(head.value_or(ledger::position{}));
  said.nonce = nonce;
  return ledger::sign_statement(said, key_);
}

}  // namespace keyfold::relay
