// Key files: the secrets of one device under a password (FORMATS 5).
//
//   file       := [header: bin, sealed]     key from the password, context "key-file",
//                                           associated: header
//   header     := [1, organization name, organization id, device id, label, method, parameters]
//   parameters := ["argon2id13", memory KiB, passes, salt]
//   secrets    := [1, root key, relay address: str, relay key, user id, user secret key,
//                  signing seed, link secret key, local key]
//
// The header is readable without the password, and authenticated with it: whoever changes a bit of
// the file makes it unopenable, and hashing below the compiled-in cost is refused before it is
// tried (THREATS A3, A5).
#pragma once

#include <string>

#include "crypto/box.hpp"
#include "crypto/password.hpp"
#include "crypto/sign.hpp"

namespace keyfold::vault {

/// What a key file shows to anybody.
struct header {
  std::string organization_name;
  organization_id organization;
  device_id device;
  std::string label;
  password_parameters parameters;  ///< of the method password, the only one of this version
};

/// What a device must know to be itself, and whom it trusts.
struct secrets {
  signing_public_key root_key;  ///< of the organization
  std::string relay_address;    ///< "HOST:PORT", as last known
  box_public_key relay_key;     ///< the relay's CURVE key
  user_id user;
  box_secret_key user_key;
  signing_seed signing;
  box_secret_key link_key;
  symmetric_key local_key;  ///< encrypts this device's database
};

struct opened {
  vault::header header;
  vault::secrets secrets;
};

inline constexpr std::size_t max_file_size = 64 * 1024;
inline constexpr std::size_t max_text_size = 1024;  ///< bytes of a name, label or address

/// The file's bytes, under `h.parameters` (take password_parameters::fresh for each new sealing).
/// `errc::weak_parameters`, or `errc::too_large` for a text beyond the limit.
[[nodiscard]] expected<bytes> seal_key_file(const header& h, const secrets& s,
                                            const secret_buffer& password, random_source& random);
/// What stands in the clear; nothing of it is authenticated. `errc::malformed`,
/// `errc::unknown_version`, or `errc::unknown_algorithm` for a method or password hash of a later
/// version.
[[nodiscard]] expected<header> read_header(bytes_view key_file);
/// Opens all; takes about half a second of work. `errc::wrong_password` (or a changed file: nothing
/// can tell these apart), `errc::weak_parameters`, and what read_header refuses.
[[nodiscard]] expected<opened> open_key_file(bytes_view key_file, const secret_buffer& password);
/// As open_key_file, with the key that the password gives already in hand.
[[nodiscard]] expected<opened> open_key_file(bytes_view key_file, const symmetric_key& key);

}  // namespace keyfold::vault
