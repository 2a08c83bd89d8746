// The ledger of an organization at the relay.
#include <algorithm>

#include "store/relay/organization.hpp"

namespace keyfold::relay {

std::vector<feed::feed_head> organization::accepted_heads(workspace_id workspace, user_id user) {
  const auto* found = ledger_.organization().user(user);
  if (found == nullptr) return {};
  return feeds_.heads(workspace, found->devices);
}

answered<bytes> organization::append(session_number session, bytes_view certificate) {
  effects out;
  const auto done = [&]() -> expected<bytes> {
    KEYFOLD_CHECK(require(session));
    KEYFOLD_CHECK(require_present());
    KEYFOLD_TRY(const auto c, ledger::decode_certificate(certificate));
    KEYFOLD_CHECK(ledger::check_append(ledger_, c, [&](workspace_id workspace, user_id user) {
      return accepted_heads(workspace, user);
    }));
    KEYFOLD_CHECK(record(c));
    after_append(c, out);
    tell_ledger(out);
    return ledger::encode_receipt(ledger_.record_at(c.header.seq)->receipt);
  }();
  return {done, std::move(out)};
}

void organization::after_append(const ledger::certificate& c, effects& out) {
  const auto* body = ledger_.effective_body_at(c.header.seq);
  const auto* revoked = body != nullptr ? std::get_if<ledger::user_revoked>(&body->what) : nullptr;
  const auto* role = body != nullptr ? std::get_if<ledger::role_changed>(&body->what) : nullptr;
  if (role != nullptr) {
    fences_.erase({*c.header.scope, role->user});
    tell_waiting(*c.header.scope, role->user, out);
  }
  // What a removal quarantines is judged at once, so that deliveries and frontiers say the same.
  if (c.header.scope) (void)feeds_.index(*c.header.scope).reconsider(ledger_);
  if (revoked != nullptr) {
    std::erase_if(fences_, [&](const auto& fence) { return fence.first.second == revoked->user; });
    for (const auto& row : revoked->workspaces)
      (void)feeds_.index(row.workspace).reconsider(ledger_);
    for (const auto& [session, state] : std::map(sessions_))
      if (state.who.user == revoked->user) {
        end_session(session, {errc::user_is_revoked, "this user has been revoked"}, out);
        tell_presence(state.who.device, false, session, out);
      }
    for (const auto& row : invitations_.expire(ledger_, timestamp{0}))  // his own
      drop_invitation(row, invitation_state::cancelled, "cancelled", out);
  }
}

void organization::tell_ledger(effects& out) const {
  for (const auto& [session, _] : sessions_)
    out.push_back(
        {session, news::ledger_advanced{ledger_.record_at(ledger_.head()->seq)->receipt}});
}

std::vector<ledger::lack> organization::lacks() const {
  return ledger::lacks_of(ledger_, incomplete_, max_lacking_scopes);
}

/// One record of a put; true when it changed anything.
expected<bool> organization::take_back(bytes_view encoded, effects& out) {
  KEYFOLD_TRY(const auto r, ledger::decode_record(encoded));
  const auto seq = r.certificate.header.seq;
  KEYFOLD_TRY(const auto added, ledger::add(ledger_, log_, r));
  if (!added.advanced && !added.filled) return false;
  if (ledger::complete(ledger_, seq))
    incomplete_.erase(seq);
  else
    incomplete_.insert(seq);
  after_append(r.certificate, out);
  if (added.filled && r.certificate.header.scope)
    tell_waiting(*r.certificate.header.scope, {}, out);
  return true;
}

answered<organization::placed> organization::put(session_number session,
                                                 std::span<const bytes> records) {
  effects out;
  bool changed = false;
  const auto done = [&]() -> expected<placed> {
    KEYFOLD_CHECK(require(session));
    if (records.size() > max_put_records)
      return fail(errc::too_large, "too many records in one put");
    placed answer;
    for (const auto& encoded : records) {
      const auto took = take_back(encoded, out);
      if (!took && answer.taken == 0) return fail(took);
      if (!took) break;
      changed = changed || *took;
      ++answer.taken;
    }
    answer.head = ledger_.head()->seq;
    return answer;
  }();
  if (changed) tell_ledger(out);
  return {done, std::move(out)};
}

expected<organization::pulled> organization::pull(session_number session, ledger_seq from,
                                                  const std::optional<workspace_id>& workspace,
                                                  std::size_t max) const {
  KEYFOLD_TRY(const auto who, require(session));
  return ledger::pull_for(ledger_, who.user, from, workspace, max);
}

}  // namespace keyfold::relay
