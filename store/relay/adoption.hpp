// Taking over an organization from another relay: its ledger comes record by record, verified from
// genesis on as a device does, and may be trusted no more than the receipts in it. It is served once
// the ledger names this relay (`relay set`).
#pragma once

#include "store/ledger/log.hpp"
#include "store/relay/signer.hpp"

namespace keyfold::relay {

class adoption {
 public:
  /// What came so far; `part` is the organization's own part of the database, and outlives this.
  /// `errc::damaged`.
  [[nodiscard]] static expected<std::unique_ptr<adoption>> open(db::view& part, organization_id id);

  [[nodiscard]] const ledger::state& ledger() const { return ledger_; }
  /// Takes records in order; gives how many from the front. When the first is not taken: why
  /// (ledger::state::add).
  [[nodiscard]] expected<std::size_t> take(std::span<const bytes_view> records);
  /// The `relay set` that names this relay, where the present relay cannot give it a receipt: gives
  /// this relay's, of its term. `errc::creation_refused` for another certificate, or what
  /// ledger::state::check() says.
  [[nodiscard]] expected<bytes> append(bytes_view certificate, const signing_key& receipt_key,
                                       random_source& random);
  /// The ledger names this relay as the present one.
  [[nodiscard]] bool is_whole(const signing_public_key& receipt_key) const;

 private:
  adoption(db::view& part, organization_id id);

  db::prefixed ledger_part_;
  db::prefixed signer_part_;
  ledger::state ledger_;
  ledger::log log_;
};

}  // namespace keyfold::relay
