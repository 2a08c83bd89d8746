#include "store/relay/conduits.hpp"

namespace keyfold::relay {
namespace {

party other(party role) {
  return role == party::greeter ? party::guest : party::greeter;
}

}  // namespace

void conduits::tell_other(const invitation_token& token, const room& r, party role,
                          conduit_news what, bytes payload, effects& out) {
  const auto peer = r.seats.find(other(role));
  if (peer == r.seats.end()) return;
  out.push_back({peer->second.session, news::conduit{token, r.attempt, what, std::move(payload)}});
}

answered<conduits::opened> conduits::open(const invitation_token& token, party role,
                                          session_number session, timestamp now) {
  const auto name = to_text(token) + (role == party::greeter ? "g" : "u");
  if (auto allowed = opens_.take(name, now); !allowed) return {fail(allowed), {}};
  effects out;
  auto& r = rooms_[token];
  const auto before = r.seats.find(role);
  if (before != r.seats.end() && before->second.session != session)
    out.push_back(
        {before->second.session, news::conduit{token, r.attempt, conduit_news::replaced, {}}});
  r.attempt = ++attempts_[token];
  for (auto& [_, s] : r.seats) s.sent = 0;
  r.seats[role] = {session, 0};
  tell_other(token, r, role, conduit_news::restarted, {}, out);
  return {opened{r.attempt, r.seats.contains(other(role))}, std::move(out)};
}

expected<conduits::place> conduits::find(const invitation_token& token, std::uint64_t attempt,
                                         session_number session) {
  const auto r = rooms_.find(token);
  if (r == rooms_.end())
    return fail(errc::conduit_not_open, "this session has no conduit open there");
  for (const auto role : {party::greeter, party::guest}) {
    const auto s = r->second.seats.find(role);
    if (s == r->second.seats.end() || s->second.session != session) continue;
    if (attempt != r->second.attempt) return fail(errc::stale_attempt, "a newer attempt has begun");
    return place{&r->second, role};
  }
  return fail(errc::conduit_not_open, "this session has no conduit open there");
}

answered<void> conduits::send(const invitation_token& token, std::uint64_t attempt,
                              session_number session, bytes payload) {
  if (payload.size() > max_conduit_payload)
    return {fail(errc::too_large, "a message beyond what a conduit carries"), {}};
  const auto found = find(token, attempt, session);
  if (!found) return {fail(found), {}};
  auto& [r, role] = *found;
  if (!r->seats.contains(other(role)))
    return {fail(errc::peer_absent, "the other side is not there"), {}};
  if (++r->seats[role].sent > max_conduit_messages)
    return {fail(errc::conduit_full, "too many messages in one attempt"), {}};
  effects out;
  tell_other(token, *r, role, conduit_news::message, std::move(payload), out);
  return {{}, std::move(out)};
}

answered<void> conduits::close(const invitation_token& token, std::uint64_t attempt,
                               session_number session) {
  const auto found = find(token, attempt, session);
  if (!found) return {fail(found), {}};
  auto& [r, role] = *found;
  effects out;
  tell_other(token, *r, role, conduit_news::peer_left, {}, out);
  r->seats.erase(role);
  if (r->seats.empty()) rooms_.erase(token);
  return {{}, std::move(out)};
}

effects conduits::disconnect(session_number session) {
  effects out;
  for (const auto& [token, role] : held_by(session)) {
    auto& r = rooms_.at(token);
    tell_other(token, r, role, conduit_news::peer_left, {}, out);
    r.seats.erase(role);
    if (r.seats.empty()) rooms_.erase(token);
  }
  return out;
}

effects conduits::drop(const invitation_token& token, std::string_view reason) {
  effects out;
  if (const auto r = rooms_.find(token); r != rooms_.end()) {
    for (const auto& [_, s] : r->second.seats)
      out.push_back({s.session, news::conduit{token, r->second.attempt, conduit_news::closed,
                                              to_bytes(as_bytes(reason))}});
    rooms_.erase(r);
  }
  attempts_.erase(token);
  return out;
}

bool conduits::present(const invitation_token& token, party role) const {
  const auto r = rooms_.find(token);
  return r != rooms_.end() && r->second.seats.contains(role);
}

std::vector<std::pair<invitation_token, party>> conduits::held_by(session_number session) const {
  std::vector<std::pair<invitation_token, party>> out;
  for (const auto& [token, r] : rooms_)
    for (const auto& [role, s] : r.seats)
      if (s.session == session) out.emplace_back(token, role);
  return out;
}

std::vector<session_number> conduits::sessions() const {
  std::vector<session_number> out;
  for (const auto& [_, r] : rooms_)
    for (const auto& [role, s] : r.seats) out.push_back(s.session);
  return out;
}

}  // namespace keyfold::relay
