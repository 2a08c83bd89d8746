// Invitations of an organization at the relay, and who may meet in their conduits.
#include <algorithm>

#include "store/relay/organization.hpp"

namespace keyfold::relay {
namespace {

constexpr double wrong_token_cost = 5;

}  // namespace

void organization::tell_greeters(const invitation_row& row, invitation_state state,
                                 effects& out) const {
  for (const auto& [session, s] : sessions_)
    if (may_greet(row, s.who.user, ledger_))
      out.push_back({session, news::invitation_changed{row.token, state}});
}

void organization::drop_invitation(const invitation_row& row, invitation_state state,
                                   std::string_view reason, effects& out) {
  guest_present_.erase(row.token);
  out.push_back({0, news::invitation_over{row.token, reason}});
  tell_greeters(row, state, out);
}

answered<void> organization::create_invitation(session_number session, invitation_row row,
                                               timestamp now) {
  effects out;
  const auto done = [&]() -> expected<void> {
    KEYFOLD_TRY(const auto who, require(session));
    KEYFOLD_CHECK(require_present());
    KEYFOLD_CHECK(invited_.take(to_text(who.user), now));
    row.creator = who.user;
    KEYFOLD_CHECK(invitations_.create(row, ledger_, now));
    tell_greeters(row, invitation_state::guest_absent, out);
    return {};
  }();
  return {done, std::move(out)};
}

expected<std::vector<organization::listed>> organization::list_invitations(session_number session,
                                                                           timestamp now) const {
  KEYFOLD_TRY(const auto who, require(session));
  std::vector<listed> out;
  for (auto& row : invitations_.list(who.user, ledger_, now)) {
    const bool here = guest_present_.contains(row.token);
    out.push_back({std::move(row), here});
  }
  return out;
}

answered<void> organization::cancel_invitation(session_number session,
                                               const invitation_token& token) {
  effects out;
  const auto done = [&]() -> expected<void> {
    KEYFOLD_TRY(const auto who, require(session));
    const auto row = invitations_.find(token, timestamp{0});
    KEYFOLD_CHECK(invitations_.cancel(token, who.user, ledger_));
    drop_invitation(*row, invitation_state::cancelled, "cancelled", out);
    return {};
  }();
  return {done, std::move(out)};
}

effects organization::expire(timestamp now) {
  effects out;
  for (const auto& row : invitations_.expire(ledger_, now))
    drop_invitation(row, invitation_state::expired, "expired", out);
  return out;
}

expected<void> organization::count_open(const invitation_token& token, party role, timestamp now) {
  return opens_.take(to_text(token) + (role == party::greeter ? "g" : "u"), now);
}

expected<void> organization::admit_greeter(session_number session, const invitation_token& token,
                                           timestamp now) {
  KEYFOLD_TRY(const auto who, require(session));
  KEYFOLD_CHECK(require_present());
  KEYFOLD_TRY(const auto row, invitations_.find(token, now));
  if (!may_greet(row, who.user, ledger_))
    return fail(errc::not_administrator, "this user may not greet there");
  return count_open(token, party::greeter, now);
}

expected<void> organization::admit_guest(session_number session, const std::string& address,
                                         const invitation_token& token, timestamp now) {
  if (frozen_) return fail(errc::organization_frozen, "the relay's operator has frozen it");
  KEYFOLD_CHECK(require_present());
  // Before the token is looked at: so whoever guesses does not learn from the refusal.
  KEYFOLD_CHECK(guesses_.take(address, now));
  if (const auto row = invitations_.find(token, now); !row) {
    guesses_.punish(address, now, wrong_token_cost - 1);
    return fail(row);
  }
  KEYFOLD_CHECK(count_open(token, party::guest, now));
  guests_.insert(session);
  return {};
}

expected<void> organization::check_speaker(session_number session) const {
  if (frozen_) return fail(errc::organization_frozen, "the relay's operator has frozen it");
  if (!sessions_.contains(session) && !guests_.contains(session))
    return fail(errc::conduit_not_open, "this session has no conduit open there");
  return {};
}

effects organization::guest_moved(const invitation_token& token, bool here) {
  effects out;
  const auto row = invitations_.find(token, timestamp{0});
  if (!row) return out;
  const bool changed = here ? guest_present_.insert(token).second : guest_present_.erase(token) > 0;
  if (changed)
    tell_greeters(*row, here ? invitation_state::guest_present : invitation_state::guest_absent,
                  out);
  return out;
}

}  // namespace keyfold::relay
