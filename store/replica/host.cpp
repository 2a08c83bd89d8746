#include "store/replica/host.hpp"

#include <algorithm>

namespace keyfold::replica {

expected<void> check_reader(const ledger::state& s, workspace_id workspace, user_id user) {
  const auto* known = s.organization().user(user);
  if (known == nullptr || known->revoked)
    return fail(errc::user_is_revoked, "this user has been revoked");
  const auto* fold = s.workspace(workspace);
  if (fold == nullptr) return fail(errc::workspace_unknown, "there is no such workspace");
  if (!ledger::may_read(fold->role_of(user)))
    return fail(errc::role_insufficient, "no right to read there");
  return {};
}

push_answer answer_push(const feed::index& feeds, std::span<const feed::entry> entries,
                        std::span<const feed::verdict> verdicts, std::vector<entry_hash> lacks,
                        bool lacks_keys) {
  push_answer out;
  const auto lacking = std::find_if(entries.begin(), entries.end(),
                                    [&](const auto& e) { return !feeds.holds(e.hash); });
  out.accepted = static_cast<std::size_t>(lacking - entries.begin());
  if (out.accepted > 0 || lacking == entries.end()) return out;
  if (verdicts.empty()) {
    out.refusal = error{errc::too_many_heads, "a user with too many feeds"};
    return out;
  }
  const auto& verdict = verdicts.front();
  if (verdict.standing == feed::standing::invalid) {
    out.refusal = error{verdict.reason, "an entry breaks a rule"};
  } else if (verdict.needs_ledger || (lacks_keys && verdict.missing.empty())) {
    out.refusal = error{errc::lacks_records, "a record that an entry builds on is not held here"};
  } else {
    out.refusal = error{errc::lacks_entries, "what an entry builds on is not held here"};
    out.lacks = std::move(lacks);
  }
  return out;
}

}  // namespace keyfold::replica
