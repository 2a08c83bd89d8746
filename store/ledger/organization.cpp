#include "store/ledger/organization.hpp"

#include <cassert>

namespace keyfold::ledger {
namespace {

template <class Key>
hash32 key_bytes(const Key& key) {
  return hash32{key.value};
}

}  // namespace

ledger::profile user_record::profile_at(ledger_seq seq) const {
  auto out = profiles.front().second;
  for (const auto& [since, profile] : profiles)
    if (since <= seq) out = profile;
  return out;
}

const user_record* organization_fold::user(user_id id) const {
  const auto found = users_.find(id);
  return found == users_.end() ? nullptr : &found->second;
}

const device_record* organization_fold::device(device_id id) const {
  const auto found = devices_.find(id);
  return found == devices_.end() ? nullptr : &found->second;
}

std::vector<user_id> organization_fold::directory_readers() const {
  std::vector<user_id> out;
  for (const auto& [id, user] : users_)
    if (!user.revoked && user.profile() != profile::external) out.push_back(id);
  return out;
}

bool organization_fold::key_used(const signing_public_key& key) const {
  return keys_.contains(key_bytes(key));
}
bool organization_fold::key_used(const box_public_key& key) const {
  return keys_.contains(key_bytes(key));
}

void organization_fold::apply(const header& h, const body& b) {
  std::visit(
      [&](const auto& what) {
        using kind_of = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<kind_of, unknown_body>)
          read_only_ = read_only_ || b.critical;
        else if constexpr (std::is_same_v<kind_of, workspace_created> ||
                           std::is_same_v<kind_of, role_changed>)
          assert(false && "a workspace's certificate never changes the organization");
        else
          apply(h, b, what);
      },
      b.what);
}

void organization_fold::apply(const header& h, const body& b, const genesis& what) {
  founded_ = true;
  name_ = what.name;
  root_key_ = what.root_key;
  terms_.push_back({what.receipt_key, what.addresses, h.seq});
  created_ms_ = b.time_ms;
  keys_.insert(key_bytes(what.root_key));
  keys_.insert(key_bytes(what.receipt_key));
  add_user(h, b, {what.user, profile::administrator, what.user_key, what.handle, what.device, {}});
  directory_.push_back({{0}, what.directory_commitment, what.directory_key, h.seq});
}

void organization_fold::apply(const header& h, const body& b, const user_added& what) {
  add_user(h, b, what);
}

void organization_fold::add_user(const header& h, const body& b, const user_added& what) {
  user_record user;
  user.id = what.user;
  user.key = what.user_key;
  user.handle = what.handle;
  user.added = h.seq;
  user.added_ms = b.time_ms;
  user.profiles.emplace_back(h.seq, what.profile);
  users_.emplace(what.user, std::move(user));
  keys_.insert(key_bytes(what.user_key));
  add_device(h, b, what.user, what.device, purpose::standard);
}

void organization_fold::apply(const header& h, const body& b, const device_added& what) {
  add_device(h, b, what.user, what.device, what.purpose);
}

void organization_fold::add_device(const header& h, const body& b, user_id user,
                                   const new_device& device, purpose why) {
  const device_facts facts{user, device.signing_key, device.link_key, h.seq};
  devices_.emplace(device.id, device_record{device.id, facts, device.label, why, b.time_ms});
  users_.at(user).devices.push_back(device.id);
  keys_.insert(key_bytes(device.signing_key));
  keys_.insert(key_bytes(device.link_key));
}

void organization_fold::apply(const header& h, const body&, const profile_changed& what) {
  users_.at(what.user).profiles.emplace_back(h.seq, what.profile);
}

void organization_fold::apply(const header& h, const body&, const user_revoked& what) {
  auto& user = users_.at(what.user);
  user.revoked = h.seq;
  revocations_.emplace_back(h.seq, what.user);
  if (user.profile() != profile::external) directory_due_ = true;
}

void organization_fold::apply(const header& h, const body&, const key_rotated& what) {
  directory_.push_back(
      {what.rotation.epoch, what.rotation.commitment, *what.rotation.directory_key, h.seq});
  directory_due_ = false;
}

void organization_fold::apply(const header& h, const body&, const relay_set& what) {
  terms_.push_back({what.receipt_key, what.addresses, h.seq});
  keys_.insert(key_bytes(what.receipt_key));
}

}  // namespace keyfold::ledger
