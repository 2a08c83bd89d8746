#include "store/ledger/workspace.hpp"

#include <cassert>

#include "store/ledger/attachments.hpp"

namespace keyfold::ledger {
namespace {

constexpr ledger_seq now{~std::uint64_t{0}};

role step_at(const std::vector<role_step>& steps, ledger_seq seq) {
  auto out = role::none;
  for (const auto& step : steps)
    if (step.seq <= seq) out = step.role;
  return out;
}

}  // namespace

role workspace_fold::role_at(user_id user, ledger_seq seq) const {
  const auto steps = roles_.find(user);
  if (steps == roles_.end()) return role::none;
  const auto* known = organization_->user(user);
  if (known == nullptr || known->revoked_at(seq)) return role::none;
  return step_at(steps->second, seq);
}

role workspace_fold::role_of(user_id user) const {
  return role_at(user, now);
}

std::map<user_id, role> workspace_fold::members() const {
  return members_at(now);
}

std::map<user_id, role> workspace_fold::members_at(ledger_seq seq) const {
  std::map<user_id, role> out;
  for (const auto& [user, steps] : roles_)
    if (const auto role = role_at(user, seq); may_read(role)) out.emplace(user, role);
  return out;
}

std::optional<epoch_facts> workspace_fold::epoch_at(ledger_seq seq) const {
  std::optional<epoch_facts> out;
  for (const auto& epoch : epochs_)
    if (epoch.since <= seq) out = epoch;
  return out;
}

bool workspace_fold::rotation_due() const {
  return rotation_due_at(now);
}

bool workspace_fold::rotation_due_at(ledger_seq seq) const {
  const auto epoch = epoch_at(seq);
  if (!epoch) return false;
  return std::any_of(due_.begin(), due_.end(),
                     [&](ledger_seq at) { return epoch->since < at && at <= seq; });
}

bool workspace_fold::may_rotate_again(user_id user) const {
  return removal_seen_ && !rotated_since_removal_.contains(user);
}

void workspace_fold::apply(const header& h, const body& b) {
  std::visit(
      [&](const auto& what) {
        using kind_of = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<kind_of, unknown_body>)
          read_only_ = read_only_ || b.critical;
        else if constexpr (std::is_same_v<kind_of, workspace_created> ||
                           std::is_same_v<kind_of, role_changed> ||
                           std::is_same_v<kind_of, key_rotated>)
          apply(h, b, what);
        else
          assert(false && "not a workspace's certificate");
      },
      b.what);
}

void workspace_fold::apply(const header& h, const body& b, const workspace_created& what) {
  creator_ = organization_->device(h.author)->facts.user;
  created_ms_ = b.time_ms;
  name_ = what.name;
  chunking_ = what.chunking;
  chunk_table_ = what.chunk_table;
  roles_[creator_].push_back({h.seq, role::owner});
  epochs_.push_back({{0}, what.commitment, h.seq});
}

void workspace_fold::apply(const header& h, const body&, const role_changed& what) {
  const auto before = role_at(what.user, h.seq);
  roles_[what.user].push_back({h.seq, what.role});
  if (may_write(before) && !may_write(what.role))
    losses_.push_back({h.seq, what.user, *what.frontier_hash});
  if (may_read(before) && !may_read(what.role)) reader_removed(h.seq, what.rotation.has_value());
  if (what.rotation) add_epoch(h, *what.rotation);
}

void workspace_fold::apply(const header& h, const body&, const key_rotated& what) {
  add_epoch(h, what.rotation);
}

void workspace_fold::add_epoch(const header& h, const rotation& r) {
  epochs_.push_back({r.epoch, r.commitment, h.seq});
  rotated_since_removal_.insert(organization_->device(h.author)->facts.user);
}

void workspace_fold::reader_removed(ledger_seq seq, bool rotated) {
  if (!rotated) due_.push_back(seq);
  removal_seen_ = true;
  rotated_since_removal_.clear();
}

void workspace_fold::apply_revocation(ledger_seq seq, const user_revoked& what) {
  if (!created()) return;
  const auto steps = roles_.find(what.user);
  const auto before = steps == roles_.end() ? role::none : step_at(steps->second, seq);
  if (may_write(before)) {
    // A workspace that the certificate does not name has an empty frontier: the same for everybody.
    const auto part = std::find_if(what.workspaces.begin(), what.workspaces.end(),
                                   [&](const auto& w) { return w.workspace == id_; });
    losses_.push_back(
        {seq, what.user,
         part != what.workspaces.end() ? part->frontier_hash : hash_of_frontier(empty_frontier())});
  }
  if (may_read(before)) reader_removed(seq, false);
}

}  // namespace keyfold::ledger
