#include "store/feed/index.hpp"

#include <algorithm>

#include "store/feed/records.hpp"

namespace keyfold::feed {

using records::branch_record;
using records::meta_record;

/// A verdict, the list that it was made with, and whether the author's signature is known to be
/// good.
struct index::judged {
  feed::verdict verdict;
  std::vector<feed_head> seen;
  bool authentic = false;
};

namespace {

operation_order order_of(const entry& e) {
  return {e.header.lamport, e.header.device, e.header.generation, e.header.seq, e.hash, 0};
}

feed_head place_of(const operation_order& order) {
  return {order.device, order.generation, order.seq, order.hash};
}

standing standing_at(const branch_record& b, feed_seq seq) {
  return seq.value < b.cut ? standing::counts : standing::quarantined;
}

}  // namespace

index::index(db::view& state, organization_id organization, workspace_id workspace)
    : state_(state), organization_(organization), workspace_(workspace) {}

index::judged index::judge_all(const entry& e, const ledger::view& ledger) const {
  judged out;
  if (e.header.organization != organization_ || e.header.workspace != workspace_) {
    out.verdict = invalid(errc::wrong_workspace);
    return out;
  }
  if (const auto reason = state_.get(records::key('x', e.hash))) {
    out.verdict = invalid(errc_from_string(as_text(*reason)));
    return out;
  }
  if (const auto author = ledger.find_device(e.header.device)) {
    if (const auto good = check_signature(e, author->signing_key); !good) {
      out.verdict = invalid(good.error().code);
      return out;
    }
    out.authentic = true;
  }
  auto seen = decode_seen(e.seen);
  if (!seen) {
    out.verdict = invalid(seen.error().code);
    return out;
  }
  out.seen = std::move(*seen);
  out.verdict = feed::judge(e.header, e.hash, out.seen, ledger, *this);
  return out;
}

verdict index::judge(const entry& e, const ledger::view& ledger) const {
  return judge_all(e, ledger).verdict;
}

added index::add(const entry& e, const ledger::view& ledger) {
  added out;
  out.order = order_of(e);
  if (const auto held = find(e.hash)) {
    out.verdict.standing = held->standing;
    return out;
  }
  const auto result = judge_all(e, ledger);
  out.verdict = result.verdict;
  if (out.verdict.standing == standing::invalid && result.authentic)
    state_.put(records::key('x', e.hash), as_bytes(to_string(out.verdict.reason)));
  if (out.verdict.standing < standing::quarantined) return out;

  if (const auto stored = store(e, result, out); !stored) {
    out.verdict = {};
    out.verdict.missing = {e.header.prev};
    return out;
  }
  const auto author = ledger.find_device(e.header.device);
  if (ledger.removals(workspace_, author->user).empty()) return out;
  recut(records::branches_of(state_, e.header.device, e.header.generation), ledger, out.changes);
  // A head of a frontier brings what stands before it back; of itself the verdict speaks.
  std::erase_if(out.changes, [&](const auto& change) { return change.order.hash == e.hash; });
  return out;
}

/// The branch that the entry goes to: its predecessor's if it ends there, else a new one.
/// `errc::damaged` when that cannot be read, though it could a moment ago.
expected<branch_record> index::branch_for(const entry& e, std::optional<fork>& forked) {
  const auto& h = e.header;
  branch_record fresh;
  fresh.device = h.device;
  fresh.generation = h.generation;
  fresh.first = h.seq;
  fresh.start = h.ledger.seq;
  std::optional<records::place_record> sibling;
  if (h.seq.value == 0) {
    const auto others = records::branches_of(state_, h.device, h.generation);
    if (!others.empty()) sibling = records::load_place(state_, others.front().number, {0});
  } else {
    const auto prev = records::load_meta(state_, h.prev);
    auto parent = prev ? records::load_branch(state_, prev->branch) : std::nullopt;
    if (!parent) return fail(errc::damaged, "what an entry builds on cannot be read");
    if (parent->tip.hash == h.prev) return *parent;
    fresh.parent = parent->number;
    fresh.start = parent->start;
    sibling = records::load_place(state_, parent->number, h.seq);
  }
  if (sibling && sibling->hash != e.hash)
    forked = fork{{h.device, h.generation, h.seq, sibling->hash}, e.head()};
  auto count = records::load_counters(state_);
  fresh.number = count.branches++;
  records::save(state_, count);
  state_.put(records::generation_key(h.device, h.generation, fresh.number), {});
  return fresh;
}

expected<void> index::store(const entry& e, const judged& j, added& out) {
  KEYFOLD_TRY(auto branch, branch_for(e, out.fork));
  auto count = records::load_counters(state_);
  const auto arrival = count.arrivals++;
  records::save(state_, count);

  meta_record meta;
  meta.order = out.order;
  meta.branch = branch.number;
  meta.position = e.header.ledger.seq;
  meta.arrival = arrival;
  if (e.header.seq.value != 0) learn(meta.clock, e.header.prev);
  for (const auto& head : j.seen) learn(meta.clock, head.hash);
  meta.clock[branch.number] = e.header.seq.value + 1;

  branch.tip = e.head();
  branch.tip_arrival = arrival;
  if (j.verdict.standing == standing::quarantined)
    branch.cut = std::min(branch.cut, e.header.seq.value);

  const auto encoded = encode_entry(e);
  state_.put(records::key('e', e.hash), encoded);
  records::save(state_, meta);
  records::save(state_, branch);
  records::save(state_, branch.number, e.header.seq, records::place_record{e.hash, arrival});
  records::save(state_, arrival, {branch.number, e.header.seq, encoded.size(), e.hash});
  out.fresh = true;
  return {};
}

/// The first seq of the branch that a removal cuts off. What waits for a frontier stays as it was.
std::uint64_t index::cut_of(const branch_record& b,
                            std::span<const ledger::removal> removals) const {
  const auto standing_of = [&](std::uint64_t seq) {
    const auto place = records::load_place(state_, b.number, {seq});
    if (!place) return standing::counts;
    return standing_after(removals, {b.device, b.generation, {seq}, place->hash}, b.start, *this);
  };
  auto low = b.first.value;
  auto high = b.tip.seq.value + 1;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    if (standing_of(middle) == standing::quarantined)
      high = middle;
    else
      low = middle + 1;
  }
  const bool all_covered = low > b.tip.seq.value;
  const bool waits = low > b.first.value && standing_of(low - 1) == standing::waiting;
  const auto cut = all_covered ? records::never_cut : low;
  return waits ? std::min(cut, b.cut) : cut;
}

