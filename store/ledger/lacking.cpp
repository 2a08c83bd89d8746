#include "store/ledger/lacking.hpp"

namespace keyfold::ledger {

std::optional<ledger_seq> first_lacking_of_directory(const state& s, user_id user) {
  const auto* self = s.organization().user(user);
  if (self == nullptr || self->revoked || self->profile() == profile::external) return std::nullopt;
  for (const auto seq : s.positions(std::nullopt)) {
    const auto* body = s.effective_body_at(seq);
    const auto& attached = s.record_at(seq)->certificate.attached;
    if (body != nullptr && rotation_of(body->what) != nullptr &&
        !(attached.rows && attached.earlier))
      return seq;
  }
  return std::nullopt;
}

expected<ledger_seq> next_pull(const state& s, ledger_seq from) {
  const ledger_seq next{s.size()};
  if (next <= from) return fail(errc::malformed, "the relay does not give its records in order");
  return next;
}

}  // namespace keyfold::ledger
