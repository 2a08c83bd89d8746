#include "store/invitation/greeter.hpp"

namespace keyfold::invitation {

greeter::greeter(options o)
    : side(party::greeter, o), email_(std::move(o.email)), profile_(o.profile) {}

void greeter::on_paired() {
  step_ = step::told;
  emit(out::show_tell{codes().greeter_code()});
}

expected<void> greeter::on_message(message_kind what, bytes_view message) {
  if (what == message_kind::guest_ok && step_ == step::told) {
    step_ = step::choosing;
    wait_for_person();
    choose(codes().guest_code());
    return {};
  }
  if (what == message_kind::claim && step_ == step::chosen) return on_claim(message);
  if (what == message_kind::ack && step_ == step::admitted) {
    on_ack();
    return {};
  }
  return keyfold::fail(errc::unexpected_message, "a message that its step does not allow");
}

void greeter::on_input(const input& event) {
  if (const auto* e = std::get_if<in::picked>(&event)) return on_pick(*e);
  if (const auto* e = std::get_if<in::looked_up>(&event)) return on_looked_up(*e);
  if (const auto* e = std::get_if<in::confirmed>(&event)) return on_confirmed(*e);
  if (const auto* e = std::get_if<in::appended>(&event)) return on_appended(*e);
  if (const auto* e = std::get_if<in::append_failed>(&event)) return on_append_failed(*e);
}

void greeter::on_pick(const in::picked& pick) {
  if (step_ != step::choosing || pick.attempt != attempt()) return;
  if (pick.code != codes().guest_code()) return wrong_code();
  step_ = step::chosen;
  wait_for(step_timeout);
  send_sealed(encode_signal(message_kind::greeter_ok));
}

expected<void> greeter::on_claim(bytes_view message) {
  KEYFOLD_TRY(claim_, decode_claim(message, about().kind, codes().transcript()));
  step_ = step::claimed;
  wait_without_limit();
  if (is_other_than_admitted(claim_->keys))
    turn_away(reason::used, {errc::invitation_used, "this invitation has let in somebody else"});
  else if (!appending_)  // else its answer decides, so that no guest is appended twice
    look_up();
  return {};
}

bool greeter::is_other_than_admitted(const claimed_keys& keys) {
  return remembered().admitted && *remembered().admitted != keys.signing;
}

void greeter::look_up() {
  emit(out::look_up{claim_->keys});
}

void greeter::on_looked_up(const in::looked_up& result) {
  if (step_ != step::claimed || appending_ || result.keys != claim_->keys) return;
  if (result.taken)
    return turn_away(reason::refused, {errc::key_in_use, "the guest's keys are in use"});
  if (result.found && !fits(*result.found))
    return turn_away(reason::refused,
                     {errc::internal, "an admission that does not fit the invitation"});
  if (result.found) {
    admitted_ = result.found;
    return admit();
  }
  step_ = step::confirming;
  wait_for_person();
  if (about().kind == kind::device)
    return emit(out::show_confirm{attempt(), {}, {}, claim_->label});
  emit(out::show_confirm{attempt(), email(), claim_->name.value_or(""), claim_->label});
}

void greeter::on_confirmed(const in::confirmed& answer) {
  if (step_ != step::confirming || answer.attempt != attempt()) return;
  if (!answer.accept) {
    tell(reason::rejected);
    return fail(reason::rejected);
  }
  append_request request{about().kind, claim_->keys, claim_->label,
                         {},           {},           answer.profile.value_or(profile_)};
  if (about().kind == kind::user) {
    request.email = answer.email.value_or(email());
    request.name = answer.name.value_or(claim_->name.value_or(""));
  }
  step_ = step::appending;
  appending_ = claim_->keys;
  wait_without_limit();  // whoever appends has limits of his own, and always answers
  emit(out::append{std::move(request)});
}

void greeter::on_appended(const in::appended& result) {
  if (!appending_) return;
  const auto keys = *appending_;
  appending_.reset();
  if (!fits(result.admitted)) {
    // The shell's own mistake: the secret of a user would go to another one, or be missing.
    tell(reason::ledger);
    return fail(reason::ledger,
                error{errc::internal, "an admission that does not fit the invitation"});
  }
  admitted_ = result.admitted;
  remembered().admitted = keys.signing;
  emit(out::store_progress{remembered()});
  if (concluding()) return conclude(ending_);
  if (!claim_) return wait_for(return_timeout);
  if (claim_->keys == keys) return admit();
  turn_away(reason::used, {errc::invitation_used, "this invitation has let in somebody else"});
}

void greeter::on_append_failed(const in::append_failed& result) {
  if (!appending_) return;
  appending_.reset();
  if (concluding()) return conclude(ending_);
  if (claim_ && step_ == step::claimed) return look_up();  // he came again while that was under way
  tell(reason::ledger);
  fail(reason::ledger, result.why);
}

std::string greeter::email() const {
  return email_.empty() ? claim_->email.value_or("") : email_;
}

void greeter::admit() {
  step_ = step::admitted;
  wait_for(return_timeout);
  send_sealed(encode_admit(*admitted_).view());
}

bool greeter::fits(const admission& a) const {
  return a.user_secret.has_value() == (about().kind == kind::device);
}

void greeter::on_ack() {
  emit(out::close_conduit{attempt(), "done"});
  emit(out::close_invitation{});
  finish(out::done{admitted_->user, admitted_->device, true});
}

void greeter::on_wiped() {
  step_ = step::idle;
  claim_.reset();
  if (admitted_) wait_for(return_timeout);
}

void greeter::turn_away(reason why, const error& refusal) {
  tell(why);
  if (++refused_ >= max_refused) return fail(why, refusal);
  restart(why, refusal);
}

void greeter::on_refused(const error& why) {
  if (++refused_ >= max_refused) return fail(reason::refused, why);
  restart(reason::refused, why);
}

void greeter::on_timeout() {
  tell(reason::timeout);
  if (step_ == step::chosen) return restart(reason::timeout);
  fail(reason::timeout);
}

void greeter::conclude(const out::failed& last) {
  if (appending_) {
    ending_ = last;
    return set_concluding();
  }
  if (admitted_) return finish(out::done{admitted_->user, admitted_->device, false});
  finish(last);
}

}  // namespace keyfold::invitation
