#include "store/invitation/guest.hpp"

namespace keyfold::invitation {

guest::guest(options o)
    : side(party::guest, o),
      label_(std::move(o.label)),
      email_(std::move(o.email)),
      name_(std::move(o.name)),
      keys_(std::move(o.keys)) {}

void guest::on_paired() {
  step_ = step::choosing;
  choose(codes().greeter_code());
}

expected<void> guest::on_message(message_kind what, bytes_view message) {
  if (what == message_kind::greeter_ok && step_ == step::told) {
    send_claim();
    return {};
  }
  if (what == message_kind::admit && step_ == step::claimed) return on_admit(message);
  return keyfold::fail(errc::unexpected_message, "a message that its step does not allow");
}

void guest::on_input(const input& event) {
  const auto* pick = std::get_if<in::picked>(&event);
  if (pick == nullptr || step_ != step::choosing || pick->attempt != attempt()) return;
  if (pick->code != codes().greeter_code()) return wrong_code();
  step_ = step::told;
  wait_for_person();
  send_sealed(encode_signal(message_kind::guest_ok));
  emit(out::show_tell{codes().guest_code()});
}

void guest::send_claim() {
  if (!keys_) {
    keys_ = guest_keys::generate(about().kind, random());
    emit(out::store_keys{*keys_});
  }
  step_ = step::claimed;
  wait_for_person();
  const claim c{keys_->public_keys(), label_, email_, name_};
  send_sealed(encode_claim(c, keys_->signing, codes().transcript()));
}

expected<void> guest::on_admit(bytes_view message) {
  KEYFOLD_TRY(const auto admitted, decode_admit(message, about().kind, about().organization));
  emit(out::store_admission{admitted, *keys_});
  send_sealed(encode_signal(message_kind::ack));
  emit(out::close_conduit{attempt(), "done"});
  finish(out::done{admitted.user, admitted.device, true});
  return {};
}

void guest::on_wiped() {
  step_ = step::idle;
}

void guest::on_refused(const error& why) {
  fail(reason::refused, why);
}

void guest::on_timeout() {
  tell(reason::timeout);
  fail(reason::timeout);
}

}  // namespace keyfold::invitation
