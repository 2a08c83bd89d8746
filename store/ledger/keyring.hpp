// The keys that a user can obtain from the ledger: rows sealed to him, and backwards from each key
// the earlier ones. Every key is held against its commitment, so a key that is here is the right
// one.
#pragma once

#include "store/ledger/sealing.hpp"
#include "store/ledger/state.hpp"

namespace keyfold::ledger {

class keyring {
 public:
  keyring(user_id self, const box_key& key) : self_(self), key_(key) {}

  /// Looks at what is new in `s` and obtains what can be obtained. Gives incidents that were not
  /// given before: rows to me that do not open or are not the key, earlier keys that are not, and,
  /// for keys that I hold, rows of others that are not what they should be. Call it after each
  /// change of the state.
  std::vector<incident> update(const state& s);

  /// nullptr while the key is not held.
  [[nodiscard]] const symmetric_key* find(const key_target& target, epoch_number epoch) const;
  [[nodiscard]] const symmetric_key* directory_key(epoch_number epoch) const {
    return find(std::nullopt, epoch);
  }
  [[nodiscard]] const symmetric_key* workspace_key(workspace_id workspace,
                                                   epoch_number epoch) const {
    return find(workspace, epoch);
  }
  /// All epochs held, ascending.
  [[nodiscard]] std::vector<epoch_number> epochs(const key_target& target) const;
  /// Takes a key handed on by another member; `errc::key_mismatch` unless it matches the ledger's
  /// commitment.
  expected<void> offer(const state& s, const key_target& target, epoch_number epoch,
                       const symmetric_key& key);

  // Opening what the ledger carries sealed: `errc::key_not_held`, `errc::bad_seal`, or what
  // sealing.hpp says.
  [[nodiscard]] expected<human_handle> handle_of(const user_record& user) const;
  /// With the directory's key, or my own for my devices.
  [[nodiscard]] expected<std::string> label_of(const device_record& device) const;
  [[nodiscard]] expected<std::string> name_of(const workspace_fold& workspace) const;
  [[nodiscard]] expected<symmetric_key> chunking_of(const workspace_fold& workspace) const;

  [[nodiscard]] user_id self() const { return self_; }
  [[nodiscard]] const box_key& user_key() const { return key_; }

 private:
  struct slot;
  static std::optional<slot> slot_at(const state& s, ledger_seq seq);
  void try_row(const slot& at, std::vector<incident>& out);
  void walk_back(const state& s, const slot& at, std::vector<incident>& out);
  void check_rows(const state& s, const slot& at, std::vector<incident>& out);
  void report(const incident& what, std::vector<incident>& out);
  bool keep(const key_target& target, epoch_number epoch, const hash32& commitment,
            const symmetric_key& key);
  [[nodiscard]] expected<symmetric_key> need(const key_target& target, epoch_number epoch) const;

  user_id self_;
  box_key key_;
  std::map<std::pair<key_target, epoch_number>, symmetric_key> keys_;
  std::set<incident> reported_;
  std::set<ledger_seq> finished_;  ///< nothing is left to learn from the certificate there
};

/// The commitment of an epoch; nullopt when the ledger does not have it.
[[nodiscard]] std::optional<hash32> commitment_at(const state& s, const key_target& target,
                                                  epoch_number epoch);

}  // namespace keyfold::ledger