void index::recut(std::vector<branch_record> branches, const ledger::view& ledger,
                  std::vector<standing_change>& out) {
  std::vector<std::pair<std::uint64_t, standing_change>> changes;
  for (auto& b : branches) {
    const auto author = ledger.find_device(b.device);
    if (!author) continue;
    const auto removals = ledger.removals(workspace_, author->user);
    if (removals.empty() && b.cut == records::never_cut) continue;
    const auto cut = cut_of(b, removals);
    const auto from = std::max(std::min(cut, b.cut), b.first.value);
    const auto until = std::min(std::max(cut, b.cut), b.tip.seq.value + 1);
    const auto now = cut > b.cut ? standing::counts : standing::quarantined;
    if (cut == b.cut) continue;
    for (auto seq = from; seq < until; ++seq)
      if (const auto place = records::load_place(state_, b.number, {seq}))
        if (const auto meta = records::load_meta(state_, place->hash))
          changes.push_back({meta->arrival, {meta->order, now}});
    b.cut = cut;
    records::save(state_, b);
  }
  std::sort(changes.begin(), changes.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [arrival, change] : changes) out.push_back(change);
}

std::vector<standing_change> index::reconsider(const ledger::view& ledger) {
  std::vector<standing_change> out;
  recut(records::all_branches(state_), ledger, out);
  return out;
}

bool index::holds(const entry_hash& hash) const {
  return state_.get(records::key('m', hash)).has_value();
}

