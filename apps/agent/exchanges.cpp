#include "apps/agent/exchanges.hpp"

namespace keyfold::apps {

expected<std::string> exchanges::add(const actors::exchange_actor& exchange) {
  const std::lock_guard guard(mutex_);
  if (running_.size() >= most)
    return fail(errc::busy, "too many code exchanges at once; end one first");
  const auto id = to_text(system_random().id<invitation_token>());
  running_.emplace(id, exchange);
  return id;
}

expected<actors::exchange_actor> exchanges::find(const std::string& id) {
  const std::lock_guard guard(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end())
    return fail(errc::not_found, "there is no such code exchange (any more)");
  return found->second;
}

void exchanges::remove(const std::string& id) {
  const std::lock_guard guard(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  caf::anon_send_exit(found->second, caf::exit_reason::user_shutdown);
  running_.erase(found);
}

void exchanges::stop() {
  const std::lock_guard guard(mutex_);
  for (const auto& [id, exchange] : std::exchange(running_, {}))
    caf::anon_send_exit(exchange, caf::exit_reason::user_shutdown);
}

}  // namespace keyfold::apps
