#include "store/incident/witness.hpp"

namespace keyfold::incident {

witness::contradictions witness::heard(const ledger::state& ledger,
                                       const ledger::signed_statement& said) {
  contradictions out;
  if (auto found = ledger.evidence_against(said)) out.push_back(std::move(*found));
  const auto hold_against = [&](const ledger::signed_statement& known) {
    const auto what = compare(known.statement, said.statement);
    if (what != ledger::contradiction::none) out.push_back({what, known, said});
  };
  if (last_) hold_against(*last_);
  for (const auto& known : ahead_)
    if (!last_ || known.statement != last_->statement) hold_against(known);
  const bool new_head = !ledger.head() || said.statement.seq > ledger.head()->seq;
  if (new_head && !said.statement.hash.is_zero()) {
    ahead_.push_back(said);
    if (ahead_.size() > max_ahead) ahead_.pop_front();
  }
  last_ = said;
  return out;
}

witness::contradictions witness::advanced(const ledger::state& ledger) {
  contradictions out;
  std::erase_if(ahead_, [&](const ledger::signed_statement& said) {
    if (!ledger.head() || said.statement.seq > ledger.head()->seq) return false;
    // It was heard before what the ledger has learnt since: a lower head is no step back in time.
    auto found = ledger.evidence_against(said);
    if (found && convicts(found->what)) out.push_back(std::move(*found));
    return true;
  });
  return out;
}

}  // namespace keyfold::incident
