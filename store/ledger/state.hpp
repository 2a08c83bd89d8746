// The ledger as one device (or relay) knows it: records in ledger order, folded.
//
//   record --verify receipt, chain, author, signature--> position --rules--> effect, or refused
//
// Bodies of workspaces may be missing and come later (the same record again, with its body): then
// that workspace is folded anew, to the same state as if they had come at once. Not thread-safe; a
// value.
#pragma once

#include <set>

#include "store/ledger/attachments.hpp"
#include "store/ledger/incident.hpp"
#include "store/ledger/receipt.hpp"
#include "store/ledger/workspace.hpp"

namespace keyfold::ledger {

/// What adding a record did.
struct addition {
  bool advanced = false;  ///< it is a new head
  bool filled = false;    ///< a body or attachment that was missing is held now: persist it again
  std::optional<error> refused;  ///< it keeps its position but has no effect
  std::vector<incident> incidents;
};

/// A receipted certificate without effect, and why.
struct refusal {
  ledger::position position;
  std::optional<workspace_id> scope;
  error why;
};

class state final : public view {
 public:
  /// An empty ledger of the organization with that id, which pins its root key.
  explicit state(organization_id organization);
  state(state&&) noexcept = default;
  state& operator=(state&&) noexcept = default;
  /// A copy goes its own way; it shares the records, which are never changed in place.
  state(const state& other);
  state& operator=(const state& other);

  /// Adds the record after the head, or fills in what is missing at a position held. Fails, and
  /// changes nothing, when it is no record of this ledger at its position:
  /// `errc::wrong_organization`, `errc::bad_receipt` (also of a relay whose term it is not),
  /// `errc::ledger_gap` (beyond the head's next),
  /// `errc::ledger_forked` (receipted, but another hash stands there, or it extends another head:
  /// see evidence_against), `errc::body_missing` (of organization scope), what check_signature()
  /// says of its author's signature (is_unsigned), and for genesis whatever is wrong with it. A
  /// certificate that fails as such (author, scope, rules) is kept as refused.
  [[nodiscard]] expected<addition> add(const record& r);

  /// Whether `c` may stand after the head: everything that add() would check but the receipt.
  /// `errc::stale_head` when it does not extend the head; `errc::unknown_kind` for what is not
  /// built here.
  [[nodiscard]] expected<void> check(const certificate& c) const;

  // view
  [[nodiscard]] std::optional<position> head() const override;
  [[nodiscard]] std::optional<certificate_hash> hash_at(ledger_seq seq) const override;
  [[nodiscard]] std::optional<device_facts> find_device(device_id device) const override;
  [[nodiscard]] role role_at(workspace_id workspace, user_id user, ledger_seq seq) const override;
  [[nodiscard]] std::optional<epoch_number> epoch_at(workspace_id workspace,
                                                     ledger_seq seq) const override;
  [[nodiscard]] bool rotation_due_at(workspace_id workspace, ledger_seq seq) const override;
  [[nodiscard]] std::vector<removal> removals(workspace_id workspace, user_id user) const override;
  [[nodiscard]] bool complete_at(workspace_id workspace, ledger_seq seq) const override;

  // the folds
  [[nodiscard]] organization_id id() const { return id_; }
  [[nodiscard]] const organization_fold& organization() const { return *organization_; }
  /// nullptr while its creation is not known here.
  [[nodiscard]] const workspace_fold* workspace(workspace_id id) const;
  /// Every workspace whose creation is known here, ascending.
  [[nodiscard]] std::vector<workspace_id> workspaces() const;
  /// Those in which the user has a role now, with the role.
  [[nodiscard]] std::map<workspace_id, role> workspaces_of(user_id user) const;

  // records
  [[nodiscard]] std::uint64_t size() const { return records_.size(); }
  /// nullptr beyond the head.
  [[nodiscard]] const record* record_at(ledger_seq seq) const;
  /// The decoded body there; nullptr when it is not held, malformed, or refused.
  [[nodiscard]] const body* effective_body_at(ledger_seq seq) const;
  /// Positions of all certificates of that scope, ascending.
  [[nodiscard]] std::vector<ledger_seq> positions(std::optional<workspace_id> scope) const;

  // what is wrong or lacking
  [[nodiscard]] std::vector<refusal> refused() const;
  /// An unknown critical kind stands in the organization (nullopt) or in that workspace (or the
  /// organization).
  [[nodiscard]] bool read_only(std::optional<workspace_id> scope = std::nullopt) const;
  /// The first certificate of the workspace whose body is not held; nothing after it is folded.
  [[nodiscard]] std::optional<ledger_seq> missing_body(workspace_id workspace) const;
  /// Workspaces of which the user should have bodies, keys or frontiers that are not held: pull these. `readable`: where
  /// he may read, by what a replica says.
  [[nodiscard]] std::vector<workspace_id> lacking_bodies(
      user_id user, const std::set<workspace_id>& readable = {}) const;
  /// The first about the workspace of which the body, rows, keys or frontier lack: pull from there on.
  [[nodiscard]] std::optional<ledger_seq> first_lacking(workspace_id workspace) const;
  /// The user may write there now, as far as this ledger can tell: `errc::update_needed`,
  /// `errc::body_missing`, `errc::workspace_unknown` or `errc::role_insufficient`. (A rotation that
  /// is due does not count here.)
  [[nodiscard]] expected<void> check_writable(workspace_id workspace, user_id user) const;

  // the relay's word
  /// What a verified statement of the relay says against the records held (and so about the relay):
  /// a receipt, or a hello whose nonce is ours of just now.
  [[nodiscard]] std::optional<evidence> evidence_against(const signed_statement& said) const;

 private:
  struct stored {
    ledger::record record;
    std::optional<ledger::body> body;  ///< decoded
    std::optional<error> flaw;         ///< wrong whatever the folds say: author, form, scope
    std::optional<error> refused;      ///< the flaw, or the rule that it breaks
    bool effective = false;
    std::map<workspace_id, std::vector<feed_head>> frontiers;  ///< verified heads, of what is held
  };
  struct scope_state {
    explicit scope_state(workspace_fold empty) : fold(std::move(empty)) {}
    std::vector<ledger_seq> positions;
    std::optional<ledger_seq> missing;
    workspace_fold fold;
  };

  [[nodiscard]] const stored& at(ledger_seq seq) const { return *records_[seq.value]; }
  [[nodiscard]] std::optional<ledger_seq> first_lacking(const scope_state& scope) const;
  [[nodiscard]] bool is_meant_for(const scope_state& scope, const user_record& user) const;
  [[nodiscard]] expected<void> check_genesis(const certificate& c) const;
  [[nodiscard]] expected<void> check_relay(const record& r) const;
  [[nodiscard]] expected<body> check_body(const certificate& c) const;
  [[nodiscard]] expected<void> check_author(const certificate& c) const;
  [[nodiscard]] expected<void> check_signed(const certificate& c) const;
  expected<addition> append(const record& r);
  expected<addition> fill(const record& r);
  void take_body(stored& s) const;
  bool take_attachments(stored& s, const attachments& offered, addition& out) const;
  void read_frontiers(stored& s, addition& out) const;
  void fold_organization(stored& s);
  void fold_workspace(scope_state& scope, stored& s) const;
  void refold(scope_state& scope);
  scope_state& scope_of(workspace_id id);

  organization_id id_;
  std::unique_ptr<organization_fold>
      organization_;  ///< at a fixed address: workspace folds point to it
  std::vector<std::shared_ptr<const stored>> records_;  ///< shared by copies of the state
  std::map<workspace_id, scope_state> scopes_;
};

}  // namespace keyfold::ledger
