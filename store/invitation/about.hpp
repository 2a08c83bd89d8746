// What the greeters of an invitation know of it, and nobody else (DESIGN 5).
//
//   about       := [1, kind, email|nil, mailed, created (ms)]
//   at the relay: sealed under derive(inviting key, "invitation-about"), associated data: the token
//   link secret := first 16 bytes of derive(inviting key, "link-secret", token)
//
// The inviting key is the directory key of the epoch that the invitation names (user), or
// derive(user secret key, "device-invitation") (device). So every greeter who may greet has the
// secret.
#pragma once

#include "store/invitation/link.hpp"

namespace keyfold::invitation {

struct about {
  invitation::kind kind = kind::user;
  std::optional<std::string> email;  ///< whom a user invitation is for
  bool mailed = false;  ///< the relay sent it, without the secret: the codes alone protect
  timestamp created{};
  bool operator==(const about&) const = default;
};

inline constexpr std::size_t max_sealed_about = 1024;

/// The inviting key of a user's device invitations.
[[nodiscard]] symmetric_key device_inviting_key(const box_secret_key& user);
[[nodiscard]] link_secret make_link_secret(const symmetric_key& inviting_key,
                                           const invitation_token& token);

[[nodiscard]] bytes seal_about(const about& a, const symmetric_key& inviting_key,
                               const invitation_token& token, random_source& random);
/// `errc::bad_seal` (another key or token), `errc::malformed` or `errc::unknown_version`.
[[nodiscard]] expected<about> open_about(bytes_view sealed, const symmetric_key& inviting_key,
                                         const invitation_token& token);

}  // namespace keyfold::invitation
