// Invitations and conduits of an organization at the relay.
#include <algorithm>

#include "store/relay/organization.hpp"

namespace keyfold::relay {
namespace {

constexpr double wrong_token_cost = 5;

void join(effects& out, effects more) {
  out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

void organization::tell_greeters(const invitation_row& row, invitation_state state,
                                 effects& out) const {
  for (const auto& [session, s] : sessions_)
    if (may_greet(row, s.who.user, ledger_))
      out.push_back({session, news::invitation_changed{row.token, state}});
}

void organization::guest_moved(const invitation_token& token, effects& out) const {
  const auto row = invitations_.find(token, timestamp{0});
  if (!row) return;
  const bool here = conduits_.present(token, party::guest);
  tell_greeters(*row, here ? invitation_state::guest_present : invitation_state::guest_absent, out);
}

void organization::drop_invitation(const invitation_row& row, invitation_state state,
                                   std::string_view reason, effects& out) {
  join(out, conduits_.drop(row.token, reason));
  tell_greeters(row, state, out);
}

answered<void> organization::create_invitation(session_number session, invitation_row row,
                                               timestamp now) {
  effects out;
  const auto done = [&]() -> expected<void> {
    KEYFOLD_TRY(const auto who, require(session));
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
    const bool here = conduits_.present(row.token, party::guest);
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

answered<conduits::opened> organization::open_as_greeter(session_number session,
                                                         const invitation_token& token,
                                                         timestamp now) {
  const auto allowed = [&]() -> expected<void> {
    KEYFOLD_TRY(const auto who, require(session));
    KEYFOLD_TRY(const auto row, invitations_.find(token, now));
    if (!may_greet(row, who.user, ledger_))
      return fail(errc::not_administrator, "this user may not greet there");
    return {};
  }();
  if (!allowed) return {fail(allowed), {}};
  return conduits_.open(token, party::greeter, session, now);
}

answered<conduits::opened> organization::open_as_guest(session_number session,
                                                       const std::string& address,
                                                       const invitation_token& token,
                                                       timestamp now) {
  if (frozen_) return {fail(errc::organization_frozen, "the relay's operator has frozen it"), {}};
  // Before the token is looked at: so whoever guesses does not learn from the refusal.
  if (auto allowed = guesses_.take(address, now); !allowed) return {fail(allowed), {}};
  if (const auto row = invitations_.find(token, now); !row) {
    guesses_.punish(address, now, wrong_token_cost - 1);
    return {fail(row), {}};
  }
  auto opened = conduits_.open(token, party::guest, session, now);
  if (opened.answer) guest_moved(token, opened.effects);
  return opened;
}

answered<void> organization::send(session_number session, const invitation_token& token,
                                  std::uint64_t attempt, bytes payload) {
  if (frozen_) return {fail(errc::organization_frozen, "the relay's operator has frozen it"), {}};
  return conduits_.send(token, attempt, session, std::move(payload));
}

answered<void> organization::close(session_number session, const invitation_token& token,
                                   std::uint64_t attempt) {
  const bool guest_was_here = conduits_.present(token, party::guest);
  auto closed = conduits_.close(token, attempt, session);
  if (guest_was_here && !conduits_.present(token, party::guest)) guest_moved(token, closed.effects);
  return closed;
}

}  // namespace keyfold::relay
