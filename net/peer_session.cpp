#include "net/peer_session.hpp"

namespace keyfold::net {
namespace {

constexpr std::uint64_t pings_from = std::uint64_t{1} << 63;

/// Effects of either side. That its event window has room again is nothing to a peer: events are few here.
template <class Effects>
void add(peer_effects& out, Effects effects) {
  for (auto& effect : effects)
    std::visit(
        [&](auto& what) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(what)>, effect::room>)
            out.emplace_back(std::move(what));
        },
        effect);
}
template <class Effects>
peer_effects from(Effects effects) {
  peer_effects out;
  add(out, std::move(effects));
  return out;
}

server_options with_own_pings(server_options options) {
  options.pings_from = pings_from;
  return options;
}

}  // namespace

peer_session::peer_session(hello_verifier verify, instant now, const client_options& asking,
                           server_options answering)
    : asking_(std::move(verify), asking), answering_(now, with_own_pings(answering)) {}

peer_effects peer_session::up(hello greeting, instant now) {
  return from(asking_.up(std::move(greeting), now));
}

peer_effects peer_session::down(const error& why) {
  return from(asking_.down(why));
}

peer_effects peer_session::received(const message& m, instant now) {
  const auto role = facts(m.kind).role;
  if (role == message_role::request || m.request_id > pings_from)
    return from(answering_.received(m, now));
  auto out = from(asking_.received(m, now));
  // The peer ended all of it: its requests will not be answered either.
  if (m.kind == message_kind::refused && m.request_id == 0) add(out, answering_.received(m, now));
  return out;
}

peer_effects peer_session::tick(instant now) {
  auto out = from(asking_.tick(now));
  add(out, answering_.tick(now));
  return out;
}

std::optional<instant> peer_session::next() const {
  const auto a = asking_.next();
  const auto b = answering_.next();
  return a && b ? std::min(*a, *b) : a ? a : b;
}

expected<peer_effects> peer_session::ask(request_token token, client_session::request what,
                                         instant now) {
  KEYFOLD_TRY(auto effects, asking_.ask(token, std::move(what), now));
  return from(std::move(effects));
}

peer_effects peer_session::accept(const hello_answer& answer) {
  return from(answering_.accept(answer));
}

peer_effects peer_session::reject(const error& why) {
  return from(answering_.reject(why));
}

peer_effects peer_session::reply(std::uint64_t request_id, const answer_or_failure& result) {
  return from(result ? answering_.reply(request_id, result->body, result->bulk)
                     : answering_.refuse(request_id, result.error().why, result.error().detail));
}

peer_effects peer_session::notify(const message& event) {
  return from(answering_.notify(event));
}

peer_effects peer_session::end(const error& why) {
  return from(answering_.end(why));
}

}  // namespace keyfold::net
