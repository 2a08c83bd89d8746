// The organization actor's inside, in two parts: commits and sessions (organization.cpp), and what each
// request does (organization_requests.cpp).
#pragma once

#include "actors/disk.hpp"
#include "actors/organization.hpp"

namespace keyfold::actors {

struct organization_state {
  organization_state(organization_options o, std::unique_ptr<object::store> objects_of);

  organization_options options;
  db::transaction transaction;
  db::prefixed view;
  std::unique_ptr<relay::organization> core;
  std::shared_ptr<object::store> objects;
  disk_actor disk;
  std::map<relay::session_number, session_actor> sessions;
  std::map<invitation_token, conduit_actor> conduits;  ///< of invitations that somebody opened
  std::optional<relay::timestamp> expiry_scheduled;    ///< expire_invitations is under way
  /// What waits for the next commit, in order; each is told whether it went well.
  std::vector<std::function<void(const expected<void>&)>> after_commit;
};

struct organization_holder {
  std::unique_ptr<organization_state> inside;
  ~organization_holder();
};
using organization_pointer = organization_actor::stateful_pointer<organization_holder>;
[[nodiscard]] inline organization_state& state_of(organization_pointer self) {
  return *self->state.inside;
}

using answer_promise = promise<net::answer_or_failure>;

/// Runs `then` when everything done so far is durable.
void when_durable(organization_pointer self, std::function<void(const expected<void>&)> then);
/// Has expire_invitations come when the next invitation expires.
void schedule_expiry(organization_pointer self);
/// Tells sessions what the core says; to be called when it is durable.
void tell(organization_pointer self, const relay::effects& effects);

/// Answers one request of a session; the answer is delivered when it is durable.
void handle(organization_pointer self, const session_request& request, answer_promise answer);

}  // namespace keyfold::actors
