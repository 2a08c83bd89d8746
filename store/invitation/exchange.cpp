#include "store/invitation/exchange.hpp"

#include <algorithm>
#include <utility>

namespace keyfold::invitation {

namespace {

template <class... F>
struct overloaded : F... {
  using F::operator()...;
};
template <class... F>
overloaded(F...) -> overloaded<F...>;

}  // namespace

effects side::start() {
  effects_ = {out::show_waiting{}, out::open_conduit{}};
  return std::exchange(effects_, {});
}

effects side::handle(const input& event, timestamp now, random_source& random) {
  if (finished()) return {};
  now_ = now;
  random_ = &random;
  dispatch(event);
  on_time();
  random_ = nullptr;
  return std::exchange(effects_, {});
}

std::optional<timestamp> side::next_timeout() const {
  if (finished() || phase_ == phase::concluding) return std::nullopt;
  std::optional<timestamp> first;
  for (const auto& limit : {deadline_, options_.expires, options_.give_up})
    if (limit && (!first || *limit < *first)) first = limit;
  return first;
}

void side::dispatch(const input& event) {
  if (phase_ == phase::concluding) return on_input(event);
  std::visit(overloaded{
                 [&](const in::opened& e) {
                   if (phase_ == phase::closed) on_opened(e.attempt, e.peer_present);
                 },
                 // While an own open is under way its answer names a later attempt, or the same.
                 [&](const in::restarted& e) {
                   if (phase_ != phase::closed && e.attempt > attempt_) on_opened(e.attempt, true);
                 },
                 [&](const in::peer_left& e) { on_peer_left(e.attempt); },
                 [&](const in::received& e) { on_received(e); },
                 [&](const in::replaced&) { fail(reason::replaced); },
                 [&](const in::closed& e) { fail(e.why); },
                 [&](const in::disconnected&) { restart(reason::peer_left); },
                 [&](const in::cancel&) {
                   tell(reason::cancelled);
                   fail(reason::cancelled);
                 },
                 [&](const in::tick&) {},
                 [&](const auto&) { on_input(event); },
             },
             event);
}

void side::on_time() {
  if (finished() || phase_ == phase::concluding) return;
  if (options_.expires && now_ >= *options_.expires) {
    tell(reason::expired);
    return fail(reason::expired);
  }
  if (options_.give_up && now_ >= *options_.give_up) {
    tell(reason::timeout);
    return fail(reason::timeout);
  }
  if (!deadline_ || now_ < *deadline_) return;
  deadline_.reset();
  if (phase_ == phase::paired || phase_ == phase::alone || phase_ == phase::closed)
    return on_timeout();
  tell(reason::timeout);
  restart(reason::timeout);
}

bool side::in_attempt() const {
  return phase_ == phase::committed || phase_ == phase::revealed || phase_ == phase::paired;
}

void side::on_opened(std::uint64_t attempt, bool peer_present) {
  if (in_attempt()) end_attempt(reason::peer_left);
  attempt_ = attempt;
  if (peer_present)
    begin();
  else
    phase_ = phase::alone;
}

void side::begin() {
  if (options_.progress.reveals >= max_reveals) {
    phase_ = phase::committed;
    tell(reason::attempts);
    return fail(reason::attempts);
  }
  wipe();
  handshake_.emplace(own_, options_.terms, attempt_, *random_);
  phase_ = phase::committed;
  wait_for(step_timeout);
  emit(out::send{attempt_, handshake_->commit()});
}

void side::on_peer_left(std::uint64_t attempt) {
  if (attempt != attempt_ || !in_attempt()) return;
  end_attempt(reason::peer_left);
  phase_ = phase::alone;
}

void side::on_received(const in::received& message) {
  if (message.attempt != attempt_ || phase_ == phase::closed) return;
  if (auto taken = take(message.payload); !taken) refuse(taken.error());
}

void side::refuse(const error& why) {
  tell(reason::refused);
  on_refused(why);
}

expected<void> side::take(bytes_view payload) {
  if (payload.size() > max_payload)
    return keyfold::fail(errc::too_large, "a message beyond its limit");
  if (is_sealed(payload)) return take_sealed(payload);
  KEYFOLD_TRY(const auto what, kind_of(payload));
  if (what == message_kind::abort) return take_abort(payload, false);
  if (what == message_kind::commit && phase_ == phase::committed) return take_commit(payload);
  if (what == message_kind::reveal && phase_ == phase::revealed) return take_reveal(payload);
  return keyfold::fail(errc::unexpected_message, "a message that its step does not allow");
}

expected<void> side::take_commit(bytes_view payload) {
  KEYFOLD_CHECK(handshake_->take_commit(payload));
  ++options_.progress.reveals;  // counted on disk first: a crash must not give a relay another try
  emit(out::store_progress{options_.progress});
  emit(out::send{attempt_, handshake_->reveal()});
  phase_ = phase::revealed;
  wait_for(step_timeout);
  return {};
}

expected<void> side::take_reveal(bytes_view payload) {
  KEYFOLD_TRY(auto made, handshake_->take_reveal(payload));
  handshake_.reset();
  pairing_ = std::move(made);
  phase_ = phase::paired;
  wait_for_person();
  on_paired();
  return {};
}

expected<void> side::take_sealed(bytes_view payload) {
  if (phase_ != phase::paired)
    return keyfold::fail(errc::unexpected_message, "a sealed message before there is a key");
  KEYFOLD_TRY(const auto message, pairing_->open(payload));
  KEYFOLD_TRY(const auto what, kind_of(message.view()));
  if (what == message_kind::abort) return take_abort(message.view(), true);
  return on_message(what, message.view());
}

expected<void> side::take_abort(bytes_view message, bool authentic) {
  KEYFOLD_TRY(const auto name, decode_abort(message));
  const auto why = reason_from_string(name);
  // Whoever has the token can say that much: a greeter waits for the one with whom he shares a key.
  if (!authentic && own_ == party::greeter) {
    restart(why);
    return {};
  }
  switch (why) {
    case reason::refused:
      on_refused({errc::unexpected_message, "the other side refused what it got from here"});
      break;
    case reason::wrong_code:
      options_.restart_after_wrong_code ? restart(why) : fail(why);
      break;
    case reason::timeout:
    case reason::peer_left:
    case reason::replaced:
      restart(why);
      break;
    default:
      fail(why);
  }
  return {};
}

void side::send_sealed(bytes_view message) {
  emit(out::send{attempt_, pairing_->seal(message, *random_)});
}

void side::choose(sas_code right) {
  emit(out::show_choose{attempt_, sas_candidates(right, *random_)});
}

void side::tell(reason why) {
  if (!in_attempt()) return;
  const auto message = encode_abort(to_string(why));
  if (pairing_)
    send_sealed(message);
  else
    emit(out::send{attempt_, message});
}

void side::wrong_code() {
  tell(reason::wrong_code);
  options_.restart_after_wrong_code ? restart(reason::wrong_code) : fail(reason::wrong_code);
}

void side::fail(reason why, std::optional<error> refusal) {
  const bool open = in_attempt() || phase_ == phase::alone;
  if (open && why != reason::replaced)
    emit(out::close_conduit{attempt_, std::string(to_string(why))});
  wipe();
  conclude({why, std::move(refusal)});
}

void side::restart(reason why, std::optional<error> refusal) {
  end_attempt(why, std::move(refusal));
  phase_ = phase::closed;
  emit(out::open_conduit{});
}

void side::end_attempt(reason why, std::optional<error> refusal) {
  const bool shown = pairing_ || refusal;
  wipe();
  if (!shown) return;
  emit(out::attempt_ended{why, std::move(refusal)});
  emit(out::show_waiting{});
}

void side::wipe() {
  handshake_.reset();
  pairing_.reset();
  deadline_.reset();
  on_wiped();
}

void side::finish(effect last) {
  wipe();
  phase_ = phase::finished;
  emit(std::move(last));
}

}  // namespace keyfold::invitation
