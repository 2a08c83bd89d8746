// What an author makes: certificates that extend the head of his ledger. Pure functions; each
// checks its work against the rules, so whatever it gives would be taken if the head is still the
// relay's. After a lost race: pull, and call the same function again; it fails if the statement
// makes no sense any more
// (`errc::nothing_changed` when somebody else did the same).
#pragma once

#include "store/ledger/keyring.hpp"

namespace keyfold::ledger {

/// The author's side of everything but genesis; all referenced objects must outlive it.
struct author {
  const ledger::state& state;
  const ledger::keyring& keys;
  device_id device;
  const signing_key& key;
  std::uint64_t time_ms;
  random_source& random;
};

struct founder {
  std::string name;  ///< of the organization
  signing_public_key receipt_key;
  std::vector<std::string> addresses;
  user_id user;
  box_public_key user_key;
  human_handle handle;
  device_id device;
  box_public_key link_key;
  std::string label;
};
/// Genesis; `root` signs it and should be wiped then. The organization's id is that of `root`.
[[nodiscard]] expected<certificate> make_genesis(const founder& who, const signing_key& root,
                                                 const signing_key& device, std::uint64_t time_ms,
                                                 random_source& random);

/// The public parts of a device to be added.
struct device_draft {
  device_id id;
  signing_public_key signing_key;
  box_public_key link_key;
  std::string label;
};
struct user_draft {
  user_id user;
  ledger::profile profile = profile::member;
  box_public_key user_key;
  human_handle handle;
  device_draft device;
};
/// `errc::rotation_due` when the directory's key must be rotated first (make_directory_rotation).
[[nodiscard]] expected<certificate> make_user_added(const author& a, const user_draft& who);
/// Of the author's own user.
[[nodiscard]] expected<certificate> make_device_added(const author& a, const device_draft& device,
                                                      purpose why = purpose::standard);
[[nodiscard]] expected<certificate> make_profile_changed(const author& a, user_id user, profile to);

/// Another relay from now on, by its receipt key and addresses.
[[nodiscard]] expected<certificate> make_relay_set(const author& a,
                                                   const signing_public_key& receipt_key,
                                                   std::vector<std::string> addresses);

/// The workspace's id is random; it stands in the header's scope.
[[nodiscard]] expected<certificate> make_workspace_created(const author& a, std::string_view name);
/// Grants, changes or (none) takes a role; leaving and self-promotion are this too. `heads` are the
/// signed heads of all feeds of the user there: needed when the right to write is taken, else
/// ignored.
[[nodiscard]] expected<certificate> make_role_changed(const author& a, workspace_id workspace,
                                                      user_id user, role to,
                                                      std::vector<signed_head> heads = {});
[[nodiscard]] expected<certificate> make_key_rotated(const author& a, workspace_id workspace);
[[nodiscard]] expected<certificate> make_directory_rotation(const author& a);

/// `heads`: for each workspace where the user can write, the signed heads of his feeds there; a
/// workspace that is not named has an empty frontier (everything of his there would be
/// quarantined).
[[nodiscard]] expected<certificate> make_user_revoked(
    const author& a, user_id user, const std::map<workspace_id, std::vector<signed_head>>& heads);

/// True when make_role_changed to that role needs the user's signed heads.
[[nodiscard]] bool takes_write(const state& s, workspace_id workspace, user_id user, role to);

/// The chunk table that new workspaces get (FORMATS 4).
[[nodiscard]] std::vector<chunk_class> default_chunk_table();

}  // namespace keyfold::ledger
