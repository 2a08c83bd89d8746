// The cryptography of the code exchange, steps 1 to 3 (DESIGN 5, PROTOCOL "The code exchange").
//
//   greeter                                   guest
//     commit(key, commitment, mac)  ------>
//                                   <------  commit(key, commitment, mac)
//     reveal(nonce)                 ------>
//                                   <------  reveal(nonce)
//     both: secret, transcript, two codes, a payload key for each direction
//
// A man in the middle has to commit himself before he learns the honest nonces, so he meets the
// codes by chance only: once in 2^20 for each pair of reveals. How many reveals there may be is
// counted by `side`.
#pragma once

#include "crypto/aead.hpp"
#include "crypto/hash.hpp"
#include "crypto/sas.hpp"
#include "store/invitation/link.hpp"

namespace keyfold::invitation {

enum class party : std::uint8_t { greeter = 1, guest = 2 };

/// What an exchange is about; both sides have the same, the secret and `mailed` apart.
struct terms {
  organization_id organization;
  invitation_token token;
  invitation::kind kind = kind::user;
  std::optional<link_secret>
      secret;           ///< a greeter always has it; a guest unless his link was mailed
  bool mailed = false;  ///< greeter: sealed as mailed, so a guest without MAC is accepted
};

/// Two payload keys, two codes and the transcript, from one exchange. Wiped when it goes.
class pairing {
 public:
  pairing(party own, const symmetric_key& secret, const hash32& transcript);

  [[nodiscard]] const hash32& transcript() const { return transcript_; }
  /// The code that the greeter tells and the guest picks.
  [[nodiscard]] sas_code greeter_code() const { return greeter_code_; }
  /// The code that the guest tells and the greeter picks.
  [[nodiscard]] sas_code guest_code() const { return guest_code_; }

  /// Seals the next message of the own direction, padded so that its size tells little.
  [[nodiscard]] bytes seal(bytes_view message, random_source& random);
  /// Opens the next message of the other direction; `errc::bad_seal`, `errc::malformed` or
  /// `errc::unknown_algorithm`. A message opens once and in order only.
  [[nodiscard]] expected<secret_buffer> open(bytes_view sealed);

 private:
  struct direction {
    symmetric_key key;
    std::uint64_t next = 0;
  };
  direction out_;
  direction in_;
  hash32 transcript_;
  sas_code greeter_code_;
  sas_code guest_code_;
};

/// One side's commit and reveal in one attempt. Every failure of a take_ ends the attempt.
class handshake {
 public:
  handshake(party own, const terms& t, std::uint64_t attempt, random_source& random);

  [[nodiscard]] bytes commit() const;
  /// The other's commit: `errc::malformed`, `errc::bad_key` (small order),
  /// `errc::reflected_message`, `errc::missing_mac` or `errc::bad_mac`.
  [[nodiscard]] expected<void> take_commit(bytes_view payload);
  /// Call only after take_commit() went well: what it gives lets the other side compute the codes.
  [[nodiscard]] bytes reveal() const;
  /// The other's reveal: `errc::malformed`, `errc::bad_commitment` or `errc::bad_key`.
  [[nodiscard]] expected<pairing> take_reveal(bytes_view payload) const;

 private:
  struct offer {
    box_public_key key;
    hash32 commitment;
    hash32 nonce;
  };
  [[nodiscard]] party other() const;
  [[nodiscard]] hash32 commitment_of(party who, const box_public_key& key,
                                     const hash32& nonce) const;
  [[nodiscard]] symmetric_key mac_of(party who, const offer& o) const;
  [[nodiscard]] hash32 transcript(const offer& theirs) const;

  party own_;
  terms terms_;
  std::uint64_t attempt_;
  box_key key_;
  offer mine_;
  std::optional<offer> theirs_;
  bool with_secret_ = false;  ///< the link secret goes into the derivation
};

}  // namespace keyfold::invitation
