#include "store/ledger/keyring.hpp"

namespace keyfold::ledger {

/// A certificate that carries one key: inline for one user, or as rows for all readers.
struct keyring::slot {
  ledger_seq seq;
  key_target target;
  epoch_number epoch;
  hash32 commitment;
  std::optional<key_row> single;
  const attachments* attached = nullptr;  ///< of a rotation
};

namespace {

epoch_number directory_epoch_at(const organization_fold& org, ledger_seq seq) {
  epoch_number out;
  for (const auto& epoch : org.directory())
    if (epoch.since <= seq) out = epoch.epoch;
  return out;
}

/// Who should have a row in a rotation at `seq`.
std::vector<user_id> readers_at(const state& s, const key_target& target, ledger_seq seq) {
  std::vector<user_id> out;
  if (target) {
    for (const auto& [user, role] : s.workspace(*target)->members_at(seq)) out.push_back(user);
    return out;
  }
  for (const auto& [id, user] : s.organization().users())
    if (user.added <= seq && !user.revoked_at(seq) && user.profile_at(seq) != profile::external)
      out.push_back(id);
  return out;
}

}  // namespace

std::optional<hash32> commitment_at(const state& s, const key_target& target, epoch_number epoch) {
  const auto find = [&](const auto& epochs) -> std::optional<hash32> {
    for (const auto& one : epochs)
      if (one.epoch == epoch) return one.commitment;
    return std::nullopt;
  };
  if (!target) return find(s.organization().directory());
  const auto* workspace = s.workspace(*target);
  return workspace != nullptr ? find(workspace->epochs()) : std::nullopt;
}

/// What key the certificate at `seq` carries, if it carries one.
std::optional<keyring::slot> keyring::slot_at(const state& s, ledger_seq seq) {
  const auto* body = s.effective_body_at(seq);
  if (body == nullptr) return std::nullopt;
  const auto& certificate = s.record_at(seq)->certificate;
  slot out;
  out.seq = seq;
  out.target = certificate.header.scope;
  if (const auto* r = rotation_of(body->what)) {
    out.epoch = r->epoch;
    out.attached = &certificate.attached;
  } else if (const auto* founding = std::get_if<genesis>(&body->what)) {
    out.single = key_row{founding->user, founding->directory_row};
  } else if (const auto* added = std::get_if<user_added>(&body->what)) {
    if (!added->directory_row) return std::nullopt;
    out.single = key_row{added->user, *added->directory_row};
    out.epoch = directory_epoch_at(s.organization(), seq);
  } else if (const auto* created = std::get_if<workspace_created>(&body->what)) {
    out.single = key_row{s.workspace(*out.target)->creator(), created->row};
  } else if (const auto* changed = std::get_if<role_changed>(&body->what)) {
    if (!changed->row) return std::nullopt;
    out.single = key_row{changed->user, *changed->row};
    out.epoch = s.workspace(*out.target)->epoch_at(seq)->epoch;
  } else {
    return std::nullopt;
  }
  out.commitment = *commitment_at(s, out.target, out.epoch);
  return out;
}

std::vector<incident> keyring::update(const state& s) {
  std::vector<incident> out;
  std::vector<slot> slots;
  for (std::uint64_t seq = 0; seq < s.size(); ++seq)
    if (!finished_.contains({seq}))
      if (auto found = slot_at(s, {seq})) slots.push_back(std::move(*found));
  // From the newest on: each key that comes opens the way back to the earlier ones.
  for (auto at = slots.rbegin(); at != slots.rend(); ++at) {
    try_row(*at, out);
    walk_back(s, *at, out);
  }
  for (const auto& at : slots) check_rows(s, at, out);
  return out;
}

void keyring::try_row(const slot& at, std::vector<incident>& out) {
  if (find(at.target, at.epoch) != nullptr) return;
  std::optional<bytes> row;
  if (at.single && at.single->user == self_) row = at.single->row;
  if (at.attached != nullptr && at.attached->rows) {
    const auto rows = decode_rows(*at.attached->rows).value_or(std::vector<key_row>{});
    for (const auto& one : rows)
      if (one.user == self_) row = one.row;
  }
  if (!row) return;
  const auto key = open_row(key_, *row);
  if (!key)
    report({incident_kind::row_does_not_open, at.seq, at.target, self_, at.epoch}, out);
  else if (!keep(at.target, at.epoch, at.commitment, *key))
    report({incident_kind::key_mismatch, at.seq, at.target, self_, at.epoch}, out);
}

void keyring::walk_back(const state& s, const slot& at, std::vector<incident>& out) {
  const auto* key = find(at.target, at.epoch);
  if (key == nullptr || at.attached == nullptr || !at.attached->earlier) return;
  const auto list = decode_earlier(*at.attached->earlier);
  if (!list) {
    report({incident_kind::earlier_mismatch, at.seq, at.target, {}, {}}, out);
    return;
  }
  for (const auto& one : *list) {
    const auto commitment = commitment_at(s, at.target, one.epoch);
    const auto earlier = open_earlier(*key, at.target, one.epoch, one.sealed);
    if (!commitment || one.epoch >= at.epoch || !earlier ||
        !keep(at.target, one.epoch, *commitment, *earlier))
      report({incident_kind::earlier_mismatch, at.seq, at.target, {}, one.epoch}, out);
  }
}

void keyring::check_rows(const state& s, const slot& at, std::vector<incident>& out) {
  const auto* key = find(at.target, at.epoch);
  if (key == nullptr) return;
  std::vector<key_row> rows;
  std::vector<user_id> readers;
  if (at.single) {
    rows.push_back(*at.single);
    readers.push_back(at.single->user);
  } else {
    if (!at.attached->rows || !at.attached->earlier) return;  // looked at again when they come
    rows = decode_rows(*at.attached->rows).value_or(std::vector<key_row>{});
    readers = readers_at(s, at.target, at.seq);
  }
  for (const auto& row : rows) {
    const auto* user = s.organization().user(row.user);
    const bool meant = std::binary_search(readers.begin(), readers.end(), row.user);
    if (!meant || user == nullptr) {
      report({incident_kind::row_missing, at.seq, at.target, row.user, at.epoch}, out);
      continue;
    }
    const auto right = make_row(*key, row.user, user->key);
    if (right && *right != row.row)
      report({incident_kind::row_does_not_open, at.seq, at.target, row.user, at.epoch}, out);
  }
  for (const auto reader : readers)
    if (std::none_of(rows.begin(), rows.end(), [&](const auto& r) { return r.user == reader; }))
      report({incident_kind::row_missing, at.seq, at.target, reader, at.epoch}, out);
  finished_.insert(at.seq);
}

void keyring::report(const incident& what, std::vector<incident>& out) {
  if (reported_.insert(what).second) out.push_back(what);
}

bool keyring::keep(const key_target& target, epoch_number epoch, const hash32& commitment,
                   const symmetric_key& key) {
  if (commitment_of(target, epoch, key) != commitment) return false;
  keys_.try_emplace({target, epoch}, key);
  return true;
}

const symmetric_key* keyring::find(const key_target& target, epoch_number epoch) const {
  const auto found = keys_.find({target, epoch});
  return found == keys_.end() ? nullptr : &found->second;
}

expected<symmetric_key> keyring::need(const key_target& target, epoch_number epoch) const {
  const auto* key = find(target, epoch);
  if (key == nullptr)
    return fail(errc::key_not_held, "the key that this is sealed with is not held here");
  return *key;
}

std::vector<epoch_number> keyring::epochs(const key_target& target) const {
  std::vector<epoch_number> out;
  for (const auto& [place, key] : keys_)
    if (place.first == target) out.push_back(place.second);
  return out;
}

expected<void> keyring::offer(const state& s, const key_target& target, epoch_number epoch,
                              const symmetric_key& key) {
  const auto commitment = commitment_at(s, target, epoch);
  if (!commitment || !keep(target, epoch, *commitment, key))
    return fail(errc::key_mismatch, "not the key that the ledger committed to");
  return {};
}

expected<human_handle> keyring::handle_of(const user_record& user) const {
  KEYFOLD_TRY(const auto key, need(std::nullopt, user.handle.epoch));
  return open_handle(key, user.id, user.handle);
}

expected<std::string> keyring::label_of(const device_record& device) const {
  if (device.facts.user == self_) return open_label(key_, device.label.to_user);
  KEYFOLD_TRY(const auto key, need(std::nullopt, device.label.epoch));
  return open_label(directory_box(key), device.label.to_directory);
}

expected<std::string> keyring::name_of(const workspace_fold& workspace) const {
  KEYFOLD_TRY(const auto key, need(workspace.id(), {0}));
  return open_workspace_name(key, workspace.id(), workspace.sealed_name());
}

expected<symmetric_key> keyring::chunking_of(const workspace_fold& workspace) const {
  KEYFOLD_TRY(const auto key, need(workspace.id(), {0}));
  return open_chunking(key, workspace.id(), workspace.sealed_chunking());
}

}  // namespace keyfold::ledger
