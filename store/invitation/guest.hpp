// The guest: the one who comes in (DESIGN 5, steps 4 and 5).
//
//   paired: choose the greeter's code -> guest_ok, tell own code -> greeter_ok -> store keys, claim
//           -> admit -> store the admission, ack -> done
//
// The keys are stored before they are sent, and sent again when he comes again: so he is one user,
// however often the exchange is cut off.
#pragma once

#include "store/invitation/exchange.hpp"

namespace keyfold::invitation {

class guest final : public side {
 public:
  struct options : side_options {
    std::string label;  ///< wanted for this device
    std::optional<std::string> email;
    std::optional<std::string> name;
    std::optional<guest_keys> keys;  ///< stored in an earlier run for this invitation
  };
  explicit guest(options o);

 private:
  enum class step : std::uint8_t { idle, choosing, told, claimed };

  void on_paired() override;
  expected<void> on_message(message_kind what, bytes_view message) override;
  void on_input(const input& event) override;
  void on_wiped() override;
  void on_refused(const error& why) override;
  void on_timeout() override;

  void send_claim();
  expected<void> on_admit(bytes_view message);

  std::string label_;
  std::optional<std::string> email_;
  std::optional<std::string> name_;
  std::optional<guest_keys> keys_;
  step step_ = step::idle;
};

}  // namespace keyfold::invitation
