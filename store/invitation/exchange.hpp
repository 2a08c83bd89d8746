// What greeter and guest have in common: attempts, steps 1 to 3, aborts and time limits (DESIGN 5).
//
//   closed --opened--> alone --restarted--> committed --commit--> revealed --reveal--> paired -->
//   finished
//     ^                                         |                     |                   |
//     +------ open_conduit: a new attempt ------+---------------------+-------------------+
//
// A side is a state machine without I/O: `handle(input, now, random) -> effects`. The shell carries
// effects out in the order given, over all calls; a store_ effect is durable before the next one is
// begun. It hands in what comes from the relay (answers and events) in the order in which it came.
#pragma once

#include "store/invitation/events.hpp"

namespace keyfold::invitation {

/// At most so many reveals on one side, for one invitation, however they ended (DESIGN 5).
inline constexpr unsigned max_reveals = 5;
/// How long an answer that needs no person may take.
inline constexpr timestamp step_timeout{30'000};
/// How long a person, here or there, may think.
inline constexpr timestamp person_timeout{10 * 60'000};

/// What both sides are told when they are made.
struct side_options {
  invitation::terms terms;
  invitation::progress progress;     ///< of earlier runs for this invitation
  std::optional<timestamp> expires;  ///< of the invitation
  std::optional<timestamp> give_up;  ///< the person's own limit
  /// Begin anew by itself after a wrong pick; else that ends the exchange, and the person begins
  /// anew.
  bool restart_after_wrong_code = false;
};

/// One side of the exchange; `greeter` and `guest` add steps 4 and 5.
class side {
 public:
  virtual ~side() = default;
  side(const side&) = delete;
  side& operator=(const side&) = delete;

  /// The first effects.
  [[nodiscard]] effects start();
  /// An input that does not fit the step (a late answer, a message of an older attempt) has no
  /// effect.
  [[nodiscard]] effects handle(const input& event, timestamp now, random_source& random);
  /// When in::tick is due.
  [[nodiscard]] std::optional<timestamp> next_timeout() const;
  [[nodiscard]] bool finished() const { return phase_ == phase::finished; }

 protected:
  enum class phase : std::uint8_t {
    closed,      ///< open_conduit is not answered
    alone,       ///< the other side is not there
    committed,   ///< own commit sent
    revealed,    ///< own nonce sent
    paired,      ///< the codes are there
    concluding,  ///< no conduit any more, but the ledger's answer is outstanding
    finished
  };

  side(party own, side_options options) : own_(own), options_(std::move(options)) {}

  /// The codes are there: show what comes first.
  virtual void on_paired() = 0;
  /// A message that opened under the other's key.
  virtual expected<void> on_message(message_kind what, bytes_view message) = 0;
  /// An input that only one of the sides knows, or a pick.
  virtual void on_input(const input& event) = 0;
  /// The attempt is over: forget what belongs to it.
  virtual void on_wiped() = 0;
  /// The other side sent what no honest one sends, or says so of us: fail, or begin anew.
  virtual void on_refused(const error& why) = 0;
  /// A deadline after the codes has passed.
  virtual void on_timeout() = 0;
  /// The exchange is over, but perhaps not as `last` says.
  virtual void conclude(const out::failed& last) { finish(last); }

  void emit(effect e) { effects_.push_back(std::move(e)); }
  void send_sealed(bytes_view message);
  /// Shows the candidates around `right`.
  void choose(sas_code right);
  /// A person's limit begins anew.
  void wait_for_person() { deadline_ = now_ + person_timeout; }
  void wait_for(timestamp duration) { deadline_ = now_ + duration; }
  void wait_without_limit() { deadline_.reset(); }

  /// Tells the other side why the attempt ends. Before fail() or restart().
  void tell(reason why);
  void fail(reason why, std::optional<error> refusal = {});
  void restart(reason why, std::optional<error> refusal = {});
  void wrong_code();
  void finish(effect last);
  void set_concluding() { phase_ = phase::concluding; }

  [[nodiscard]] const terms& about() const { return options_.terms; }
  [[nodiscard]] bool concluding() const { return phase_ == phase::concluding; }
  [[nodiscard]] std::uint64_t attempt() const { return attempt_; }
  [[nodiscard]] progress& remembered() { return options_.progress; }
  [[nodiscard]] pairing& codes() { return *pairing_; }
  [[nodiscard]] random_source& random() { return *random_; }

 private:
  void dispatch(const input& event);
  void on_opened(std::uint64_t attempt, bool peer_present);
  void on_peer_left(std::uint64_t attempt);
  void on_received(const in::received& message);
  void on_time();
  [[nodiscard]] bool in_attempt() const;
  void begin();
  void refuse(const error& why);
  [[nodiscard]] expected<void> take(bytes_view payload);
  [[nodiscard]] expected<void> take_commit(bytes_view payload);
  [[nodiscard]] expected<void> take_reveal(bytes_view payload);
  [[nodiscard]] expected<void> take_sealed(bytes_view payload);
  [[nodiscard]] expected<void> take_abort(bytes_view message, bool authentic);
  void end_attempt(reason why, std::optional<error> refusal = {});
  void wipe();

  party own_;
  side_options options_;
  phase phase_ = phase::closed;
  std::uint64_t attempt_ = 0;
  std::optional<handshake> handshake_;  ///< while committed and revealed
  std::optional<pairing> pairing_;      ///< while paired
  std::optional<timestamp> deadline_;

  // Valid during a call only.
  effects effects_;
  timestamp now_{};
  random_source* random_ = nullptr;
};

}  // namespace keyfold::invitation
