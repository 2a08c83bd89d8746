// The organization's fold: users, devices and directory epochs, each with the position of every
// change. Only organization certificates change it; a workspace certificate never does
// (DESIGN 4.2).
#pragma once

#include <map>
#include <set>

#include "store/ledger/certificate.hpp"

namespace keyfold::ledger {

struct user_record {
  user_id id;
  box_public_key key;
  sealed_handle handle;
  ledger_seq added;
  std::uint64_t added_ms = 0;
  std::optional<ledger_seq> revoked;
  std::vector<std::pair<ledger_seq, ledger::profile>>
      profiles;                    ///< ascending, the first when added
  std::vector<device_id> devices;  ///< in ledger order

  [[nodiscard]] ledger::profile profile() const { return profiles.back().second; }
  [[nodiscard]] ledger::profile profile_at(ledger_seq seq) const;
  [[nodiscard]] bool revoked_at(ledger_seq seq) const { return revoked && *revoked <= seq; }
};

struct device_record {
  device_id id;
  device_facts facts;
  sealed_label label;
  ledger::purpose purpose = purpose::standard;
  std::uint64_t added_ms = 0;
};

struct directory_epoch {
  epoch_number epoch;
  hash32 commitment;
  box_public_key public_key;
  ledger_seq since;
};

/// A relay and the time in which it orders the ledger: the term of its receipts.
struct relay_term {
  signing_public_key receipt_key;
  std::vector<std::string> addresses;
  ledger_seq since;  ///< of its `relay set`, which may have a receipt of the term before, too
};

class organization_fold {
 public:
  /// False until genesis has been applied.
  [[nodiscard]] bool founded() const { return founded_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const signing_public_key& root_key() const { return root_key_; }
  /// Every relay that there was, by term; the last is the present one. Empty until founded.
  [[nodiscard]] const std::vector<relay_term>& terms() const { return terms_; }
  [[nodiscard]] std::uint64_t term() const { return terms_.size() - 1; }
  [[nodiscard]] const signing_public_key& receipt_key() const { return terms_.back().receipt_key; }
  [[nodiscard]] const std::vector<std::string>& addresses() const {
    return terms_.back().addresses;
  }
  [[nodiscard]] std::uint64_t created_ms() const { return created_ms_; }

  [[nodiscard]] const user_record* user(user_id id) const;
  [[nodiscard]] const device_record* device(device_id id) const;
  [[nodiscard]] const std::map<user_id, user_record>& users() const { return users_; }
  [[nodiscard]] const std::map<device_id, device_record>& devices() const { return devices_; }
  /// Revocations in ledger order.
  [[nodiscard]] const std::vector<std::pair<ledger_seq, user_id>>& revocations() const {
    return revocations_;
  }
  /// Ascending; the last is in force.
  [[nodiscard]] const std::vector<directory_epoch>& directory() const { return directory_; }
  /// True when somebody who knows the directory key in force has been revoked.
  [[nodiscard]] bool directory_rotation_due() const { return directory_due_; }
  /// Unrevoked Administrators and Members, ascending: who holds the directory key.
  [[nodiscard]] std::vector<user_id> directory_readers() const;
  [[nodiscard]] bool key_used(const signing_public_key& key) const;
  [[nodiscard]] bool key_used(const box_public_key& key) const;
  /// An organization certificate of an unknown critical kind stands in the ledger: read-only here.
  [[nodiscard]] bool read_only() const { return read_only_; }

  /// Takes in a certificate that rules.hpp let through. Workspace kinds must not be given.
  void apply(const header& h, const body& b);

 private:
  void apply(const header& h, const body& b, const genesis& what);
  void apply(const header& h, const body& b, const user_added& what);
  void apply(const header& h, const body& b, const device_added& what);
  void apply(const header& h, const body& b, const profile_changed& what);
  void apply(const header& h, const body& b, const user_revoked& what);
  void apply(const header& h, const body& b, const key_rotated& what);
  void apply(const header& h, const body& b, const relay_set& what);
  void add_user(const header& h, const body& b, const user_added& what);
  void add_device(const header& h, const body& b, user_id user, const new_device& device,
                  purpose why);

  bool founded_ = false;
  bool read_only_ = false;
  bool directory_due_ = false;
  std::string name_;
  signing_public_key root_key_;
  std::vector<relay_term> terms_;
  std::uint64_t created_ms_ = 0;
  std::map<user_id, user_record> users_;
  std::map<device_id, device_record> devices_;
  std::vector<std::pair<ledger_seq, user_id>> revocations_;
  std::vector<directory_epoch> directory_;
  std::set<hash32> keys_;  ///< every signing, link, user and receipt key, by its bytes
};

}  // namespace keyfold::ledger
