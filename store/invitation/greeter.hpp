// The greeter: the member who lets somebody in (DESIGN 5, steps 4 and 5).
//
//   paired: tell own code -> guest_ok -> choose the guest's -> greeter_ok -> claim -> look_up
//           -> (known: admit) | confirm -> append -> admit -> ack -> done
//
// Once the certificate is in the ledger the guest is in, whatever is lost after that: when he comes
// again with the same keys he is found and only told again, and nobody else comes in with this
// invitation.
#pragma once

#include "store/invitation/exchange.hpp"

namespace keyfold::invitation {

/// How often a greeter begins anew after a guest that he refused.
inline constexpr unsigned max_refused = 20;
/// How long a greeter waits for a guest who is in the ledger, but left before he said that he
/// knows.
inline constexpr timestamp return_timeout{60'000};

class greeter final : public side {
 public:
  struct options : side_options {
    std::string email;                                  ///< of the invitation; empty for a device
    ledger::profile profile = ledger::profile::member;  ///< unless the person says otherwise
  };
  explicit greeter(options o);

 private:
  enum class step : std::uint8_t {
    idle,
    told,
    choosing,
    chosen,
    claimed,
    confirming,
    appending,
    admitted
  };

  void on_paired() override;
  expected<void> on_message(message_kind what, bytes_view message) override;
  void on_input(const input& event) override;
  void on_wiped() override;
  void on_refused(const error& why) override;
  void on_timeout() override;
  void conclude(const out::failed& last) override;

  void on_pick(const in::picked& pick);
  expected<void> on_claim(bytes_view message);
  void on_ack();
  void on_looked_up(const in::looked_up& result);
  void on_confirmed(const in::confirmed& answer);
  void on_appended(const in::appended& result);
  void on_append_failed(const in::append_failed& result);
  void look_up();
  void admit();
  void turn_away(reason why, const error& refusal);
  /// The invitation's, or else the one that the guest wishes.
  [[nodiscard]] std::string email() const;
  [[nodiscard]] bool fits(const admission& a) const;
  [[nodiscard]] bool is_other_than_admitted(const claimed_keys& keys);

  std::string email_;
  ledger::profile profile_;
  step step_ = step::idle;
  std::optional<claim> claim_;  ///< of this attempt
  unsigned refused_ = 0;

  // These outlive the attempt.
  std::optional<claimed_keys> appending_;  ///< asked for, and not answered yet
  std::optional<admission> admitted_;      ///< answered
  out::failed ending_;                     ///< while concluding: what to say if the ledger refuses
};

}  // namespace keyfold::invitation
