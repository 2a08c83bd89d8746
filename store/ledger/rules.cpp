#include "store/ledger/rules.hpp"

#include "store/ledger/sealing.hpp"

namespace keyfold::ledger::rules {
namespace {

/// Organization certificates are folded in order, so what the fold says is what stood before them.
constexpr ledger_seq now{~std::uint64_t{0}};
constexpr std::uint64_t min_chunk = 1024;
constexpr std::uint64_t max_chunk = 4 * 1024 * 1024;

expected<void> refuse(errc code, const char* why) {
  return fail(code, why);
}

ledger_seq before(ledger_seq seq) {
  return {seq.value - 1};
}

expected<void> check_fresh_device(const organization_fold& org, const new_device& device) {
  if (org.device(device.id) != nullptr)
    return refuse(errc::device_exists, "a device with that id stands in the ledger already");
  if (org.key_used(device.signing_key) || org.key_used(device.link_key))
    return refuse(errc::key_reused, "a device's key that stands in the ledger already");
  if (device.signing_key.value == device.link_key.value)
    return refuse(errc::key_reused, "a device with one key for two purposes");
  return {};
}

expected<void> check_directory_epoch(const organization_fold& org, epoch_number epoch) {
  if (epoch != org.directory().back().epoch)
    return refuse(errc::wrong_epoch, "sealed under a directory epoch that is not in force");
  return {};
}

expected<const user_record*> find_active(const organization_fold& org, user_id id, ledger_seq seq) {
  const auto* user = org.user(id);
  if (user == nullptr || user->added > seq)
    return fail(errc::user_unknown, "a user whom the ledger does not know");
  if (user->revoked_at(seq)) return fail(errc::user_is_revoked, "a user who was revoked");
  return user;
}

expected<void> check_administrator(const user_record& author) {
  if (author.profile() != profile::administrator)
    return refuse(errc::not_administrator, "only an Administrator may do that");
  return {};
}

bool addresses_fit(const std::vector<std::string>& addresses) {
  return !addresses.empty() && std::all_of(addresses.begin(), addresses.end(), [](const auto& a) {
    return is_plain_text(a, max_address_size);
  });
}

/// The next epoch of a key with `last` in force and `readers` present readers.
expected<void> check_rotation(const rotation& r, epoch_number last, std::size_t readers) {
  if (r.epoch != last.next())
    return refuse(errc::wrong_epoch, "a rotation that is not to the next epoch");
  if (r.rows_count != readers)
    return refuse(errc::wrong_row_count, "a rotation that does not have one row for each reader");
  return {};
}

expected<void> check_workspace_rotation(const workspace_fold& workspace, const rotation& r,
                                        std::size_t readers) {
  if (r.directory_key)
    return refuse(errc::wrong_directory_key, "a workspace's rotation with a directory key");
  return check_rotation(r, workspace.epochs().back().epoch, readers);
}

bool chunk_table_is_sound(const std::vector<chunk_class>& table) {
  std::uint64_t previous = 0;
  for (const auto& row : table) {
    if (row.largest_file <= previous) return false;
    if (row.min < min_chunk || row.max > max_chunk) return false;
    if (row.min > row.average || row.average > row.max) return false;
    previous = row.largest_file;
  }
  return !table.empty() && table.back().largest_file == ~std::uint64_t{0};
}

/// A role change as seen before it.
struct change {
  const organization_fold& org;
  const workspace_fold& workspace;
  const user_record& author;
  ledger_seq seq;
  role authors;  ///< the author's role
  role from;     ///< the user's role so far
  role to;
  bool own;  ///< about the author himself
};

expected<void> check_own(const change& c) {
  if (c.to == role::none) {
    if (c.from == role::none) return refuse(errc::role_insufficient, "not a member there");
    const auto members = c.workspace.members_at(before(c.seq));
    const auto owners = std::count_if(members.begin(), members.end(), [](const auto& member) {
      return member.second == role::owner;
    });
    if (c.from == role::owner && owners == 1)
      return refuse(errc::last_owner,
                    "the last Owner cannot leave; make somebody else Owner first");
    return {};
  }
  if (c.to == role::owner && may_promote_himself(c.org, c.workspace, c.author.id, before(c.seq)))
    return {};
  return refuse(errc::own_role, "nobody changes his own role");
}

expected<void> check_other(const change& c) {
  if (c.authors < role::manager)
    return refuse(errc::role_insufficient, "only Managers and Owners give and take roles");
  const auto highest = std::max(c.from, c.to);
  if (c.authors == role::manager && highest >= role::manager)
    return refuse(errc::manager_limits, "only Owners give and take Manager and Owner");
  return {};
}

expected<void> check_authority(const change& c) {
  return c.own ? check_own(c) : check_other(c);
}

/// What must stand in the body for such a change, and nothing else.
expected<void> check_parts(const change& c, const role_changed& what) {
  const bool gains_read = !may_read(c.from) && may_read(c.to);
  const bool loses_read = may_read(c.from) && !may_read(c.to);
  const bool loses_write = may_write(c.from) && !may_write(c.to);
  if (gains_read && !what.row) return refuse(errc::row_missing, "a grant without the sealed key");
  if (!gains_read && what.row)
    return refuse(errc::row_unexpected,
                  "a sealed key for somebody who could read before, or may not");
  // Who leaves would know the key that he makes: the rotation becomes due instead.
  const bool needs_rotation = loses_read && !c.own;
  if (needs_rotation && !what.rotation)
    return refuse(errc::rotation_missing, "the right to read is taken without the next epoch");
  if (!needs_rotation && what.rotation)
    return refuse(errc::rotation_unexpected, "a rotation where nobody's right to read is taken");
  if (loses_write && !what.frontier_hash)
    return refuse(errc::frontier_missing, "the right to write is taken without a frontier");
  if (!loses_write && what.frontier_hash)
    return refuse(errc::frontier_unexpected, "a frontier where no right to write is taken");
  if (!what.rotation) return {};
  const auto readers = c.workspace.members_at(before(c.seq)).size() - 1;
  return check_workspace_rotation(c.workspace, *what.rotation, readers);
}

}  // namespace

expected<const user_record*> find_author(const organization_fold& org, const header& h) {
  const auto* device = org.device(h.author);
  if (device == nullptr || device->facts.added >= h.seq)
    return fail(errc::author_unknown, "a certificate by a device that the ledger does not know");
  const auto* user = org.user(device->facts.user);
  if (user->revoked_at(before(h.seq)))
    return fail(errc::author_revoked, "a certificate by a user who was revoked");
  return user;
}

expected<void> check_scope(const header& h, const payload& what) {
  if ((h.seq.value == 0) != std::holds_alternative<genesis>(what))
    return refuse(errc::genesis_misplaced, "genesis stands at the beginning, and only there");
  const bool either =
      std::holds_alternative<key_rotated>(what) || std::holds_alternative<unknown_body>(what);
  const auto* created = std::get_if<workspace_created>(&what);
  const bool of_workspace = created != nullptr || std::holds_alternative<role_changed>(what);
  if (!either && of_workspace != h.scope.has_value())
    return refuse(errc::wrong_scope, "a certificate in a scope where its kind does not belong");
  if (created != nullptr && created->workspace != *h.scope)
    return refuse(errc::wrong_scope, "a workspace created in the scope of another");
  return {};
}

expected<void> check(const header& h, const genesis& what) {
  if (h.author != what.device.id)
    return refuse(errc::wrong_author, "a genesis by another device than the first");
  if (!is_plain_text(what.name, max_name_size, "/:"))
    return refuse(errc::bad_organization_name, "an organization's name has 1 to 255 bytes of text");
  if (!addresses_fit(what.addresses))
    return refuse(errc::bad_addresses, "a genesis needs the relay's addresses");
  if (what.handle.epoch.value != 0 || what.device.label.epoch.value != 0)
    return refuse(errc::wrong_epoch, "a genesis seals under directory epoch 0");
  const std::set<hash32> keys{hash32{what.root_key.value}, hash32{what.receipt_key.value},
                              hash32{what.user_key.value}, hash32{what.device.signing_key.value},
                              hash32{what.device.link_key.value}};
  if (keys.size() != 5) return refuse(errc::key_reused, "a genesis with one key twice");
  return {};
}

expected<void> check(const organization_fold& org, const user_record& author,
                     const user_added& what) {
  KEYFOLD_CHECK(check_administrator(author));
  if (org.user(what.user) != nullptr)
    return refuse(errc::user_exists, "a user with that id stands in the ledger already");
  KEYFOLD_CHECK(check_fresh_device(org, what.device));
  if (org.key_used(what.user_key) || what.user_key.value == what.device.link_key.value ||
      what.user_key.value == what.device.signing_key.value)
    return refuse(errc::key_reused, "a user's key that stands in the ledger already");
  if (org.directory_rotation_due())
    return refuse(errc::rotation_due, "the directory's key must be rotated before a user is added");
  KEYFOLD_CHECK(check_directory_epoch(org, what.handle.epoch));
  KEYFOLD_CHECK(check_directory_epoch(org, what.device.label.epoch));
  const bool reads_directory = what.profile != profile::external;
  if (reads_directory && !what.directory_row)
    return refuse(errc::row_missing, "a user added without the directory's key");
  if (!reads_directory && what.directory_row)
    return refuse(errc::row_unexpected, "an External added with the directory's key");
  return {};
}

expected<void> check(const organization_fold& org, const user_record& author,
                     const device_added& what) {
  if (what.user != author.id)
    return refuse(errc::not_own_device, "a device is added by another device of the same user");
  KEYFOLD_CHECK(check_fresh_device(org, what.device));
  return check_directory_epoch(org, what.device.label.epoch);
}

expected<void> check(const organization_fold& org, const user_record& author,
                     const profile_changed& what) {
  KEYFOLD_CHECK(check_administrator(author));
  KEYFOLD_TRY(const auto* user, find_active(org, what.user, now));
  if (user->id == author.id) return refuse(errc::own_profile, "nobody changes his own profile");
  if (user->profile() == profile::external || what.profile == profile::external)
    return refuse(errc::external_profile, "a profile does not change from or to External");
  if (user->profile() == what.profile)
    return refuse(errc::nothing_changed, "the user has that profile already");
  return {};
}

// That the last Administrator is never revoked follows: the author is one, and another user than
// the revoked.
expected<void> check(const organization_fold& org, const user_record& author,
                     const user_revoked& what) {
  KEYFOLD_CHECK(check_administrator(author));
  KEYFOLD_CHECK(find_active(org, what.user, now));
  if (what.user == author.id) return refuse(errc::revokes_himself, "nobody revokes himself");
  return {};
}

expected<void> check(const organization_fold& org, const user_record& author,
                     const key_rotated& what) {
  if (author.profile() == profile::external)
    return refuse(errc::profile_forbids, "an External does not hold the directory's key");
  // An Administrator may always, so that a rotation that a Member botched can be mended.
  if (author.profile() != profile::administrator && !org.directory_rotation_due())
    return refuse(errc::rotation_not_due, "the directory's key need not be rotated");
  if (!what.rotation.directory_key)
    return refuse(errc::wrong_directory_key, "a directory rotation without its public key");
  return check_rotation(what.rotation, org.directory().back().epoch,
                        org.directory_readers().size());
}

expected<void> check(const organization_fold& org, const user_record& author,
                     const relay_set& what) {
  KEYFOLD_CHECK(check_administrator(author));
  if (what.term != org.term() + 1)
    return refuse(errc::wrong_term, "a relay set to another term than the next one");
  if (org.key_used(what.receipt_key))
    return refuse(errc::key_reused, "a relay's receipt key that stands in the ledger already");
  if (!addresses_fit(what.addresses))
    return refuse(errc::bad_addresses, "a relay set without the relay's addresses");
  return {};
}

expected<void> check(const workspace_fold& workspace, const user_record& author, ledger_seq seq,
                     const workspace_created& what) {
  if (author.profile_at(before(seq)) == profile::external)
    return refuse(errc::profile_forbids, "an External does not create workspaces");
  if (workspace.created())
    return refuse(errc::workspace_exists, "a workspace with that id exists already");
  if (!chunk_table_is_sound(what.chunk_table))
    return refuse(errc::bad_chunk_table, "a chunk table that does not cover all sizes in order");
  return {};
}

expected<void> check(const organization_fold& org, const workspace_fold& workspace,
                     const user_record& author, ledger_seq seq, const role_changed& what) {
  if (!workspace.created()) return refuse(errc::workspace_unknown, "there is no such workspace");
  KEYFOLD_TRY(const auto* user, find_active(org, what.user, before(seq)));
  const change c{org,
                 workspace,
                 author,
                 seq,
                 workspace.role_at(author.id, before(seq)),
                 workspace.role_at(user->id, before(seq)),
                 what.role,
                 user->id == author.id};
  KEYFOLD_CHECK(check_authority(c));
  if (c.from == c.to) return refuse(errc::nothing_changed, "the user has that role already");
  if (user->profile_at(before(seq)) == profile::external && c.to > role::contributor)
    return refuse(errc::external_role, "an External is at most Contributor");
  return check_parts(c, what);
}

expected<void> check_taking(const organization_fold& org, const workspace_fold& workspace,
                            const user_record& author, ledger_seq seq, user_id user) {
  if (!workspace.created()) return refuse(errc::workspace_unknown, "there is no such workspace");
  KEYFOLD_TRY(const auto* target, find_active(org, user, before(seq)));
  const bool own = target->id == author.id;
  if (!own && check_administrator(author)) return {};
  return check_authority({org, workspace, author, seq, workspace.role_at(author.id, before(seq)),
                          workspace.role_at(user, before(seq)), role::none, own});
}

expected<void> check(const workspace_fold& workspace, const user_record& author, ledger_seq seq,
                     const key_rotated& what) {
  if (!workspace.created()) return refuse(errc::workspace_unknown, "there is no such workspace");
  const auto role = workspace.role_at(author.id, before(seq));
  if (!may_write(role))
    return refuse(errc::role_insufficient, "only who may write there rotates the key");
  const bool may = role >= role::manager || workspace.rotation_due_at(before(seq)) ||
                   workspace.may_rotate_again(author.id);
  if (!may) return refuse(errc::rotation_not_due, "the workspace's key need not be rotated");
  return check_workspace_rotation(workspace, what.rotation,
                                  workspace.members_at(before(seq)).size());
}

expected<void> check_organization(const organization_fold& org, const header& h, const body& b) {
  KEYFOLD_CHECK(check_scope(h, b.what));
  if (const auto* founding = std::get_if<genesis>(&b.what)) return check(h, *founding);
  KEYFOLD_TRY(const auto* author, find_author(org, h));
  if (const auto* what = std::get_if<user_added>(&b.what)) return check(org, *author, *what);
  if (const auto* what = std::get_if<device_added>(&b.what)) return check(org, *author, *what);
  if (const auto* what = std::get_if<profile_changed>(&b.what)) return check(org, *author, *what);
  if (const auto* what = std::get_if<user_revoked>(&b.what)) return check(org, *author, *what);
  if (const auto* what = std::get_if<key_rotated>(&b.what)) return check(org, *author, *what);
  if (const auto* what = std::get_if<relay_set>(&b.what)) return check(org, *author, *what);
  return {};
}

expected<void> check_workspace(const organization_fold& org, const workspace_fold& workspace,
                               const header& h, const body& b) {
  KEYFOLD_CHECK(check_scope(h, b.what));
  KEYFOLD_TRY(const auto* author, find_author(org, h));
  if (const auto* what = std::get_if<workspace_created>(&b.what))
    return check(workspace, *author, h.seq, *what);
  if (const auto* what = std::get_if<role_changed>(&b.what))
    return check(org, workspace, *author, h.seq, *what);
  if (const auto* what = std::get_if<key_rotated>(&b.what))
    return check(workspace, *author, h.seq, *what);
  return {};
}

bool may_promote_himself(const organization_fold& org, const workspace_fold& workspace,
                         user_id user, ledger_seq seq) {
  const auto members = workspace.members_at(seq);
  auto highest = role::none;
  for (const auto& [id, role] : members) {
    if (role == role::owner) return false;
    if (org.user(id)->profile_at(seq) != profile::external) highest = std::max(highest, role);
  }
  const auto own = members.find(user);
  return own != members.end() && own->second == highest &&
         org.user(user)->profile_at(seq) != profile::external;
}

}  // namespace keyfold::ledger::rules
