// One workspace's fold: roles, epochs, removals and when a rotation is due, each with its position.
// It reads the organization's fold as of a position, and never changes it.
#pragma once

#include "store/ledger/organization.hpp"

namespace keyfold::ledger {

struct role_step {
  ledger_seq seq;
  ledger::role role = role::none;
};
struct epoch_facts {
  epoch_number epoch;
  hash32 commitment;
  ledger_seq since;
};
/// A loss of the right to write, and the frontier named for it.
struct loss {
  ledger_seq seq;
  user_id user;
  hash32 frontier_hash;
};

class workspace_fold {
 public:
  workspace_fold(workspace_id id, const organization_fold& organization)
      : id_(id), organization_(&organization) {}

  [[nodiscard]] workspace_id id() const { return id_; }
  [[nodiscard]] bool created() const { return !epochs_.empty(); }
  [[nodiscard]] ledger_seq created_at() const { return epochs_.front().since; }
  [[nodiscard]] std::uint64_t created_ms() const { return created_ms_; }
  [[nodiscard]] user_id creator() const { return creator_; }
  [[nodiscard]] const bytes& sealed_name() const { return name_; }
  [[nodiscard]] const bytes& sealed_chunking() const { return chunking_; }
  [[nodiscard]] const std::vector<chunk_class>& chunk_table() const { return chunk_table_; }

  /// The role as of `seq`; none for a revoked user.
  [[nodiscard]] role role_at(user_id user, ledger_seq seq) const;
  /// The role after all that has been applied.
  [[nodiscard]] role role_of(user_id user) const;
  /// Everybody who has a role now and is not revoked.
  [[nodiscard]] std::map<user_id, role> members() const;
  [[nodiscard]] std::map<user_id, role> members_at(ledger_seq seq) const;
  /// Everybody who ever had a role here.
  [[nodiscard]] const std::map<user_id, std::vector<role_step>>& roles() const { return roles_; }

  /// Ascending; the last is in force. The first is epoch 0.
  [[nodiscard]] const std::vector<epoch_facts>& epochs() const { return epochs_; }
  [[nodiscard]] std::optional<epoch_facts> epoch_at(ledger_seq seq) const;
  [[nodiscard]] bool rotation_due() const;
  [[nodiscard]] bool rotation_due_at(ledger_seq seq) const;
  /// True when the user may rotate once although nothing is due: a reader was removed since he last
  /// did.
  [[nodiscard]] bool may_rotate_again(user_id user) const;
  /// In ledger order.
  [[nodiscard]] const std::vector<loss>& losses() const { return losses_; }
  [[nodiscard]] bool read_only() const { return read_only_; }

  /// Takes in a certificate of this workspace that rules.hpp let through.
  void apply(const header& h, const body& b);
  /// Takes in that `user` was revoked; the organization's fold has it already.
  void apply_revocation(ledger_seq seq, const user_revoked& what);
  /// Reads another copy of the same organization's fold from now on.
  void rebind(const organization_fold& organization) { organization_ = &organization; }

 private:
  void apply(const header& h, const body& b, const workspace_created& what);
  void apply(const header& h, const body& b, const role_changed& what);
  void apply(const header& h, const body& b, const key_rotated& what);
  void add_epoch(const header& h, const rotation& r);
  void reader_removed(ledger_seq seq, bool rotated);

  workspace_id id_;
  const organization_fold* organization_;
  std::uint64_t created_ms_ = 0;
  user_id creator_;
  bytes name_;
  bytes chunking_;
  std::vector<chunk_class> chunk_table_;
  std::map<user_id, std::vector<role_step>> roles_;
  std::vector<epoch_facts> epochs_;
  std::vector<ledger_seq> due_;  ///< where a reader went and the key was not rotated
  std::vector<loss> losses_;
  bool removal_seen_ = false;
  std::set<user_id> rotated_since_removal_;
  bool read_only_ = false;
};

}  // namespace keyfold::ledger
