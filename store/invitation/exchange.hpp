// What greeter and guest have in common: attempts, steps 1 to 3, aborts, time limits, and the words
// in which they talk to the shell around them (DESIGN 5).
//
//   closed --open_conduit/opened--> alone --peer there--> committed --commit--> revealed
//   --reveal--> paired
//
// A side is a state machine without I/O: `handle(input, now, random) -> effects`. The shell carries
// effects out in the order given, over all calls; a store_ effect is durable before the next one is
// begun.
#pragma once

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

/// At most so many reveals on one side, for one invitation, however they ended (DESIGN 5).
inline constexpr unsigned max_reveals = 5;
/// How long an answer that needs no person may take.
inline constexpr timestamp step_timeout{30'000};
/// How long a person, here or there, may think.
inline constexpr timestamp person_timeout{10 * 60'000};
/// How often a greeter begins anew after a guest that he refused.
inline constexpr unsigned max_refused = 20;

/// The secret keys that a guest brings.
struct guest_keys {
  std::optional<box_key> user;  ///< none for a device invitation
  signing_key signing;
  box_key link;
  [[nodiscard]] static guest_keys generate(kind k, random_source& random);
  [[nodiscard]] claimed_keys public_keys() const;
};

/// What a side must remember over its restarts, to be given to the next one of the same invitation.
struct progress {
  unsigned reveals = 0;
  std::optional<claimed_keys> admitted;  ///< greeter: whom this invitation has let in
  bool operator==(const progress&) const = default;
  [[nodiscard]] bytes encode() const;
  [[nodiscard]] static expected<progress> decode(bytes_view data);
};

/// What the greeter has to write into the ledger: `user added` or `device added`.
struct append_request {
  invitation::kind kind = kind::user;
  claimed_keys keys;
  std::string label;
  std::string email;  ///< empty for a device
  std::string name;
  ledger::profile profile = ledger::profile::member;
};

// -- inputs ---------------------------------------------------------------------------------------

namespace in {
/// The relay's answer to open_conduit.
struct opened {
  std::uint64_t attempt = 0;
  bool peer_present = false;
};
struct peer_came {
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
/// The other side has opened the conduit anew.
struct restarted {
  std::uint64_t attempt = 0;
};
/// The relay closed the conduit, or refused to open it.
struct closed {
  reason why = reason::cancelled;
};
/// The link to the relay is gone; open_conduit is carried out when it is back.
struct disconnected {};
/// The person's answer to show_choose; nothing is "none of these".
struct picked {
  std::optional<sas_code> code;
};
/// The person gives up.
struct cancel {};
/// Time has passed, see side::next_timeout().
struct tick {};
/// Greeter: the person's answer to show_confirm; what is absent stays as it was shown.
struct confirmed {
  bool accept = false;
  std::optional<ledger::profile> profile;
  std::optional<std::string> email;
  std::optional<std::string> name;
};
/// Greeter: what the ledger knows of the claimed keys.
struct looked_up {
  /// Set when the very device with exactly these keys is in the ledger, unrevoked, and (for a
  /// device invitation) is the greeter's own.
  std::optional<admission> found;
  bool taken = false;  ///< some of the keys stand in the ledger otherwise
};
/// Greeter: the ledger took the certificate.
struct appended {
  admission admitted;
};
/// Greeter: the ledger did not take it; or it is unknown whether it did (then the guest comes
/// again).
struct append_failed {
  error why;
};
}  // namespace in

using input = std::variant<in::opened, in::peer_came, in::peer_left, in::received, in::replaced,
                           in::restarted, in::closed, in::disconnected, in::picked, in::cancel,
                           in::tick, in::confirmed, in::looked_up, in::appended, in::append_failed>;

// -- effects --------------------------------------------------------------------------------------

namespace out {
/// Open the conduit for this side (again): a new attempt.
struct open_conduit {};
struct send {
  std::uint64_t attempt = 0;
  bytes payload;
};
struct close_conduit {
  std::uint64_t attempt = 0;
  reason why = reason::cancelled;
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
  std::array<sas_code, sas_choices> codes;
};
/// Let the person tell this code.
struct show_tell {
  sas_code code;
};
struct show_confirm {
  std::string email;  ///< empty for a device
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
/// The last effect: he is in. `acknowledged` is false when a greeter never heard the guest say so.
struct done {
  user_id user;
  device_id device;
  bool acknowledged = true;
};
/// The last effect.
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

/// What both sides are told when they are made.
struct side_options {
  invitation::terms terms;
  invitation::progress progress;     ///< of earlier runs for this invitation
  std::optional<timestamp> expires;  ///< of the invitation
  std::optional<timestamp> give_up;  ///< the person's own limit
  bool restart_after_wrong_code =
      false;  ///< else a wrong pick ends the exchange, and the person begins anew
};

/// One side of the exchange; `greeter` and `guest` add steps 4 and 5.
class side {
 public:
  virtual ~side() = default;
  side(const side&) = delete;
  side& operator=(const side&) = delete;

  /// The first effects.
  [[nodiscard]] effects start(timestamp now);
  /// Inputs that do not fit the step (a late answer, a message of an older attempt) have no effect.
  [[nodiscard]] effects handle(const input& event, timestamp now, random_source& random);
  /// When in::tick is due at the latest.
  [[nodiscard]] std::optional<timestamp> next_timeout() const;
  [[nodiscard]] bool finished() const { return phase_ == phase::finished; }

 protected:
  enum class phase : std::uint8_t { closed, alone, committed, revealed, paired, finished };

  side(party own, side_options options) : own_(own), options_(std::move(options)) {}

  /// The codes are there: show what comes first.
  virtual void on_paired() = 0;
  /// A message opened under the other's key.
  virtual expected<void> on_message(message_kind what, bytes_view message) = 0;
  /// An input that is no business of this class.
  virtual void on_input(const input& event) = 0;
  /// The attempt is over: forget what belongs to it.
  virtual void on_wiped() = 0;
  /// The other side was refused; fail for good, or begin anew.
  virtual void on_refused(const error& why) = 0;
  /// A limit of set_deadline() is over after the codes were there.
  virtual void on_timeout() = 0;

  void emit(effect e) { effects_.push_back(std::move(e)); }
  void send_sealed(bytes_view message);
  /// Shows the candidates around `right`.
  void choose(sas_code right);
  void set_deadline(timestamp after) { deadline_ = now_ + after; }
  void clear_deadline() { deadline_.reset(); }
  /// Tells the other side, ends the attempt and either fails or opens the conduit anew.
  void abort_and_fail(reason why, std::optional<error> refusal = {});
  void abort_and_restart(reason why, std::optional<error> refusal = {});
  void wrong_code();
  void finish(effect last);
  /// Ends the attempt on this side only, and waits for the other to come again.
  void wait_again(reason why);

  [[nodiscard]] const terms& about() const { return options_.terms; }
  [[nodiscard]] phase current_phase() const { return phase_; }
  [[nodiscard]] std::uint64_t attempt() const { return attempt_; }
  [[nodiscard]] progress& remembered() { return options_.progress; }
  [[nodiscard]] pairing& codes() { return *pairing_; }
  [[nodiscard]] random_source& random() { return *random_; }

 private:
  void dispatch(const input& event);
  void begin(std::uint64_t attempt);
  void receive(std::uint64_t attempt, bytes_view payload);
  [[nodiscard]] expected<void> take(bytes_view payload);
  void take_abort(bytes_view message);
  void expire();
  void wipe();
  void send_abort(reason why);
  void tell_waiting();
  void replay_early();

  party own_;
  side_options options_;
  phase phase_ = phase::closed;
  std::uint64_t attempt_ = 0;
  std::optional<handshake> handshake_;
  std::optional<pairing> pairing_;
  std::optional<timestamp> deadline_;
  std::vector<in::received> early_;  ///< messages of an attempt whose beginning is not reported yet
  bool waiting_shown_ = false;

  // valid during a call
  effects effects_;
  timestamp now_{};
  random_source* random_ = nullptr;
};

}  // namespace keyfold::invitation
