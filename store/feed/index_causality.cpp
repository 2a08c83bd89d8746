// What whom has known: clocks of entries, of pending ones, and of other replicas.
#include <algorithm>

#include "store/feed/index.hpp"
#include "store/feed/records.hpp"

namespace keyfold::feed {

using records::branch_record;
using records::reach;

namespace {

bool same_entry(operation_order a, operation_order b) {
  a.index = b.index = 0;
  return a == b;
}

/// An entry of the journal: it knows what had arrived when its segment was opened, and all own
/// entries before it, of which `base` is the last signed one.
struct pending_place {
  std::uint64_t number = 0;
  std::uint64_t knew = 0;
  clock base;
};

std::optional<pending_place> find_pending(const db::view& state, const operation_order& order) {
  if (!order.hash.is_zero()) return std::nullopt;
  const auto journal = records::load_journal(state);
  if (!journal || journal->device != order.device || journal->generation != order.generation)
    return std::nullopt;
  pending_place out;
  out.number = journal->first + order.seq.value;
  if (out.number < journal->oldest || out.number >= journal->next) return std::nullopt;
  const auto pending = records::load_pending(state, out.number);
  if (!pending) return std::nullopt;
  out.knew = pending->knew;
  if (journal->base)
    if (auto meta = records::load_meta(state, *journal->base)) out.base = std::move(meta->clock);
  return out;
}

/// A held entry; also one that was pending when `order` was made, and has been signed since.
std::optional<records::meta_record> find_meta(const index& feeds, const operation_order& order) {
  if (!order.hash.is_zero()) return records::load_meta(feeds.state(), order.hash);
  const auto held = feeds.find_at(order.device, order.generation, order.seq);
  return held ? records::load_meta(feeds.state(), held->order.hash) : std::nullopt;
}

}  // namespace

bool index::knows(const operation_order& later, const operation_order& earlier) const {
  if (same_entry(later, earlier)) return true;
  const auto later_pending = find_pending(state_, later);
  if (const auto earlier_pending = find_pending(state_, earlier))
    return later_pending && earlier_pending->number <= later_pending->number;
  const auto before = find_meta(*this, earlier);
  if (!before) return false;
  const auto seq = before->order.seq.value;
  if (later_pending)
    return before->arrival < later_pending->knew ||
           seq < reach(later_pending->base, before->branch);
  const auto after = find_meta(*this, later);
  return after && seq < reach(after->clock, before->branch);
}

void index::unknown_to(const operation_order& later,
                       const std::function<void(const operation_order&)>& visit) const {
  const auto pending = find_pending(state_, later);
  const auto held = pending ? std::nullopt : find_meta(*this, later);
  const auto known_of = [&](const branch_record& b) {
    if (held) return reach(held->clock, b.number);
    return pending ? std::max(reach(state_, b, pending->knew), reach(pending->base, b.number)) : 0;
  };
  for (const auto& b : records::all_branches(state_))
    for (auto seq = std::max(known_of(b), b.first.value); seq <= b.tip.seq.value; ++seq)
      if (const auto place = records::load_place(state_, b.number, {seq}))
        if (const auto meta = records::load_meta(state_, place->hash)) visit(meta->order);

  const auto journal = records::load_journal(state_);
  if (!journal) return;
  for (auto n = pending ? pending->number + 1 : journal->oldest; n < journal->next; ++n)
    if (const auto p = records::load_pending(state_, n)) visit(records::order_of(*journal, *p, n));
}

void index::learn(clock& have, const entry_hash& hash) const {
  const auto meta = records::load_meta(state_, hash);
  if (meta && meta->order.seq.value >= reach(have, meta->branch)) records::merge(have, meta->clock);
}

std::optional<std::pair<branch_number, feed_seq>> index::find_branch(const entry_hash& hash) const {
  const auto meta = records::load_meta(state_, hash);
  if (!meta) return std::nullopt;
  return std::pair{meta->branch, meta->order.seq};
}

clock index::known_by(std::span<const feed_head> frontier) const {
  clock out;
  for (const auto& head : frontier) {
    if (holds(head.hash)) {
      learn(out, head.hash);
      continue;
    }
    const auto branches = records::branches_of(state_, head.device, head.generation);
    if (branches.size() != 1 || branches.front().tip.seq >= head.seq) continue;
    auto& known = out[branches.front().number];
    known = std::max(known, head.seq.value);
  }
  return out;
}

/// The arrival number of the first entry that somebody who knows `have` lacks; of the next if there is none.
std::uint64_t index::first_lacking(const clock& have) const {
  auto out = arrivals();
  for (const auto& b : records::all_branches(state_)) {
    const auto first = std::max(reach(have, b.number), b.first.value);
    if (const auto place = records::load_place(state_, b.number, {first}))
      out = std::min(out, place->arrival);
  }
  return out;
}

slice index::lacking(const clock& have, std::uint64_t from, std::size_t max_bytes) const {
  slice out;
  out.next = arrivals();
  const auto start = from == 0 ? first_lacking(have) : from;
  std::size_t total = 0;
  state_.scan(records::key('a'), records::key('a', start), [&](bytes_view at, bytes_view value) {
    const auto a = records::decode_arrival(value);
    if (!a || a->seq.value < reach(have, a->branch)) return true;
    const auto meta = records::load_meta(state_, a->hash);
    auto data = find_encoded(a->hash);
    if (!meta || !data) return true;
    if (!out.entries.empty() && total + a->size > max_bytes) {
      out.next = read_u64(at.last(8));
      return false;
    }
    total += a->size;
    out.places.push_back(
        {meta->order.device, meta->order.generation, meta->order.seq, meta->order.hash});
    out.entries.push_back(std::move(*data));
    return true;
  });
  return out;
}

std::vector<index::head_then> index::heads_between(std::uint64_t since, std::uint64_t until) const {
  std::vector<head_then> out;
  for (const auto& b : records::all_branches(state_)) {
    if (b.tip_arrival < since) continue;
    const auto known = reach(state_, b, until);
    if (known <= b.first.value) continue;
    const auto place = records::load_place(state_, b.number, {known - 1});
    if (!place || place->arrival < since) continue;
    if (const auto held = find(place->hash)) out.push_back({b.number, *held});
  }
  return out;
}

}  // namespace keyfold::feed
