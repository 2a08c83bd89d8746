// `sync`: scan the mirror, exchange until nothing is pending, write the mirror.
#include <spdlog/spdlog.h>

#include "actors/replies.hpp"
#include "actors/workspace_state.hpp"

namespace keyfold::actors {
namespace {

using done = expected<void>;

/// Answers the sync of that number, if it is still under way.
void end_sync(workspace_pointer self, std::uint64_t number, const done& result) {
  auto& syncs = state_of(self).syncs;
  const auto found = std::find_if(syncs.begin(), syncs.end(),
                                  [&](const auto& each) { return each.number == number; });
  if (found == syncs.end()) return;
  found->answer.deliver(result);
  syncs.erase(found);
}

/// Has the mirror do all there is to do, and takes the sync on to `next`. False when the sync has ended: a mirror
/// that does not run cannot say that all is done.
[[nodiscard]] bool mirror_then(workspace_pointer self, std::list<sync_request>::iterator sync,
                               sync_request::phase next) {
  auto& s = state_of(self);
  // Found again by its number: the list may change while the mirror works.
  const auto number = sync->number;
  if (!s.mirror && s.mirror_said && !s.rebuilding) {
    end_sync(self, number,
             tl::unexpected(s.mirror_said->trouble().value_or(
                 error{errc::internal, "the mirror does not run"})));
    return false;
  }
  if (!s.mirror) {
    sync->at = next;
    return true;
  }
  self->request(s.mirror, caf::infinite, mirror_now{})
      .then(
          [self, number, next](const done& result) {
            if (!result) return end_sync(self, number, result);
            for (auto& each : state_of(self).syncs)
              if (each.number == number) each.at = next;
            advance_syncs(self);
          },
          [self, number](const caf::error& e) {
            end_sync(self, number, tl::unexpected(to_error(e)));
          });
  return true;
}

/// A device that holds all that was written here, contents included.
bool all_at_a_device(const workspace_state& s) {
  return std::ranges::any_of(s.replicas, [](const auto& each) {
    const auto& [number, replica] = each;
    return !replica.is_relay() && replica.even() && !replica.securing;
  });
}

bool all_exchanged(const workspace_state& s, const sync_request& sync) {
  if (!s.engine.journal().empty()) return false;
  if (!sync.peer) return s.relay() != nullptr && s.relay()->even();
  // Whatever any device said it has is wanted here; but one that lacks something does not hold us up.
  const auto behind = [](const auto& each) {
    return !each.second.is_relay() && each.second.entitled && !each.second.pull.behind().empty();
  };
  return all_at_a_device(s) && std::ranges::none_of(s.replicas, behind);
}

bool can_do(const workspace_state& s, bool peer) {
  return std::ranges::any_of(s.replicas,
                             [&](const auto& each) { return each.second.is_relay() != peer; });
}

error nobody_there(bool peer) {
  return {errc::unreachable,
          peer ? "no other device of the workspace can be reached" : "the relay cannot be reached"};
}

/// Asks anew what others hold; to a device also contents are sent.
void begin_exchange(workspace_pointer self, bool peer) {
  for (auto& [number, replica] : state_of(self).replicas) {
    if (!replica.entitled || replica.is_relay() == peer) continue;
    ask_anew(self, replica);
    if (peer) secure(self, replica);
  }
}

bool may_not_write(const workspace_state& s) {
  const auto why = s.stalled();
  return why && why->code == errc::role_insufficient;
}

}  // namespace

void end_mirror_waits(workspace_pointer self, const error& why) {
  using phase = sync_request::phase;
  std::erase_if(state_of(self).syncs, [&](sync_request& sync) {
    const bool waits = sync.at == phase::scanning || sync.at == phase::applying;
    if (waits) sync.answer.deliver(done(tl::unexpected(why)));
    return waits;
  });
}

void end_syncs(workspace_pointer self, bool peer, const error& why) {
  std::erase_if(state_of(self).syncs, [&](sync_request& sync) {
    if (sync.peer != peer) return false;
    sync.answer.deliver(done(tl::unexpected(why)));
    return true;
  });
}

caf::result<done> begin_sync(workspace_pointer self, const sync_now& wanted) {
  auto& s = state_of(self);
  if (!can_do(s, wanted.peer)) return done(tl::unexpected(nobody_there(wanted.peer)));
  if (!ledger::may_read(s.role()))
    return done(fail(errc::role_insufficient, "you have no role in this workspace"));
  sync_request request;
  request.number = ++s.last_sync;
  request.peer = wanted.peer;
  request.answer = self->make_response_promise<done>();
  const auto answer = request.answer;
  s.syncs.push_back(std::move(request));
  if (mirror_then(self, std::prev(s.syncs.end()), sync_request::phase::subscribing))
    advance_syncs(self);
  return answer;
}

/// Each sync goes on as far as it can; what it waits for calls this again.
void advance_syncs(workspace_pointer self) {
  auto& s = state_of(self);
  for (auto at = s.syncs.begin(); at != s.syncs.end();) {
    const auto sync = at++;
    if (sync->at == sync_request::phase::subscribing) {
      sync->at = sync_request::phase::exchanging;
      begin_exchange(self, sync->peer);
      return;  // its answers come here again
    }
    if (sync->at == sync_request::phase::exchanging && may_not_write(s)) {
      sync->answer.deliver(done(
          fail(errc::read_only, "your role does not allow to write: local changes stay here")));
      s.syncs.erase(sync);
      continue;
    }
    if (sync->at == sync_request::phase::exchanging && all_exchanged(s, *sync)) {
      sync->at = sync_request::phase::applying;
      if (!mirror_then(self, sync, sync_request::phase::applied)) continue;
    }
    if (sync->at != sync_request::phase::applied) continue;
    if (s.engine.journal().empty()) {
      sync->answer.deliver(done{});
      s.syncs.erase(sync);
    } else {
      sync->at =
          sync_request::phase::exchanging;  // the mirror found more; its sending comes here again
    }
  }
}

}  // namespace keyfold::actors
