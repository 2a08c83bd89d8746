// The answers of ledger::state; how it comes to them stands in state.cpp.
#include "store/ledger/state.hpp"

namespace keyfold::ledger {

std::optional<position> state::head() const {
  if (records_.empty()) return std::nullopt;
  return records_.back()->record.certificate.position();
}

std::optional<certificate_hash> state::hash_at(ledger_seq seq) const {
  if (seq.value >= records_.size()) return std::nullopt;
  return at(seq).record.certificate.hash;
}

std::optional<device_facts> state::find_device(device_id device) const {
  const auto* found = organization_->device(device);
  if (found == nullptr) return std::nullopt;
  return found->facts;
}

role state::role_at(workspace_id workspace, user_id user, ledger_seq seq) const {
  const auto scope = scopes_.find(workspace);
  return scope == scopes_.end() ? role::none : scope->second.fold.role_at(user, seq);
}

std::optional<epoch_number> state::epoch_at(workspace_id workspace, ledger_seq seq) const {
  const auto scope = scopes_.find(workspace);
  if (scope == scopes_.end()) return std::nullopt;
  const auto epoch = scope->second.fold.epoch_at(seq);
  if (!epoch) return std::nullopt;
  return epoch->epoch;
}

bool state::rotation_due_at(workspace_id workspace, ledger_seq seq) const {
  const auto scope = scopes_.find(workspace);
  return scope != scopes_.end() && scope->second.fold.rotation_due_at(seq);
}

std::vector<removal> state::removals(workspace_id workspace, user_id user) const {
  std::vector<removal> out;
  const auto scope = scopes_.find(workspace);
  if (scope == scopes_.end()) return out;
  const auto nothing = hash_of_frontier(empty_frontier());
  for (const auto& loss : scope->second.fold.losses()) {
    if (loss.user != user) continue;
    removal one{loss.seq, loss.frontier_hash, std::nullopt};
    const auto& held = at(loss.seq).frontiers;
    if (const auto part = held.find(workspace); part != held.end())
      one.frontier = part->second;
    else if (loss.frontier_hash == nothing)
      one.frontier.emplace();
    out.push_back(std::move(one));
  }
  return out;
}

bool state::complete_at(workspace_id workspace, ledger_seq seq) const {
  const auto missing = missing_body(workspace);
  return !missing || seq < *missing;
}

const workspace_fold* state::workspace(workspace_id id) const {
  const auto scope = scopes_.find(id);
  return scope != scopes_.end() && scope->second.fold.created() ? &scope->second.fold : nullptr;
}

std::vector<workspace_id> state::workspaces() const {
  std::vector<workspace_id> out;
  for (const auto& [id, scope] : scopes_)
    if (scope.fold.created()) out.push_back(id);
  return out;
}

std::map<workspace_id, role> state::workspaces_of(user_id user) const {
  std::map<workspace_id, role> out;
  for (const auto& [id, scope] : scopes_)
    if (const auto role = scope.fold.role_of(user); may_read(role)) out.emplace(id, role);
  return out;
}

const record* state::record_at(ledger_seq seq) const {
  return seq.value < records_.size() ? &at(seq).record : nullptr;
}

const body* state::effective_body_at(ledger_seq seq) const {
  if (seq.value >= records_.size() || !at(seq).effective) return nullptr;
  return &*at(seq).body;
}

std::vector<ledger_seq> state::positions(std::optional<workspace_id> scope) const {
  if (scope) {
    const auto found = scopes_.find(*scope);
    return found == scopes_.end() ? std::vector<ledger_seq>{} : found->second.positions;
  }
  std::vector<ledger_seq> out;
  for (const auto& s : records_)
    if (!s->record.certificate.header.scope) out.push_back(s->record.certificate.header.seq);
  return out;
}

std::vector<refusal> state::refused() const {
  std::vector<refusal> out;
  for (const auto& s : records_)
    if (s->refused)
      out.push_back(
          {s->record.certificate.position(), s->record.certificate.header.scope, *s->refused});
  return out;
}

bool state::read_only(std::optional<workspace_id> scope) const {
  if (organization_->read_only()) return true;
  if (!scope) return false;
  const auto found = scopes_.find(*scope);
  return found != scopes_.end() && found->second.fold.read_only();
}

std::optional<ledger_seq> state::missing_body(workspace_id workspace) const {
  const auto scope = scopes_.find(workspace);
  return scope == scopes_.end() ? std::nullopt : scope->second.missing;
}

std::vector<workspace_id> state::lacking_bodies(user_id user,
                                                const std::set<workspace_id>& readable) const {
  const auto* self = organization_->user(user);
  if (self == nullptr || self->revoked) return {};
  std::vector<workspace_id> out;
  for (const auto& [id, scope] : scopes_)
    if (first_lacking(scope) && (is_meant_for(scope, *self) || readable.contains(id)))
      out.push_back(id);
  return out;
}

std::optional<ledger_seq> state::first_lacking(const scope_state& scope) const {
  static const auto nothing = hash_of_frontier(empty_frontier());
  auto out = scope.missing;
  const auto note = [&](ledger_seq seq) { out = out ? std::min(*out, seq) : seq; };
  for (const auto& loss : scope.fold.losses())
    if (loss.frontier_hash != nothing && !at(loss.seq).frontiers.contains(scope.fold.id()))
      note(loss.seq);
  for (const auto seq : scope.positions) {
    const auto& s = at(seq);
    const auto& attached = s.record.certificate.attached;
    const bool held = attached.rows && attached.earlier;
    if (s.effective && rotation_of(s.body->what) != nullptr && !held) note(seq);
  }
  return out;
}

std::optional<ledger_seq> state::first_lacking(workspace_id workspace) const {
  const auto scope = scopes_.find(workspace);
  return scope == scopes_.end() ? std::nullopt : first_lacking(scope->second);
}

bool state::is_meant_for(const scope_state& scope, const user_record& user) const {
  if (user.profile() == profile::administrator || may_read(scope.fold.role_of(user.id)))
    return true;
  // Somebody gave us a body beyond the gap, so we were meant to have those in it.
  return scope.missing &&
         std::any_of(scope.positions.begin(), scope.positions.end(), [&](ledger_seq seq) {
           return seq > *scope.missing && at(seq).record.certificate.body.has_value();
         });
}

expected<void> state::check_writable(workspace_id workspace, user_id user) const {
  if (read_only(workspace))
    return fail(errc::update_needed, "read-only here until Keyfold is updated");
  const auto scope = scopes_.find(workspace);
  const bool missing = scope != scopes_.end() && scope->second.missing;
  const bool created = scope != scopes_.end() && scope->second.fold.created();
  if (!created && !missing) return fail(errc::workspace_unknown, "there is no such workspace");
  if (created && !may_write(scope->second.fold.role_of(user)))
    return fail(errc::role_insufficient, "your role there does not allow writing");
  if (missing)
    return fail(errc::body_missing, "the relay keeps back a certificate of this workspace");
  return {};
}

std::optional<evidence> state::evidence_against(const signed_statement& said) const {
  if (records_.empty()) return std::nullopt;
  const auto judge = [&](const receipt& known) -> std::optional<evidence> {
    const auto what = compare(known.statement, said.statement);
    if (what == contradiction::none) return std::nullopt;
    return evidence{what, known, said};
  };
  if (const auto* same = record_at(said.statement.seq); same != nullptr)
    if (auto found = judge(same->receipt); found && convicts(found->what)) return found;
  return judge(records_.back()->record.receipt);
}

}  // namespace keyfold::ledger
