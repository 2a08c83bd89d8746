// The messages of the code exchange (PROTOCOL "The code exchange"); those after the codes travel
// sealed.
//
//   commit   := [1, box public key, commitment, mac|nil]     reveal     := [2, nonce]
//   guest_ok := [3]                                          greeter_ok := [4]
//   claim    := [5, body: bin, signature]                    ack        := [7]
//   body     := [user key|nil, signing key, link key, label, email|nil, name|nil]
//   admit    := [6, user, device, profile, root key, organization name, [seq, hash],
//                relay addresses*, user secret|nil]
//   abort    := [9, reason]
//
// The claim's signature is the device key's, over transcript ‖ body.
#pragma once

#include "crypto/sign.hpp"
#include "store/invitation/pairing.hpp"
#include "store/ledger/sealing.hpp"

namespace keyfold::invitation {

enum class message_kind : std::uint8_t {
  commit = 1,
  reveal = 2,
  guest_ok = 3,
  greeter_ok = 4,
  claim = 5,
  admit = 6,
  ack = 7,
  abort = 9
};

inline constexpr std::size_t max_payload = 64 * 1024;  ///< of one message through the conduit

/// The public keys of one who comes in.
struct claimed_keys {
  std::optional<box_public_key> user;  ///< none for a device invitation: the user has one already
  signing_public_key signing;
  box_public_key link;
  auto operator<=>(const claimed_keys&) const = default;
};

struct claim {
  claimed_keys keys;
  std::string label;  ///< of the device
  std::optional<std::string> email;
  std::optional<std::string> name;
};

/// Everything with which the guest can begin: who he is, and whom he may trust.
struct admission {
  user_id user;
  device_id device;
  ledger::profile profile = ledger::profile::external;
  signing_public_key root_key;
  std::string organization_name;
  ledger::position head;
  std::vector<std::string> relay_addresses;
  std::optional<box_secret_key> user_secret;  ///< for a device invitation
};

/// The kind of an encoded message; `errc::malformed` for what is none.
[[nodiscard]] expected<message_kind> kind_of(bytes_view message);
/// True for a payload that is sealed, and not one of the plain messages.
[[nodiscard]] bool is_sealed(bytes_view payload);

/// guest_ok, greeter_ok or ack.
[[nodiscard]] bytes encode_signal(message_kind kind);
[[nodiscard]] bytes encode_claim(const claim& c, const signing_key& device,
                                 const hash32& transcript);
/// `errc::malformed`, `errc::bad_key` or `errc::key_in_use` (one key twice), and
/// `errc::bad_signature` when the signature is of another transcript, claim or key.
[[nodiscard]] expected<claim> decode_claim(bytes_view message, kind k, const hash32& transcript);
[[nodiscard]] secret_buffer encode_admit(const admission& a);
/// `errc::malformed`; `errc::wrong_organization` unless the root key is that of `organization`.
[[nodiscard]] expected<admission> decode_admit(bytes_view message, kind k,
                                               const organization_id& organization);
[[nodiscard]] bytes encode_abort(std::string_view reason);
[[nodiscard]] expected<std::string> decode_abort(bytes_view message);

}  // namespace keyfold::invitation
