#include "store/feed/verdict.hpp"

#include <algorithm>

namespace keyfold::feed {
namespace {

bool has_prev(const header& h) {
  return h.seq.value != 0;
}

/// What is held of an entry's direct past; `missing` says what is not.
struct direct_past {
  std::optional<known_entry> prev;
  std::vector<known_entry> seen;  ///< in the order of the list, invalid ones left out
  std::vector<entry_hash> missing;
  bool invalid = false;
};

direct_past look_up(const header& h, std::span<const feed_head> seen, const past& held) {
  direct_past out;
  const auto find = [&](const entry_hash& hash) {
    auto known = held.find_known(hash);
    if (known) return known;
    if (held.is_invalid(hash))
      out.invalid = true;
    else
      out.missing.push_back(hash);
    return known;
  };
  if (has_prev(h)) out.prev = find(h.prev);
  for (const auto& head : seen)
    if (const auto known = find(head.hash)) out.seen.push_back(*known);
  std::sort(out.missing.begin(), out.missing.end());
  out.missing.erase(std::unique(out.missing.begin(), out.missing.end()), out.missing.end());
  return out;
}

/// The rules between an entry and those before it.
std::optional<errc> broken_by_past(const header& h, std::span<const feed_head> seen,
                                   const direct_past& before) {
  if (before.invalid) return errc::after_invalid;
  if (before.prev) {
    const auto& place = before.prev->place;
    if (place.device != h.device || place.generation != h.generation || place.seq.next() != h.seq)
      return errc::broken_chain;
  }
  for (std::size_t i = 0; i < seen.size(); ++i)
    if (before.seen[i].place != seen[i]) return errc::seen_mismatch;

  ledger_seq position{};
  lamport_time highest{};
  const auto take = [&](const known_entry& e) {
    position = std::max(position, e.position);
    highest = std::max(highest, e.lamport);
  };
  if (before.prev) take(*before.prev);
  for (const auto& e : before.seen) take(e);
  if (h.ledger.seq < position) return errc::position_went_back;
  if (h.lamport != highest.next()) return errc::wrong_lamport;
  return std::nullopt;
}

/// The rules of the ledger as of the entry's position, which is held.
std::optional<errc> broken_by_ledger(const header& h, const ledger::device_facts& author,
                                     const ledger::view& ledger) {
  const auto at = h.ledger.seq;
  if (at < author.added) return errc::before_device;
  if (!ledger::may_write(ledger.role_at(h.workspace, author.user, at)))
    return errc::author_could_not_write;
  if (ledger.epoch_at(h.workspace, at) != h.epoch) return errc::wrong_epoch;
  if (ledger.rotation_due_at(h.workspace, at)) return errc::rotation_due;
  return std::nullopt;
}

bool covers(const feed_head& head, const feed_head& place, const past& held) {
  if (head.device != place.device || head.generation != place.generation) return false;
  if (head.hash == place.hash) return true;
  return head.seq > place.seq && held.find_known(head.hash) && held.in_chain_of(place, head);
}

}  // namespace

standing standing_after(std::span<const ledger::removal> removals, const feed_head& place,
                        ledger_seq generation_start, const past& held) {
  bool frontier_missing = false;
  for (const auto& removal : removals) {
    if (removal.seq <= generation_start) continue;
    if (!removal.frontier) {
      frontier_missing = true;
      continue;
    }
    const auto covers_it = [&](const feed_head& head) { return covers(head, place, held); };
    if (std::none_of(removal.frontier->begin(), removal.frontier->end(), covers_it))
      return standing::quarantined;
  }
  return frontier_missing ? standing::waiting : standing::counts;
}

verdict judge(const header& h, const entry_hash& hash, std::span<const feed_head> seen,
              const ledger::view& ledger, const past& held) {
  if (has_prev(h) == h.prev.is_zero()) return invalid(errc::broken_chain);
  const auto record = ledger.hash_at(h.ledger.seq);
  const auto before = look_up(h, seen, held);
  verdict out;
  out.missing = before.missing;
  out.needs_ledger = !record || !ledger.complete_at(h.workspace, h.ledger.seq);
  if (out.needs_ledger || !out.missing.empty()) return out;

  if (*record != h.ledger.hash) return invalid(errc::ledger_mismatch);
  const auto author = ledger.find_device(h.device);
  if (!author) return invalid(errc::author_unknown);
  if (const auto broken = broken_by_past(h, seen, before)) return invalid(*broken);
  if (const auto broken = broken_by_ledger(h, *author, ledger)) return invalid(*broken);

  const feed_head place{h.device, h.generation, h.seq, hash};
  const auto start = before.prev ? before.prev->generation_start : h.ledger.seq;
  out.standing = standing_after(ledger.removals(h.workspace, author->user), place, start, held);
  out.needs_ledger = out.standing == standing::waiting;
  return out;
}

}  // namespace keyfold::feed
