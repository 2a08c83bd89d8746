#include "net/client_session.hpp"

namespace keyfold::net {
namespace {

/// What an object_get is charged when its caller does not know the size.
constexpr std::size_t usual_object = 2 * 1024 * 1024;

failure failed(errc code, std::string message) {
  return {{code, std::move(message)}, {}};
}

/// The refusal in a `refused` message; an unreadable one is a refusal all the same.
failure failure_of(const message& m) {
  auto said = decode<refusal>(m.body.view());
  if (!said) return {said.error(), {}};
  return {said->to_error(), std::move(said->detail)};
}

}  // namespace

client_session::client_session(hello_verifier verify, const client_options& options)
    : verify_(std::move(verify)),
      options_(options),
      alive_(instant{}, options.ping_after, options.gone_after) {}

client_effects client_session::up(hello greeting, instant now) {
  client_effects out;
  if (state_ != state::down) end_all({errc::disconnected, "the link was made anew"}, out);
  state_ = state::greeting;
  greeting_ = std::move(greeting);
  greeting_id_ = ++last_id_;
  greeting_deadline_ = now + options_.greeting_timeout;
  alive_.heard(now);
  out.push_back(effect::send{make_message(greeting_, greeting_id_)});
  return out;
}

client_effects client_session::down(const error& why) {
  client_effects out;
  state_ = state::down;
  end_all(why, out);
  return out;
}

client_effects client_session::received(const message& m, instant now) {
  client_effects out;
  if (state_ == state::down) return out;
  alive_.heard(now);
  if (m.kind == message_kind::refused && m.request_id == 0) {
    close(failure_of(m).why, out);
    return out;
  }
  switch (facts(m.kind).role) {
    case message_role::answer:
      if (state_ == state::greeting)
        on_greeting(m, now, out);
      else
        on_answer(m, out);
      break;
    case message_role::event:
      if (state_ == state::open)
        out.push_back(effect::event{m});
      else
        close({errc::hello_expected, "an event before the answer to hello"}, out);
      break;
    case message_role::request:
      if (m.kind == message_kind::ping)
        out.push_back(effect::send{make_reply(m.request_id, empty_body{})});
      else
        out.push_back(effect::send{make_refusal(
            m.request_id, refusal::of({errc::unknown_message, "this side answers no requests"}))});
      break;
  }
  return out;
}

void client_session::on_greeting(const message& m, instant now, client_effects& out) {
  if (m.request_id != greeting_id_)
    return close({errc::unasked, "an answer to nothing that was asked"}, out);
  if (m.kind == message_kind::refused) return close(failure_of(m).why, out);
  auto greeted = decode<hello_answer>(m.body.view());
  if (!greeted) return close(greeted.error(), out);
  const auto& versions = greeting_.versions;
  if (std::find(versions.begin(), versions.end(), greeted->version) == versions.end())
    return close({errc::unknown_version, "the peer chose a version that was not offered"}, out);
  if (auto verified = verify_(greeting_, *greeted); !verified) return close(verified.error(), out);
  state_ = state::open;
  alive_.heard(now);
  out.push_back(effect::greeted{std::move(*greeted)});
  send_waiting(out);
}

void client_session::on_answer(const message& m, client_effects& out) {
  const auto found = under_way_.find(m.request_id);
  if (found == under_way_.end()) {
    // Of a ping, or of a request that has timed out meanwhile; but not of one never made.
    if (m.request_id > last_id_) close({errc::unasked, "an answer to nothing that was asked"}, out);
    return;
  }
  if (m.kind == message_kind::refused)
    finish(found, tl::make_unexpected(failure_of(m)), out);
  else
    finish(found, answer{m.body, m.bulk}, out);
  send_waiting(out);
}

client_effects client_session::tick(instant now) {
  client_effects out;
  if (state_ == state::greeting && now >= greeting_deadline_)
    close({errc::timed_out, "no answer to hello"}, out);
  if (state_ == state::open && alive_.gone(now))
    close({errc::silent, "nothing heard of the peer for too long"}, out);
  expire(now, out);
  if (state_ == state::open) {
    send_waiting(out);
    if (alive_.take_ping(now)) out.push_back(effect::send{make_message(ping{}, ++last_id_)});
  }
  return out;
}

void client_session::expire(instant now, client_effects& out) {
  const auto late = [&] {
    return tl::make_unexpected(failed(errc::timed_out, "no answer in time"));
  };
  for (auto i = under_way_.begin(); i != under_way_.end();) {
    const auto current = i++;
    if (now >= current->second.deadline) finish(current, late(), out);
  }
  for (auto& queue : waiting_) {
    std::deque<pending> left;
    for (auto& p : queue) {
      if (now < p.deadline) {
        left.push_back(std::move(p));
        continue;
      }
      waiting_bytes_ -= bytes_of(p);
      out.push_back(effect::answered{p.token, late()});
    }
    queue = std::move(left);
  }
}

expected<client_effects> client_session::ask(request_token token, request what, instant now) {
  const auto& kind = facts(what.kind);
  if (kind.role != message_role::request || what.kind == message_kind::hello)
    return fail(errc::malformed, "not a request");
  KEYFOLD_CHECK(check_message({what.kind, 1, what.body, what.bulk}));
  auto p = prepare(token, std::move(what), now);
  const auto size = bytes_of(p);
  const bool crowded = waiting_bytes_ > 0 && waiting_bytes_ + size > options_.max_waiting_bytes;
  if (waiting() >= options_.max_waiting || crowded)
    return fail(errc::queue_full, "too many requests are waiting");
  waiting_bytes_ += size;
  waiting_[p.in].push_back(std::move(p));
  client_effects out;
  if (state_ == state::open) send_waiting(out);
  return out;
}

client_session::pending client_session::prepare(request_token token, request what, instant now) {
  auto in = ordinary;
  std::size_t cost = 0;
  if (what.kind == message_kind::object_put) {
    in = puts;
    cost = what.bulk.size();
  } else if (what.kind == message_kind::object_get) {
    in = gets;
    cost = what.answer_bytes > 0 ? what.answer_bytes : usual_object;
  }
  const auto deadline = now + what.timeout;
  return {token, std::move(what), in, cost, deadline};
}

bool client_session::fits(const pending& p) const {
  if (under_way_.size() >= options_.max_under_way) return false;
  if (p.in == ordinary) return true;
  const auto credit = p.in == puts ? options_.put_credit : options_.get_credit;
  const auto used = credit_used_[p.in];
  return used == 0 || used + p.cost <= credit;  // one alone always may
}

void client_session::send_waiting(client_effects& out) {
  for (auto& queue : waiting_) {
    while (!queue.empty() && fits(queue.front())) {
      auto p = std::move(queue.front());
      queue.pop_front();
      waiting_bytes_ -= bytes_of(p);
      credit_used_[p.in] += p.cost;
      const auto id = ++last_id_;
      out.push_back(effect::send{{p.what.kind, id, p.what.body, p.what.bulk}});
      p.what.body = {};  // the transport has it now
      p.what.bulk = {};
      under_way_.emplace(id, std::move(p));
    }
  }
}

void client_session::finish(std::map<std::uint64_t, pending>::iterator which,
                            answer_or_failure result, client_effects& out) {
  const auto& p = which->second;
  credit_used_[p.in] -= p.cost;
  out.push_back(effect::answered{p.token, std::move(result)});
  under_way_.erase(which);
}

void client_session::end_all(const error& why, client_effects& out) {
  const auto gone = [&] { return tl::make_unexpected(failed(errc::disconnected, why.message)); };
  while (!under_way_.empty()) finish(under_way_.begin(), gone(), out);
  for (auto& queue : waiting_) {
    for (const auto& p : queue) out.push_back(effect::answered{p.token, gone()});
    queue.clear();
  }
  waiting_bytes_ = 0;
}

void client_session::close(const error& why, client_effects& out) {
  state_ = state::down;
  end_all(why, out);
  out.push_back(effect::closed{why});
}

std::size_t client_session::waiting() const {
  std::size_t out = 0;
  for (const auto& queue : waiting_) out += queue.size();
  return out;
}

std::optional<instant> client_session::next() const {
  std::optional<instant> out;
  const auto at = [&](instant when) { out = out ? std::min(*out, when) : when; };
  if (state_ == state::greeting) at(greeting_deadline_);
  if (state_ == state::open) at(alive_.next());
  for (const auto& [id, p] : under_way_) at(p.deadline);
  for (const auto& queue : waiting_)
    for (const auto& p : queue) at(p.deadline);
  return out;
}

}  // namespace keyfold::net
