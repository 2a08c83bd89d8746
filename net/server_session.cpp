#include "net/server_session.hpp"

namespace keyfold::net {

server_session::server_session(instant now, const server_options& options)
    : options_(options),
      started_(now),
      alive_(now, options.ping_after, options.gone_after),
      last_ping_(options.pings_from),
      idle_talk_since_(now) {}

server_effects server_session::received(const message& m, instant now) {
  if (state_ == state::ended) return {};
  alive_.heard(now);
  if (m.kind == message_kind::hello) return on_hello(m);
  if (state_ != state::open) return end({errc::hello_expected, "say hello first"});
  switch (facts(m.kind).role) {
    case message_role::request:
      return on_request(m, now);
    case message_role::answer:
      return on_answer(m);
    case message_role::event:
      break;
  }
  return end({errc::unknown_message, "events go to those who ask, not to those who answer"});
}

server_effects server_session::on_hello(const message& m) {
  if (state_ != state::fresh) return end({errc::hello_expected, "a second hello"});
  greeting_id_ = m.request_id;
  state_ = state::greeting;
  auto said = decode<hello>(m.body.view());
  if (!said) return reject(said.error());
  const auto& versions = said->versions;
  if (std::find(versions.begin(), versions.end(), protocol_version) == versions.end())
    return reject({errc::unknown_version, "no common version of the protocol"});
  server_effects out;
  out.push_back(effect::greeting{std::move(*said), protocol_version});
  return out;
}

/// What nobody needs to say often, and each time is answered at once.
server_effects server_session::answer_idle_talk(message answer, instant now) {
  if (now - idle_talk_since_ >= options_.idle_talk_within) {
    idle_talk_since_ = now;
    idle_talk_ = 0;
  }
  if (++idle_talk_ > options_.max_idle_talk)
    return end({errc::flooding, "more pings, or requests at once, than anybody needs"});
  return {effect::send{std::move(answer)}};
}

server_effects server_session::on_request(const message& m, instant now) {
  if (m.kind == message_kind::ping)
    return answer_idle_talk(make_reply(m.request_id, empty_body{}), now);
  if (under_way_.contains(m.request_id))
    return end({errc::unasked, "a request id that is under way"});
  const auto bulk = m.bulk.size();
  if (under_way_.size() >= options_.max_under_way ||
      bulk_under_way_ + bulk > options_.max_bulk_under_way) {
    const error busy{errc::busy, "too many requests are under way in this session"};
    return answer_idle_talk(make_refusal(m.request_id, refusal::of(busy)), now);
  }
  under_way_.emplace(m.request_id, bulk);
  bulk_under_way_ += bulk;
  return {effect::requested{m}};
}

server_effects server_session::on_answer(const message& m) {
  if (m.request_id == 0 && m.kind == message_kind::refused) {
    state_ = state::ended;
    return {effect::closed{{errc::session_closed, "the peer ended its session"}}};
  }
  if (m.request_id > last_ping_ || m.request_id <= options_.pings_from)
    return end({errc::unasked, "an answer to nothing that was asked"});
  return on_pong(m.request_id);
}

/// The peer has read all that was sent before that ping.
server_effects server_session::on_pong(std::uint64_t ping) {
  while (!fences_.empty() && fences_.front().ping <= ping) {
    unpassed_ -= fences_.front().bytes;
    fences_.pop_front();
  }
  if (!was_full_ || unpassed_ > options_.event_window / 2) return {};
  was_full_ = false;
  return {effect::room{}};
}

server_effects server_session::tick(instant now) {
  if (state_ == state::ended) return {};
  if (state_ != state::open) {
    if (now - started_ < options_.greeting_timeout) return {};
    return end({errc::timed_out, "no hello in time"});
  }
  if (alive_.gone(now)) return end({errc::silent, "nothing heard of the peer for too long"});
  server_effects out;
  if (alive_.take_ping(now)) out.push_back(effect::send{make_message(ping{}, ++last_ping_)});
  return out;
}

std::optional<instant> server_session::next() const {
  if (state_ == state::ended) return std::nullopt;
  return state_ == state::open ? alive_.next() : started_ + options_.greeting_timeout;
}

server_effects server_session::accept(const hello_answer& answer) {
  if (state_ != state::greeting) return {};
  state_ = state::open;
  return {effect::send{make_reply(greeting_id_, answer)}};
}

server_effects server_session::reject(const error& why) {
  if (state_ != state::greeting) return {};
  state_ = state::ended;
  return {effect::send{make_refusal(greeting_id_, refusal::of(why))}, effect::closed{why}};
}

server_effects server_session::reply(std::uint64_t request_id, shared_bytes body,
                                     shared_bytes bulk) {
  if (!take(request_id)) return {};
  return {effect::send{{message_kind::reply, request_id, std::move(body), std::move(bulk)}}};
}

server_effects server_session::refuse(std::uint64_t request_id, const error& why,
                                      std::optional<bytes> detail) {
  if (!take(request_id)) return {};
  return {effect::send{make_refusal(request_id, refusal::of(why, std::move(detail)))}};
}

server_effects server_session::notify(const message& event) {
  if (state_ != state::open) return {};
  server_effects out{effect::send{event}};
  since_fence_ += event.size();
  unpassed_ += event.size();
  was_full_ = was_full_ || !has_room();
  if (since_fence_ >= options_.event_window / 8) {
    out.push_back(effect::send{make_message(ping{}, ++last_ping_)});
    fences_.push_back({last_ping_, std::exchange(since_fence_, 0)});
  }
  return out;
}

server_effects server_session::end(const error& why) {
  if (state_ == state::ended) return {};
  state_ = state::ended;
  under_way_.clear();
  return {effect::send{make_refusal(0, refusal::of(why))}, effect::closed{why}};
}

bool server_session::take(std::uint64_t request_id) {
  const auto found = under_way_.find(request_id);
  if (state_ != state::open || found == under_way_.end()) return false;
  bulk_under_way_ -= found->second;
  under_way_.erase(found);
  return true;
}

}  // namespace keyfold::net
