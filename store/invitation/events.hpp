// The words between a side of the code exchange and the shell around it: inputs, effects, and what
// they carry.
#pragma once

#include <vector>

#include "store/invitation/messages.hpp"

namespace keyfold::invitation {

/// Why an attempt, or the whole exchange, ended. The names are those of the CLI.
enum class reason : std::uint8_t {
  wrong_code,  ///< a person picked another code, or none of them
  cancelled,   ///< by a person, or the invitation was
  expired,     ///< the invitation
  attempts,    ///< no more reveals are allowed
  replaced,    ///< the same side began anew elsewhere
  timeout,
  peer_left,
  rejected,  ///< the greeter did not confirm
  refused,   ///< the other side, or who sits between, sent what no honest side sends
  used,      ///< the invitation has let in somebody else
  ledger     ///< the ledger did not take the certificate
};
[[nodiscard]] std::string_view to_string(reason r);
/// `reason::refused` for a name that is not one of them.
[[nodiscard]] reason reason_from_string(std::string_view name);

/// The secret keys that a guest brings.
struct guest_keys {
  std::optional<box_key> user;  ///< none for a device invitation
  signing_key signing;
  box_key link;
  [[nodiscard]] static guest_keys generate(kind k, random_source& random);
  [[nodiscard]] claimed_keys public_keys() const;
};

/// What a side must remember over its restarts, to be given to the next one of the same invitation.
///   progress := [1, reveals, admitted signing key|nil]
struct progress {
  unsigned reveals = 0;
  std::optional<signing_public_key>
      admitted;  ///< greeter: the device that this invitation has let in
  bool operator==(const progress&) const = default;
  [[nodiscard]] bytes encode() const;
  [[nodiscard]] static expected<progress> decode(bytes_view data);
};

/// What the greeter has to write into the ledger: `user added` or `device added`.
struct append_request {
  invitation::kind kind = kind::user;
  claimed_keys keys;
  std::string label;
  std::string email;  ///< empty for a device, as `name`
  std::string name;
  ledger::profile profile = ledger::profile::member;
};

namespace in {
/// The relay's answer to open_conduit.
struct opened {
  std::uint64_t attempt = 0;
  bool peer_present = false;
};
/// The other side has opened the conduit: a new attempt.
struct restarted {
  std::uint64_t attempt = 0;
};
struct peer_left {
  std::uint64_t attempt = 0;
};
struct received {
  std::uint64_t attempt = 0;
  bytes payload;
};
/// Another session of the same side has opened the conduit.
struct replaced {};
/// The relay closed the conduit for good, or refused to open it.
struct closed {
  reason why = reason::cancelled;
};
/// The link to the relay is gone; the open_conduit that follows is carried out when it is back.
struct disconnected {};
/// The person's answer to show_choose of that attempt; nothing is "none of these".
struct picked {
  std::uint64_t attempt = 0;
  std::optional<sas_code> code;
};
/// The person gives up.
struct cancel {};
/// Time has passed, see side::next_timeout().
struct tick {};
/// Greeter: the person's answer to show_confirm of that attempt; what is absent stays as it was
/// shown.
struct confirmed {
  std::uint64_t attempt = 0;
  bool accept = false;
  std::optional<ledger::profile> profile;
  std::optional<std::string> email;
  std::optional<std::string> name;
};
/// Greeter: what the ledger knows of the keys of a look_up.
struct looked_up {
  claimed_keys keys;
  /// Set when the very device with exactly these keys is in the ledger, unrevoked, and (for a
  /// device invitation) is the greeter's own.
  std::optional<admission> found;
  bool taken = false;  ///< some of the keys stand in the ledger otherwise
};
/// Greeter: the ledger took the certificate.
struct appended {
  admission admitted;
};
/// Greeter: the ledger did not take it. (Where that is unknown, the shell looks before it says so.)
struct append_failed {
  error why;
};
}  // namespace in

using input = std::variant<in::opened, in::restarted, in::peer_left, in::received, in::replaced,
                           in::closed, in::disconnected, in::picked, in::cancel, in::tick,
                           in::confirmed, in::looked_up, in::appended, in::append_failed>;

namespace out {
/// Open the conduit for this side (again): a new attempt.
struct open_conduit {};
struct send {
  std::uint64_t attempt = 0;
  bytes payload;
};
struct close_conduit {
  std::uint64_t attempt = 0;
  std::string why;  ///< "done", or the name of a reason
};
struct store_progress {
  invitation::progress progress;
};
/// Guest: keep the keys; they are given back in guest::options when he comes again.
struct store_keys {
  guest_keys keys;
};
/// Guest: he is in; keep everything.
struct store_admission {
  admission admitted;
  guest_keys keys;
};
struct show_waiting {};
/// Let the person pick the code that the other one tells.
struct show_choose {
  std::uint64_t attempt = 0;
  std::array<sas_code, sas_choices> codes;
};
/// Let the person tell this code.
struct show_tell {
  sas_code code;
};
struct show_confirm {
  std::uint64_t attempt = 0;
  std::string email;  ///< empty for a device, as `name`
  std::string name;
  std::string device;
};
/// An attempt is over and what it showed is void; another one follows.
struct attempt_ended {
  reason why = reason::peer_left;
  std::optional<error> refusal;
};
/// Greeter: ask the ledger, as in::looked_up says.
struct look_up {
  claimed_keys keys;
};
struct append {
  append_request request;
};
/// Greeter: the guest has everything; the invitation may be deleted at the relay.
struct close_invitation {};
/// The last effect: he is in. `acknowledged` is false when the greeter never heard the guest say
/// so.
struct done {
  user_id user;
  device_id device;
  bool acknowledged = true;
};
/// The last effect: he is not in.
struct failed {
  reason why = reason::cancelled;
  std::optional<error> refusal;
};
}  // namespace out

using effect =
    std::variant<out::open_conduit, out::send, out::close_conduit, out::store_progress,
                 out::store_keys, out::store_admission, out::show_waiting, out::show_choose,
                 out::show_tell, out::show_confirm, out::attempt_ended, out::look_up, out::append,
                 out::close_invitation, out::done, out::failed>;
using effects = std::vector<effect>;

}  // namespace keyfold::invitation
