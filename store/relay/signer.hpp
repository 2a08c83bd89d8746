// What the relay signs about one organization's ledger: receipts and greetings (FORMATS 1).
//
// The counter never repeats: a block of it is reserved on disk before the first of the block is
// used. The incarnation is random, one per start.
#pragma once

#include "store/db/kv.hpp"
#include "store/ledger/receipt.hpp"

namespace keyfold::relay {

inline constexpr std::uint64_t counter_block = 1000;

class signer {
 public:
  /// `state` holds the reservation alone, and outlives the signer. `term` is that of the relay.
  signer(db::view& state, organization_id organization, const signing_key& receipt_key,
         std::uint64_t term, random_source& random);

  [[nodiscard]] ledger::receipt receipt(const ledger::position& at);
  /// nullopt: of an organization that is not here yet.
  [[nodiscard]] ledger::signed_statement hello(const std::optional<ledger::position>& head,
                                               const hash32& nonce);
  [[nodiscard]] const signing_public_key& public_key() const { return key_.public_key(); }

 private:
  [[nodiscard]] ledger::statement next(const ledger::position& at);

  db::view& state_;
  organization_id organization_;
  signing_key key_;
  std::uint64_t term_;
  incarnation_id incarnation_;
  std::uint64_t next_ = 0;
  std::uint64_t reserved_ = 0;  ///< first counter that is not reserved
};

}  // namespace keyfold::relay
