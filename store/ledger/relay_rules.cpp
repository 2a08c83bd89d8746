#include "store/ledger/relay_rules.hpp"

namespace keyfold::ledger {
namespace {

bool covers(const std::vector<feed_head>& frontier, const feed_head& accepted) {
  return std::any_of(frontier.begin(), frontier.end(), [&](const feed_head& head) {
    const bool same_feed = head.device == accepted.device && head.generation == accepted.generation;
    return same_feed && (head.seq > accepted.seq || head == accepted);
  });
}

expected<void> check_covers(const std::vector<feed_head>& frontier,
                            const std::vector<feed_head>& accepted) {
  for (const auto& head : accepted)
    if (!covers(frontier, head))
      return fail(errc::frontier_behind,
                  "the user has written since; pull his feeds and sign again");
  return {};
}

/// A frontier of heads that the user signed, and that covers what was accepted of him there.
expected<void> check_one(const state& s, bytes_view frontier, workspace_id workspace, user_id user,
                         const accepted_heads& accepted) {
  const auto devices = [&](device_id id) { return s.find_device(id); };
  const auto checked = check_frontier(frontier, s.id(), workspace, user, devices);
  if (checked.bad > 0)
    return fail(errc::bad_frontier, "a frontier with heads that the user did not sign there");
  return check_covers(checked.heads, accepted(workspace, user));
}

expected<void> check_frontiers(const state& s, const certificate& c, const role_changed& what,
                               const accepted_heads& accepted) {
  if (!what.frontier_hash) return {};
  return check_one(s, *c.attached.frontier, *c.header.scope, what.user, accepted);
}

expected<void> check_frontiers(const state& s, const certificate& c, const user_revoked& what,
                               const accepted_heads& accepted) {
  KEYFOLD_TRY(const auto parts, decode_parts(*c.attached.frontier));
  for (const auto& [workspace, frontier] : parts)
    KEYFOLD_CHECK(check_one(s, frontier, workspace, what.user, accepted));
  for (const auto& [workspace, role] : s.workspaces_of(what.user))
    if (may_write(role) && !parts.contains(workspace))
      KEYFOLD_CHECK(check_covers({}, accepted(workspace, what.user)));
  return {};
}

expected<void> check_quota(const state& s, user_id user) {
  std::size_t writable = 0;
  for (const auto& [workspace, role] : s.workspaces_of(user)) writable += may_write(role) ? 1U : 0U;
  if (writable >= max_writable_workspaces)
    return fail(errc::too_many_workspaces, "the user can write in as many workspaces as one may");
  return {};
}

}  // namespace

expected<void> check_append(const state& s, const certificate& c, const accepted_heads& accepted) {
  KEYFOLD_CHECK(s.check(c));
  KEYFOLD_TRY(const auto b, decode_body(*c.body));
  KEYFOLD_CHECK(check_attachments(b, c.attached, true));
  if (const auto* revoked = std::get_if<user_revoked>(&b.what))
    return check_frontiers(s, c, *revoked, accepted);
  if (std::holds_alternative<workspace_created>(b.what))
    return check_quota(s, s.find_device(c.header.author)->user);
  const auto* changed = std::get_if<role_changed>(&b.what);
  if (changed == nullptr) return {};
  const auto from = s.workspace(*c.header.scope)->role_of(changed->user);
  if (!may_write(from) && may_write(changed->role)) KEYFOLD_CHECK(check_quota(s, changed->user));
  return check_frontiers(s, c, *changed, accepted);
}

bool may_have_bodies(const state& s, user_id user, const std::optional<workspace_id>& scope) {
  const auto* known = s.organization().user(user);
  if (known == nullptr || known->revoked) return false;
  if (!scope || known->profile() == profile::administrator) return true;
  const auto* workspace = s.workspace(*scope);
  return workspace != nullptr && may_read(workspace->role_of(user));
}

namespace {

/// A certificate of a workspace that somebody may know who cannot read there any more: he could until then.
bool was_reader_until(const state& s, user_id user, workspace_id workspace, ledger_seq seq) {
  const auto* known = s.organization().user(user);
  if (known == nullptr || known->revoked || seq.value == 0) return false;
  return s.complete_at(workspace, seq) && may_read(s.role_at(workspace, user, {seq.value - 1}));
}

bool had_a_role(const state& s, user_id user, workspace_id workspace) {
  const auto* known = s.organization().user(user);
  const auto* fold = s.workspace(workspace);
  return known != nullptr && !known->revoked && fold != nullptr && fold->roles().contains(user);
}

std::vector<workspace_id> readable_by(const state& s, user_id user) {
  std::vector<workspace_id> out;
  for (const auto& [workspace, role] : s.workspaces_of(user))
    if (may_read(role) && out.size() < max_readable_told) out.push_back(workspace);
  return out;
}

}  // namespace

std::vector<ledger_seq> positions_about(const state& s, workspace_id workspace) {
  auto out = s.positions(workspace);
  for (const auto& [seq, user] : s.organization().revocations()) {
    const auto& parts = std::get<user_revoked>(s.effective_body_at(seq)->what).workspaces;
    if (std::any_of(parts.begin(), parts.end(),
                    [&](const auto& part) { return part.workspace == workspace; }))
      out.push_back(seq);
  }
  std::sort(out.begin(), out.end());
  return out;
}

record strip_for(const state& s, ledger_seq seq, user_id user) {
  auto out = *s.record_at(seq);
  auto& c = out.certificate;
  const auto* b = s.effective_body_at(seq);
  // Whether a reader may still read is not known beyond a body that is not held.
  const auto is_known = [&] {
    return !c.header.scope || s.complete_at(*c.header.scope, seq) ||
           s.organization().user(user)->profile() == profile::administrator;
  };
  if (may_have_bodies(s, user, c.header.scope) && is_known()) {
    if (b == nullptr || c.header.scope) return out;
    if (std::holds_alternative<user_revoked>(b->what) && c.attached.frontier) {
      auto parts = decode_parts(*c.attached.frontier).value_or(frontier_parts{});
      std::erase_if(parts, [&](const auto& part) { return !may_have_bodies(s, user, part.first); });
      c.attached.frontier = encode_parts(parts);
    }
    if (s.organization().user(user)->profile() == profile::external)
      c.attached.rows = c.attached.earlier = std::nullopt;
    return out;
  }
  // Who is removed learns it, which of his entries still count, and all before it, without which he could not judge it;
  // but no keys.
  c.attached.rows = c.attached.earlier = std::nullopt;
  if (c.header.scope && was_reader_until(s, user, *c.header.scope, seq)) return out;
  c.attached.frontier = std::nullopt;
  c.body = std::nullopt;
  return out;
}

expected<pulled> pull_for(const state& s, user_id user, ledger_seq from,
                          const std::optional<workspace_id>& workspace, std::size_t max) {
  if (workspace && !may_have_bodies(s, user, workspace) && !had_a_role(s, user, *workspace))
    return fail(errc::role_insufficient, "no right to the certificates of that workspace");
  pulled out{s.head()->seq, {}};
  std::size_t size = 0;
  const auto take = [&](ledger_seq seq) {
    auto encoded = encode_record(strip_for(s, seq, user));
    size += encoded.size();
    if (!out.records.empty() && (size > max_pull_bytes || out.records.size() >= max)) return false;
    out.records.push_back(std::move(encoded));
    return true;
  };
  max = std::clamp<std::size_t>(max, 1, max_pull_records);
  if (workspace) {
    for (const auto seq : positions_about(s, *workspace))
      if (seq >= from && !take(seq)) break;
  } else {
    auto seq = from;
    while (seq <= out.head && take(seq)) seq = seq.next();
    if (seq > out.head) out.readable = readable_by(s, user);
  }
  return out;
}

}  // namespace keyfold::ledger
