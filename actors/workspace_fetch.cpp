// Objects that are fetched: for the store, or for whoever uses them at once.

#include <spdlog/spdlog.h>

#include "actors/replies.hpp"
#include "actors/workspace_state.hpp"

namespace keyfold::actors {
namespace {

using done = expected<void>;

constexpr std::size_t expected_object_size = 2 * 1024 * 1024;

error nobody_near() {
  return {errc::unreachable,
          "the content is not here, and neither the relay nor another device can be reached"};
}

/// Whoever waited for the object is told; `why`: it cannot be had now.
void settle_wants(workspace_state& s, const object_id& object, const std::optional<error>& why) {
  for (auto at = s.wants.begin(); at != s.wants.end();) {
    auto& want = *at;
    const bool waits = want.missing.erase(object) > 0;
    if (waits && (why || want.missing.empty())) {
      want.answer.deliver(why ? done(tl::unexpected(*why)) : done{});
      at = s.wants.erase(at);
    } else {
      ++at;
    }
  }
}

void store_fetched(workspace_pointer self, replica::replica_number from, const object_id& object,
                   const shared_bytes& data) {
  self->request(state_of(self).disk, caf::infinite, store_object{object, data})
      .then(
          [self, from, object](const done& stored) {
            auto& s = state_of(self);
            const bool wrong = !stored && stored.error().code == errc::object_mismatch;
            if (!stored) spdlog::warn("object {}: {}", to_text(object), stored.error().message);
            if (!wrong)
              settle_wants(s, object, stored ? std::nullopt : std::optional(stored.error()));
            // What cannot be stored here (a full disk) is asked for again when somebody wants it again.
            carry_out(self, stored || wrong ? s.fetch.got(from, object, stored.has_value())
                                            : s.fetch.lacks(from, object));
            if (s.passing.contains(object))  // asked for since it came
              carry_out(self, s.fetch.want(object, expected_object_size, 1));
            advance_syncs(self);
          },
          [](const caf::error&) {});
}

/// Whoever waited for the object to use it at once gets it, or hears why not.
void pass_on(workspace_state& s, const object_id& object, const expected<passed_object>& came) {
  const auto [first, last] = s.passing.equal_range(object);
  std::vector<promise<expected<passed_object>>> waiting;
  for (auto at = first; at != last; ++at) waiting.push_back(at->second);
  s.passing.erase(first, last);
  for (auto& each : waiting) each.deliver(came);
}

bool is_wanted_here(const workspace_state& s, const object_id& object) {
  return std::ranges::any_of(s.wants,
                             [&](const auto& want) { return want.missing.contains(object); });
}

/// What nobody waits for to use it at once is stored.
void take_fetched(workspace_pointer self, replica::replica_number from, const object_id& object,
                  const shared_bytes& data) {
  auto& s = state_of(self);
  if (s.passing.contains(object)) {
    if (data.size() > object::max_object_size) return was_wrong(self, {object, from});
    // A copy: the message that it came in counts as unread while anybody holds it.
    pass_on(s, object, passed_object{shared_bytes(to_bytes(data.view())), from});
    if (!is_wanted_here(s, object)) {
      carry_out(self, s.fetch.got(from, object, true));
      return advance_syncs(self);
    }
  }
  store_fetched(self, from, object, data);
}

void get_object(workspace_pointer self, const replica::get_object& wanted) {
  ask request = ask_for(net::object_get{state_of(self).options.workspace, wanted.object, 0, 0}, {},
                        bulk_timeout);
  ask_replica(self, wanted.replica, std::move(request),
              [self, wanted](replica_link&, const net::answer_or_failure& got) {
                if (got) return take_fetched(self, wanted.replica, wanted.object, got->bulk);
                // Not that it lacks it: the link says next that it is down.
                if (got.error().why.code == errc::disconnected) return;
                spdlog::info("object {}: {}", to_text(wanted.object), got.error().why.message);
                carry_out(self, state_of(self).fetch.lacks(wanted.replica, wanted.object));
              });
}

}  // namespace

void was_wrong(workspace_pointer self, const object_was_wrong& told) {
  spdlog::warn("object {}: bytes that are not those of its id", to_text(told.object));
  carry_out(self, state_of(self).fetch.got(told.from, told.object, false));  // another may have it
}

void end_wants(workspace_state& s, const error& why) {
  for (auto& want : std::exchange(s.wants, {})) want.answer.deliver(done(tl::unexpected(why)));
  while (!s.passing.empty()) pass_on(s, object_id(s.passing.begin()->first), tl::unexpected(why));
}

void carry_out(workspace_pointer self, const replica::fetch::effects& effects) {
  for (const auto& effect : effects) {
    if (const auto* e = std::get_if<replica::get_object>(&effect)) get_object(self, *e);
    if (const auto* e = std::get_if<replica::object_unavailable>(&effect)) {
      const error why{errc::not_found, "the content is at no replica within reach"};
      settle_wants(state_of(self), e->object, why);
      pass_on(state_of(self), e->object, tl::unexpected(why));
    }
  }
}

caf::result<done> fetch_objects(workspace_pointer self, const want_objects& request) {
  auto& s = state_of(self);
  wanted_objects want;
  for (const auto& object : request.objects)
    if (!s.options.objects.objects->has(object).value_or(false)) want.missing.insert(object);
  if (want.missing.empty()) return done{};
  if (s.replicas.empty()) return done(tl::unexpected(nobody_near()));
  want.answer = self->make_response_promise<done>();
  const auto answer = want.answer;
  const auto missing = want.missing;
  s.wants.push_back(std::move(want));
  for (const auto& object : missing) carry_out(self, s.fetch.want(object, expected_object_size, 1));
  return answer;
}

caf::result<expected<passed_object>> fetch_to_pass(workspace_pointer self,
                                                   const pass_object& request) {
  auto& s = state_of(self);
  if (s.replicas.empty()) return expected<passed_object>(tl::unexpected(nobody_near()));
  auto answer = self->make_response_promise<expected<passed_object>>();
  s.passing.emplace(request.object, answer);
  carry_out(self, s.fetch.want(request.object, expected_object_size, 1));
  return answer;
}

}  // namespace keyfold::actors
