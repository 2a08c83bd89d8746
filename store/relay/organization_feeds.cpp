// Feeds and objects of an organization at the relay.
#include <algorithm>

#include "store/relay/organization.hpp"

namespace keyfold::relay {

answered<std::vector<feed::feed_head>> organization::subscribe(
    session_number session, workspace_id workspace, std::vector<feed::feed_head> frontier) {
  const auto allowed = [&]() -> expected<void> {
    KEYFOLD_TRY(const auto who, require(session));
    KEYFOLD_CHECK(require_reader(workspace, who.user));
    if (frontier.size() > feed::max_seen)
      return fail(errc::too_large, "a frontier of too many heads");
    const auto& present = sessions_.at(session).subscriptions;
    if (present.size() >= max_subscriptions && !present.contains(workspace))
      return fail(errc::too_many_subscriptions, "too many workspaces in one session");
    return {};
  }();
  if (!allowed) return {fail(allowed), {}};
  sessions_.at(session).subscriptions.insert_or_assign(workspace,
                                                       replica::delivery(std::move(frontier)));
  effects out{{session, news::feed_grew{workspace}}};
  if (auto lost = feeds_.lost(workspace, max_wanted); !lost.empty())
    out.push_back({session, news::objects_wanted{workspace, std::move(lost)}});
  return {replica::heads_to_tell(feeds_.index(workspace)), std::move(out)};
}

expected<feed::slice> organization::deliver(session_number session, workspace_id workspace,
                                            std::size_t max_bytes) {
  KEYFOLD_TRY(const auto who, require(session));
  auto& subscriptions = sessions_.at(session).subscriptions;
  const auto found = subscriptions.find(workspace);
  if (found == subscriptions.end()) return fail(errc::not_subscribed, "not subscribed there");
  KEYFOLD_CHECK(require_reader(workspace, who.user));
  return found->second.next(feeds_.index(workspace), max_bytes);
}

expected<bytes> organization::heads(session_number session, workspace_id workspace, user_id user) {
  KEYFOLD_TRY(const auto who, require(session));
  if (is_administrator(who.user)) {
    if (ledger_.workspace(workspace) == nullptr)
      return fail(errc::workspace_unknown, "there is no such workspace");
  } else {
    KEYFOLD_CHECK(require_reader(workspace, who.user));
  }
  const auto* found = ledger_.organization().user(user);
  if (found == nullptr) return fail(errc::user_unknown, "there is no such user");
  return feeds_.index(workspace).signed_heads(found->devices);
}

expected<bytes> organization::fence(session_number session, const ledger::fence& f,
                                    bytes_view signature, timestamp now) {
  KEYFOLD_TRY(const auto who, require(session));
  KEYFOLD_CHECK(require_present());
  KEYFOLD_CHECK(ledger::check_fence(ledger_, f, who.device, signature));
  KEYFOLD_TRY(auto out, heads(session, f.workspace, f.user));
  KEYFOLD_CHECK(fencings_.take(to_text(who.user) + to_text(f.user), now));
  fences_[{f.workspace, f.user}] = now + fence_time;
  return out;
}

std::size_t organization::unfenced(workspace_id workspace, std::span<const feed::entry> entries,
                                   timestamp now) {
  std::erase_if(fences_, [&](const auto& fence) { return fence.second <= now; });
  if (fences_.empty()) return entries.size();
  const auto is_fenced = [&](const feed::entry& e) {
    const auto author = ledger_.find_device(e.header.device);
    return author && fences_.contains({workspace, author->user}) &&
           !feeds_.index(workspace).holds(e.hash);
  };
  return static_cast<std::size_t>(std::find_if(entries.begin(), entries.end(), is_fenced) -
                                  entries.begin());
}

expected<std::vector<feed::entry>> organization::decode_entries(
    std::span<const bytes> entries) const {
  if (entries.size() > max_push_entries)
    return fail(errc::too_large, "too many entries in one push");
  std::vector<feed::entry> out;
  out.reserve(entries.size());
  for (const auto& encoded : entries) {
    KEYFOLD_TRY(auto e, feed::decode_entry(encoded));
    out.push_back(std::move(e));
  }
  return out;
}

/// The entries that may be taken now, from the front.
expected<std::span<const feed::entry>> organization::admissible(
    workspace_id workspace, std::span<const feed::entry> entries, timestamp now) {
  const auto within = replica::within_heads(feeds_.index(workspace), ledger_, entries,
                                            [&](user_id user) { return feeds_.heads_of(user); });
  if (within.count == 0 && !entries.empty())
    return fail(errc::too_many_heads, "a user with too many feeds; nobody could revoke him");
  const auto allowed = entries.first(std::min(within.count, unfenced(workspace, entries, now)));
  if (allowed.empty() && !entries.empty())
    return fail(errc::fenced, "this user's right to write is about to be taken");
  return allowed;
}

void organization::count_heads(const replica::taken& result) {
  for (const auto& one : result.results) {
    if (!one.fresh || (one.order.seq.value != 0 && !one.fork)) continue;
    if (const auto author = ledger_.find_device(one.order.device)) feeds_.add_head(author->user);
  }
}

void organization::tell_feed(workspace_id workspace, session_number from,
                             const replica::taken& result, effects& out) {
  for (auto& [session, state] : sessions_) {
    const auto found = state.subscriptions.find(workspace);
    if (found == state.subscriptions.end()) continue;
    if (session != from) {
      out.push_back({session, news::feed_grew{workspace}});
      continue;
    }
    for (const auto& head : result.fresh) found->second.has(feeds_.index(workspace), head.hash);
  }
}

/// What came while they could not read waits for them: of that user's sessions, or of all.
void organization::tell_waiting(workspace_id workspace, const std::optional<user_id>& user,
                                effects& out) const {
  for (const auto& [session, state] : sessions_)
    if ((!user || state.who.user == *user) && state.subscriptions.contains(workspace) &&
        require_reader(workspace, state.who.user))
      out.push_back({session, news::feed_grew{workspace}});
}

answered<organization::pushed> organization::push(session_number session, workspace_id workspace,
                                                  std::span<const bytes> encoded, timestamp now,
                                                  push_refusal& refusal) {
  effects out;
  auto done = [&]() -> expected<pushed> {
    KEYFOLD_TRY(const auto who, require(session));
    KEYFOLD_CHECK(require_present());
    // Whoever has what others wrote may bring it; an own entry is judged like any other.
    KEYFOLD_CHECK(require_reader(workspace, who.user));
    KEYFOLD_TRY(const auto entries, decode_entries(encoded));
    KEYFOLD_TRY(const auto allowed, admissible(workspace, entries, now));
    const auto result = replica::take(feeds_.index(workspace), ledger_, allowed);
    count_heads(result);
    if (!result.fresh.empty()) tell_feed(workspace, session, result, out);
    pushed answer;
    for (const auto& one : result.results) {
      if (one.verdict.standing < feed::standing::quarantined) break;
      ++answer.accepted;
    }
    if (answer.accepted == 0 && result.refusal) {
      refusal.lacks = result.lacks;
      return tl::unexpected(*result.refusal);
    }
    // Who passes on what somebody else wrote may lack the objects: whoever has them is asked.
    answer.wanted = feeds_.wanted(workspace, std::span(entries).first(answer.accepted), SIZE_MAX);
    for (const auto& object : answer.wanted) feeds_.lose(workspace, object);
    answer.wanted.resize(std::min(answer.wanted.size(), max_wanted));
    tell_wanted(workspace, session, answer.wanted, out);
    return answer;
  }();
  return {std::move(done), std::move(out)};
}

expected<std::vector<object_id>> organization::lacking(session_number session,
                                                       workspace_id workspace,
                                                       std::span<const object_id> objects) const {
  KEYFOLD_TRY(const auto who, require(session));
  KEYFOLD_CHECK(require_reader(workspace, who.user));
  if (objects.size() > max_objects_asked) return fail(errc::too_large, "too many objects at once");
  std::vector<object_id> out;
  for (const auto& object : objects)
    if (!feeds_.holds(workspace, object)) out.push_back(object);
  return out;
}

expected<bool> organization::check_put(session_number session, workspace_id workspace,
                                       const object_id& object, std::size_t size) const {
  KEYFOLD_TRY(const auto who, require(session));
  KEYFOLD_CHECK(require_present());
  // What was lost is taken from whoever has it: its id says whether it is right.
  if (feeds_.is_lost(workspace, object))
    KEYFOLD_CHECK(require_reader(workspace, who.user));
  else
    KEYFOLD_CHECK(require_writer(workspace, who.user));
  if (size > max_object_size) return fail(errc::too_large, "an object beyond its limit");
  return !feeds_.holds(workspace, object);
}

expected<void> organization::check_get(session_number session, workspace_id workspace,
                                       const object_id& object) const {
  KEYFOLD_TRY(const auto who, require(session));
  KEYFOLD_CHECK(require_reader(workspace, who.user));
  if (!feeds_.holds(workspace, object)) return fail(errc::not_found, "the object is not held here");
  return {};
}

void organization::object_stored(workspace_id workspace, const object_id& object) {
  feeds_.keep(workspace, object);
}

effects organization::object_lost(workspace_id workspace, const object_id& object) {
  feeds_.lose(workspace, object);
  effects out;
  tell_wanted(workspace, 0, {object}, out);
  return out;
}

void organization::tell_wanted(workspace_id workspace, session_number but,
                               std::vector<object_id> objects, effects& out) const {
  if (objects.empty()) return;
  for (const auto& [session, state] : sessions_)
    if (session != but && state.subscriptions.contains(workspace) &&
        require_reader(workspace, state.who.user))
      out.push_back({session, news::objects_wanted{workspace, objects}});
}

}  // namespace keyfold::relay
