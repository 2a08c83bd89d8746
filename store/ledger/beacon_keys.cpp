#include "store/ledger/beacon_keys.hpp"

#include "crypto/hash.hpp"

namespace keyfold::ledger {
namespace {

class gathering {
 public:
  explicit gathering(const keyring& keys) : keys_(keys) {}

  [[nodiscard]] bool full() const { return groups_ == max_accepted_groups; }
  /// The group of the key that is in force there; `say`: it is one of those in which we say that we are there.
  void add(const key_target& target, epoch_number in_force, bool say) {
    ++groups_;
    if (const auto* key = keys_.find(target, in_force)) {
      const auto group = derive(*key, "keyfold/v1/beacon");
      if (say && out_.mine.size() < max_beacon_groups) out_.mine.push_back(group);
      out_.accepted.push_back(group);
    }
    if (in_force.value == 0) return;
    if (const auto* former = keys_.find(target, {in_force.value - 1}))
      out_.accepted.push_back(derive(*former, "keyfold/v1/beacon"));
  }
  [[nodiscard]] beacon_keys take() && { return std::move(out_); }

 private:
  const keyring& keys_;
  std::size_t groups_ = 0;
  beacon_keys out_;
};

bool is_external(const state& s, user_id user) {
  const auto* record = s.organization().user(user);
  return record != nullptr && record->profile() == profile::external;
}

}  // namespace

beacon_keys beacon_keys_of(const state& s, const keyring& keys) {
  const auto self = keys.self();
  const auto* record = s.organization().user(self);
  if (record == nullptr || record->revoked) return {};
  gathering out(keys);
  const bool external = is_external(s, self);
  const auto& directory = s.organization().directory();
  if (!external && !directory.empty()) out.add(std::nullopt, directory.back().epoch, true);
  std::set<user_id> reached{self};
  for (const auto& [id, role] : s.workspaces_of(self)) {
    const auto* fold = s.workspace(id);
    if (fold == nullptr || !fold->created() || !may_read(role)) continue;
    std::vector<user_id> others;  // whom the directory does not join to him
    for (const auto& [user, theirs] : fold->members())
      if (user != self && (external || is_external(s, user))) others.push_back(user);
    if (others.empty()) continue;
    if (out.full()) break;
    bool say = false;
    for (const auto& user : others) say = reached.insert(user).second || say;
    out.add(id, fold->epochs().back().epoch, say);
  }
  return std::move(out).take();
}

}  // namespace keyfold::ledger
