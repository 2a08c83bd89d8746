#include "store/ledger/author.hpp"

namespace keyfold::ledger {
namespace {

constexpr std::uint64_t kib = 1024;

certificate sign(const author& a, std::optional<workspace_id> scope, payload what,
                 attachments attached) {
  header h;
  h.organization = a.state.id();
  const auto head = a.state.head();
  h.seq = head ? head->seq.next() : ledger_seq{0};
  h.prev = head ? head->hash : certificate_hash{};
  h.author = a.device;
  h.scope = scope;
  return sign_certificate(h, {a.time_ms, std::move(what)}, std::move(attached), a.key);
}

expected<certificate> finish(const author& a, std::optional<workspace_id> scope, payload what,
                             attachments attached = {}) {
  auto out = sign(a, scope, std::move(what), std::move(attached));
  KEYFOLD_CHECK(a.state.check(out));
  return out;
}

expected<const user_record*> self(const author& a) {
  const auto* device = a.state.organization().device(a.device);
  if (device == nullptr) return fail(errc::author_unknown, "the ledger does not know this device");
  return a.state.organization().user(device->facts.user);
}

expected<const user_record*> find_user(const author& a, user_id id) {
  const auto* user = a.state.organization().user(id);
  if (user == nullptr) return fail(errc::user_unknown, "a user whom the ledger does not know");
  return user;
}

/// The workspace with all its certificates: nothing may be written on half a knowledge.
expected<const workspace_fold*> find_workspace(const author& a, workspace_id id) {
  if (a.state.missing_body(id))
    return fail(errc::body_missing, "the workspace's certificates are not all here; pull first");
  const auto* found = a.state.workspace(id);
  if (found == nullptr) return fail(errc::workspace_unknown, "there is no such workspace");
  return found;
}

expected<symmetric_key> current_key(const author& a, const key_target& target, epoch_number epoch) {
  const auto* key = a.keys.find(target, epoch);
  if (key == nullptr)
    return fail(errc::key_not_held, "the key in force is not held here, so it cannot be given on");
  return *key;
}

expected<new_device> seal_device(const author& a, const device_draft& device,
                                 const box_public_key& user_key) {
  const auto& directory = a.state.organization().directory().back();
  KEYFOLD_TRY(auto label,
              seal_label(directory.public_key, directory.epoch, user_key, device.label, a.random));
  return new_device{device.id, device.signing_key, device.link_key, std::move(label)};
}

struct rotation_draft {
  ledger::rotation rotation;
  attachments attached;
  symmetric_key key;
};

/// The next epoch's key, sealed to `readers`, with every earlier key that the author holds.
expected<rotation_draft> rotate(const author& a, const key_target& target, epoch_number last,
                                const std::vector<user_id>& readers) {
  rotation_draft out;
  out.key = a.random.key();
  out.rotation.epoch = last.next();
  out.rotation.commitment = commitment_of(target, last.next(), out.key);
  std::vector<key_row> rows;
  for (const auto reader : readers) {
    KEYFOLD_TRY(auto row, make_row(out.key, reader, a.state.organization().user(reader)->key));
    rows.push_back({reader, std::move(row)});
  }
  std::vector<earlier_key> earlier;
  for (const auto epoch : a.keys.epochs(target))
    earlier.push_back(
        {epoch, seal_earlier(out.key, target, epoch, *a.keys.find(target, epoch), a.random)});
  out.attached.rows = encode_rows(rows);
  out.attached.earlier = encode_earlier(std::move(earlier));
  out.rotation.rows_root = rows_root(rows);
  out.rotation.rows_count = rows.size();
  out.rotation.earlier_hash = hash_of_earlier(*out.attached.earlier);
  return out;
}

std::vector<user_id> readers_without(const workspace_fold& workspace,
                                     std::optional<user_id> leaving) {
  std::vector<user_id> out;
  for (const auto& [user, role] : workspace.members())
    if (user != leaving) out.push_back(user);
  return out;
}

}  // namespace

expected<certificate> make_genesis(const founder& who, const signing_key& root,
                                   const signing_key& device, std::uint64_t time_ms,
                                   random_source& random) {
  const auto directory_key = random.key();
  const auto directory = directory_box(directory_key).public_key();
  genesis what;
  what.name = who.name;
  what.root_key = root.public_key();
  what.receipt_key = who.receipt_key;
  what.addresses = who.addresses;
  what.user = who.user;
  what.user_key = who.user_key;
  KEYFOLD_TRY(what.handle, seal_handle(directory_key, {0}, who.user, who.handle, random));
  KEYFOLD_TRY(auto label, seal_label(directory, {0}, who.user_key, who.label, random));
  what.device = {who.device, device.public_key(), who.link_key, std::move(label)};
  what.directory_key = directory;
  what.directory_commitment = commitment_of(std::nullopt, {0}, directory_key);
  KEYFOLD_TRY(what.directory_row, make_row(directory_key, who.user, who.user_key));

  header h;
  h.organization = organization_of(root.public_key());
  h.author = who.device;
  auto out = sign_certificate(h, {time_ms, std::move(what)}, {}, device, &root);
  KEYFOLD_CHECK(state(h.organization).check(out));
  return out;
}

expected<certificate> make_user_added(const author& a, const user_draft& who) {
  const auto& org = a.state.organization();
  if (org.directory_rotation_due())
    return fail(errc::rotation_due, "the directory's key must be rotated before a user is added");
  const auto epoch = org.directory().back().epoch;
  KEYFOLD_TRY(const auto directory_key, current_key(a, std::nullopt, epoch));
  user_added what;
  what.user = who.user;
  what.profile = who.profile;
  what.user_key = who.user_key;
  KEYFOLD_TRY(what.handle, seal_handle(directory_key, epoch, who.user, who.handle, a.random));
  KEYFOLD_TRY(what.device, seal_device(a, who.device, who.user_key));
  if (who.profile != profile::external) {
    KEYFOLD_TRY(what.directory_row, make_row(directory_key, who.user, who.user_key));
  }
  return finish(a, std::nullopt, std::move(what));
}

expected<certificate> make_device_added(const author& a, const device_draft& device, purpose why) {
  KEYFOLD_TRY(const auto* own, self(a));
  KEYFOLD_TRY(auto sealed, seal_device(a, device, own->key));
  return finish(a, std::nullopt, device_added{own->id, std::move(sealed), why});
}

expected<certificate> make_profile_changed(const author& a, user_id user, profile to) {
  return finish(a, std::nullopt, profile_changed{user, to});
}

expected<certificate> make_relay_set(const author& a, const signing_public_key& receipt_key,
                                     std::vector<std::string> addresses) {
  const auto next = a.state.organization().term() + 1;
  return finish(a, std::nullopt, relay_set{next, receipt_key, std::move(addresses)});
}

expected<certificate> make_workspace_created(const author& a, std::string_view name) {
  KEYFOLD_TRY(const auto* own, self(a));
  const auto key = a.random.key();
  workspace_created what;
  what.workspace = a.random.id<workspace_id>();
  what.commitment = commitment_of(what.workspace, {0}, key);
  KEYFOLD_TRY(what.name, seal_workspace_name(key, what.workspace, name, a.random));
  what.chunking = seal_chunking(key, what.workspace, a.random.key(), a.random);
  what.chunk_table = default_chunk_table();
  KEYFOLD_TRY(what.row, make_row(key, own->id, own->key));
  const auto scope = what.workspace;
  return finish(a, scope, std::move(what));
}

bool takes_write(const state& s, workspace_id workspace, user_id user, role to) {
  const auto* fold = s.workspace(workspace);
  return fold != nullptr && may_write(fold->role_of(user)) && !may_write(to);
}

expected<certificate> make_role_changed(const author& a, workspace_id workspace, user_id user,
                                        role to, std::vector<signed_head> heads) {
  KEYFOLD_TRY(const auto* own, self(a));
  KEYFOLD_TRY(const auto* target, find_user(a, user));
  KEYFOLD_TRY(const auto* fold, find_workspace(a, workspace));
  const auto from = fold->role_of(user);
  const auto epoch = fold->epochs().back().epoch;
  role_changed what;
  what.user = user;
  what.role = to;
  attachments attached;
  if (!may_read(from) && may_read(to)) {
    KEYFOLD_TRY(const auto key, current_key(a, workspace, epoch));
    KEYFOLD_TRY(what.row, make_row(key, user, target->key));
  }
  if (may_read(from) && !may_read(to) && user != own->id) {
    KEYFOLD_TRY(auto next, rotate(a, workspace, epoch, readers_without(*fold, user)));
    what.rotation = next.rotation;
    attached = std::move(next.attached);
  }
  if (takes_write(a.state, workspace, user, to)) {
    KEYFOLD_TRY(attached.frontier, encode_frontier(std::move(heads)));
    what.frontier_hash = hash_of_frontier(*attached.frontier);
  }
  return finish(a, workspace, std::move(what), std::move(attached));
}

expected<certificate> make_key_rotated(const author& a, workspace_id workspace) {
  KEYFOLD_TRY(const auto* fold, find_workspace(a, workspace));
  KEYFOLD_TRY(auto next, rotate(a, workspace, fold->epochs().back().epoch,
                                readers_without(*fold, std::nullopt)));
  return finish(a, workspace, key_rotated{next.rotation}, std::move(next.attached));
}

expected<certificate> make_directory_rotation(const author& a) {
  const auto& org = a.state.organization();
  KEYFOLD_TRY(auto next,
              rotate(a, std::nullopt, org.directory().back().epoch, org.directory_readers()));
  next.rotation.directory_key = directory_box(next.key).public_key();
  return finish(a, std::nullopt, key_rotated{next.rotation}, std::move(next.attached));
}

expected<certificate> make_user_revoked(
    const author& a, user_id user, const std::map<workspace_id, std::vector<signed_head>>& heads) {
  user_revoked what;
  what.user = user;
  frontier_parts parts;
  for (const auto& [workspace, role] : a.state.workspaces_of(user)) {
    const auto named = heads.find(workspace);
    if (!may_write(role) || named == heads.end() || named->second.empty()) continue;
    KEYFOLD_TRY(auto frontier, encode_frontier(named->second));
    what.workspaces.push_back({workspace, hash_of_frontier(frontier)});
    parts.emplace(workspace, std::move(frontier));
  }
  attachments attached;
  attached.frontier = encode_parts(parts);
  return finish(a, std::nullopt, std::move(what), std::move(attached));
}

std::vector<chunk_class> default_chunk_table() {
  // An edit that takes a file over the limit changes all its chunks. So that stands where few files are: at
  // 1 GiB stand many images of disks and films.
  return {{5 * kib * kib * kib, 64 * kib, 256 * kib, 1024 * kib},
          {~std::uint64_t{0}, 256 * kib, 1024 * kib, 4096 * kib}};
}

}  // namespace keyfold::ledger
