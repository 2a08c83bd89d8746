// The invitations of one organization, as the relay keeps them (DESIGN 5): it knows the token, the
// kind and who may greet, and holds the rest sealed.
//
//   token -> [1, kind, creator, expires (ms), epoch, sealed about]
#pragma once

#include <optional>

#include "store/db/kv.hpp"
#include "store/ledger/state.hpp"
#include "store/relay/session.hpp"

namespace keyfold::relay {

struct invitation_row {
  invitation_token token;
  invitation::kind kind = invitation::kind::user;
  user_id creator;  ///< whose device a device invitation is for
  timestamp expires{};
  epoch_number epoch;
  bytes sealed_about;
  bool operator==(const invitation_row&) const = default;
};

inline constexpr std::size_t max_user_invitations = 80;    ///< open at a time in an organization
inline constexpr std::size_t max_device_invitations = 20;  ///< of one user
inline constexpr timestamp max_invitation_life{std::chrono::hours(24 * 31)};

class invitations {
 public:
  /// `state` holds nothing else, and outlives this.
  explicit invitations(db::view& state) : state_(state) {}

  /// `errc::not_administrator`, `errc::invitation_exists`, `errc::too_many_invitations`,
  /// `errc::bad_expiry` or `errc::too_large`. The creator in `row` must be the asking user.
  [[nodiscard]] expected<void> create(const invitation_row& row, const ledger::state& ledger,
                                      timestamp now);
  /// Those that `user` may greet and that have not expired.
  [[nodiscard]] std::vector<invitation_row> list(user_id user, const ledger::state& ledger,
                                                 timestamp now) const;
  /// `errc::invitation_unknown`, or `errc::not_administrator` for one who may not greet.
  [[nodiscard]] expected<void> cancel(const invitation_token& token, user_id user,
                                      const ledger::state& ledger);
  /// `errc::invitation_unknown` or `errc::invitation_expired`.
  [[nodiscard]] expected<invitation_row> find(const invitation_token& token, timestamp now) const;
  /// Deletes and gives what is over: expired, or with a creator who was revoked.
  [[nodiscard]] std::vector<invitation_row> expire(const ledger::state& ledger, timestamp now);
  /// The next time at which expire() has something to do.
  [[nodiscard]] std::optional<timestamp> next_expiry() const;

 private:
  [[nodiscard]] std::vector<invitation_row> all() const;
  db::view& state_;
};

/// Any Administrator greets users; only the same user greets a device.
[[nodiscard]] bool may_greet(const invitation_row& row, user_id user, const ledger::state& ledger);

}  // namespace keyfold::relay
