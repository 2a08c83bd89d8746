#include "apps/agent/exchanges.hpp"

namespace keyfold::apps {
namespace {

/// The longest poll takes half of it; an exchange that nobody asks about has cancelled itself by then.
constexpr std::chrono::seconds forgotten_after{60};

}  // namespace

void exchanges::replace(const std::string& invitation) {
  const std::lock_guard guard(mutex_);
  for (const auto& [id, each] : running_)
    if (each.invitation == invitation)
      caf::anon_send(each.exchange, actors::exchange_answer{invitation::in::replaced{}});
}

expected<std::string> exchanges::add(const actors::exchange_actor& exchange,
                                     const std::string& invitation) {
  const std::lock_guard guard(mutex_);
  std::erase_if(running_, [](const auto& each) {
    const bool old = actors::monotonic_now() - each.second.asked > forgotten_after;
    if (old) caf::anon_send_exit(each.second.exchange, caf::exit_reason::user_shutdown);
    return old;
  });
  if (running_.size() >= most)
    return fail(errc::busy, "too many code exchanges at once; end one first");
  const auto id = to_text(system_random().id<invitation_token>());
  running_.emplace(id, entry{invitation, exchange, actors::monotonic_now()});
  return id;
}

expected<actors::exchange_actor> exchanges::find(const std::string& id) {
  const std::lock_guard guard(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end())
    return fail(errc::not_found, "there is no such code exchange (any more)");
  found->second.asked = actors::monotonic_now();
  return found->second.exchange;
}

void exchanges::remove(const std::string& id) {
  const std::lock_guard guard(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  caf::anon_send_exit(found->second.exchange, caf::exit_reason::user_shutdown);
  running_.erase(found);
}

void exchanges::stop() {
  const std::lock_guard guard(mutex_);
  for (const auto& [id, each] : std::exchange(running_, {}))
    caf::anon_send_exit(each.exchange, caf::exit_reason::user_shutdown);
}

}  // namespace keyfold::apps
