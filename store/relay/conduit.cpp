#include "store/relay/conduit.hpp"

namespace keyfold::relay {
namespace {

party other(party role) {
  return role == party::greeter ? party::guest : party::greeter;
}

}  // namespace

void conduit::tell(party role, conduit_news what, bytes payload, effects& out) const {
  const auto at = seats_.find(role);
  if (at == seats_.end()) return;
  out.push_back({at->second.session, news::conduit{token_, attempt_, what, std::move(payload)}});
}

answered<conduit::opened> conduit::open(party role, session_number session) {
  effects out;
  const auto before = seats_.find(role);
  if (before != seats_.end() && before->second.session != session)
    tell(role, conduit_news::replaced, {}, out);
  ++attempt_;
  for (auto& [_, s] : seats_) s.sent = 0;
  seats_[role] = {session, 0};
  tell(other(role), conduit_news::restarted, {}, out);
  return {opened{attempt_, present(other(role))}, std::move(out)};
}

expected<party> conduit::role_of(std::uint64_t attempt, session_number session) const {
  for (const auto& [role, s] : seats_) {
    if (s.session != session) continue;
    if (attempt != attempt_) return fail(errc::stale_attempt, "a newer attempt has begun");
    return role;
  }
  return fail(errc::conduit_not_open, "this session has no conduit open there");
}

answered<void> conduit::send(std::uint64_t attempt, session_number session, bytes payload) {
  if (payload.size() > max_conduit_payload)
    return {fail(errc::too_large, "a message beyond what a conduit carries"), {}};
  const auto role = role_of(attempt, session);
  if (!role) return {fail(role), {}};
  if (!present(other(*role))) return {fail(errc::peer_absent, "the other side is not there"), {}};
  if (++seats_[*role].sent > max_conduit_messages)
    return {fail(errc::conduit_full, "too many messages in one attempt"), {}};
  effects out;
  tell(other(*role), conduit_news::message, std::move(payload), out);
  return {{}, std::move(out)};
}

void conduit::leave(party role, effects& out) {
  seats_.erase(role);
  tell(other(role), conduit_news::peer_left, {}, out);
}

answered<void> conduit::close(std::uint64_t attempt, session_number session) {
  const auto role = role_of(attempt, session);
  if (!role) return {fail(role), {}};
  effects out;
  leave(*role, out);
  return {{}, std::move(out)};
}

effects conduit::disconnect(session_number session) {
  effects out;
  for (const auto role : {party::greeter, party::guest})
    if (present(role) && seats_.at(role).session == session) leave(role, out);
  return out;
}

effects conduit::end(std::string_view reason) {
  effects out;
  for (const auto role : {party::greeter, party::guest})
    tell(role, conduit_news::closed, to_bytes(as_bytes(reason)), out);
  seats_.clear();
  return out;
}

}  // namespace keyfold::relay