held_entry index::describe(const meta_record& m) const {
  held_entry out{m.order, standing::counts, m.arrival, m.position};
  if (const auto b = records::load_branch(state_, m.branch))
    out.standing = standing_at(*b, m.order.seq);
  return out;
}

std::optional<held_entry> index::find(const entry_hash& hash) const {
  const auto meta = records::load_meta(state_, hash);
  return meta ? std::optional(describe(*meta)) : std::nullopt;
}

std::optional<bytes> index::find_encoded(const entry_hash& hash) const {
  return state_.get(records::key('e', hash));
}

std::optional<entry> index::find_entry(const entry_hash& hash) const {
  const auto data = find_encoded(hash);
  if (!data) return std::nullopt;
  auto out = decode_entry(*data);
  return out ? std::optional(std::move(*out)) : std::nullopt;
}

std::optional<held_entry> index::find_at(device_id device, generation_id generation,
                                         feed_seq seq) const {
  for (const auto& b : records::branches_of(state_, device, generation))
    if (const auto place = records::load_place(state_, b.number, seq)) return find(place->hash);
  return std::nullopt;
}

std::uint64_t index::arrivals() const {
  return records::load_counters(state_).arrivals;
}
std::size_t index::branches() const {
  return records::load_counters(state_).branches;
}

bool index::begins_branch(const header& h) const {
  if (h.seq.value == 0) return true;
  const auto prev = records::load_meta(state_, h.prev);
  const auto b = prev ? records::load_branch(state_, prev->branch) : std::nullopt;
  return b && b->tip.hash != h.prev;
}

std::map<device_id, std::size_t> index::heads_by_device() const {
  std::map<device_id, std::size_t> out;
  records::visit_generations(state_, [&](const device_id& device) { ++out[device]; });
  return out;
}

std::size_t index::branches_of(device_id device, generation_id generation) const {
  return records::branches_of(state_, device, generation).size();
}

void index::visit_arrivals(std::uint64_t from,
                           const std::function<bool(const held_entry&)>& visit) const {
  state_.scan(records::key('a'), records::key('a', from), [&](bytes_view, bytes_view value) {
    const auto at = records::decode_arrival(value);
    const auto held = at ? find(at->hash) : std::nullopt;
    return !held || visit(*held);
  });
}

std::vector<feed_head> index::frontier() const {
  std::vector<feed_head> out;
  for (const auto& b : records::all_branches(state_)) out.push_back(b.tip);
  std::sort(out.begin(), out.end());
  return out;
}

bytes index::signed_heads(std::span<const device_id> devices) const {
  std::vector<feed_head> heads;
  for (const auto& device : devices)
    for (const auto& b : records::branches_of(state_, device)) heads.push_back(b.tip);
  std::sort(heads.begin(), heads.end());
  heads.erase(std::unique(heads.begin(), heads.end()), heads.end());
  std::vector<entry> entries;
  for (const auto& head : heads)
    if (auto e = find_entry(head.hash)) entries.push_back(std::move(*e));
  writer w;
  w.array(entries.size());
  for (const auto& e : entries) w.array(2).bin(e.header_bytes).bin(e.signature);
  return std::move(w).take();
}

std::optional<known_entry> index::find_known(const entry_hash& hash) const {
  const auto meta = records::load_meta(state_, hash);
  const auto b = meta ? records::load_branch(state_, meta->branch) : std::nullopt;
  if (!b) return std::nullopt;
  return known_entry{place_of(meta->order), meta->position, meta->order.lamport, b->start};
}

bool index::is_invalid(const entry_hash& hash) const {
  return state_.get(records::key('x', hash)).has_value();
}

bool index::in_chain_of(const feed_head& ancestor, const feed_head& head) const {
  const auto above = records::load_meta(state_, ancestor.hash);
  const auto below = records::load_meta(state_, head.hash);
  if (!above || !below) return false;
  auto branch = below->branch;
  auto seq = below->order.seq.value;
  while (branch != above->branch) {
    const auto b = records::load_branch(state_, branch);
    if (!b || !b->parent) return false;
    branch = *b->parent;
    seq = b->first.value - 1;
  }
  return above->order.seq.value <= seq;
}

}  // namespace keyfold::feed
