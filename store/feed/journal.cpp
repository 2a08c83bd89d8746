#include "store/feed/journal.hpp"

#include <algorithm>
#include <set>

#include "store/feed/records.hpp"

namespace keyfold::feed {

using records::journal_record;
using records::pending_record;

namespace {

/// What a payload takes beside its operations: version, array headers.
constexpr std::size_t payload_overhead = 64;

journal_record load_or_begin(const db::view& state, device_id device, random_source& random) {
  if (auto j = records::load_journal(state)) return *j;
  journal_record out;
  out.device = device;
  out.generation = random.id<generation_id>();
  return out;
}

void visit_operations(const db::view& state, std::uint64_t number,
                      const std::function<void(records::operation_record)>& visit) {
  state.scan(records::key('o', number), {}, [&](bytes_view, bytes_view value) {
    if (auto o = records::decode_operation(value)) visit(std::move(*o));
    return true;
  });
}

/// Begins the next entry, in the open segment or in a new one. Its Lamport time is one more than
/// all it knows: its predecessor, and the heads that changed since that was begun.
pending_record begin_entry(const index& feeds, journal_record& j) {
  pending_record out;
  const auto knew_before = j.last_knew;
  if (!j.segment_open) j.last_knew = feeds.arrivals();
  out.knew = j.last_knew;
  auto highest = j.last_lamport;
  for (const auto& head : feeds.heads_between(knew_before, out.knew))
    highest = std::max(highest, head.entry.order.lamport);
  out.lamport = j.last_lamport = highest.next();
  j.segment_open = j.accepting = true;
  ++j.next;
  return out;
}

pending_entry describe(const journal_record& j, const pending_record& p, std::uint64_t number) {
  return {number, records::order_of(j, p, number), p.operations, p.size};
}

/// Beyond max_seen only heads that no other head knows are named: they stand for the rest.
std::vector<index::head_then> without_known(const index& feeds,
                                            std::vector<index::head_then> heads) {
  clock before;
  for (const auto& head : heads) {
    clock known;
    feeds.learn(known, head.entry.order.hash);
    known[head.branch] = head.entry.order.seq.value;  // itself is not known before itself
    records::merge(before, known);
  }
  std::erase_if(heads, [&](const auto& head) {
    return head.entry.order.seq.value < records::reach(before, head.branch);
  });
  return heads;
}

/// The `seen` list of the oldest pending entry.
std::vector<feed_head> seen_by(const index& feeds, const journal_record& j,
                               const pending_record& p) {
  const auto base = j.base ? feeds.find(*j.base) : std::nullopt;
  const bool goes_on = base && base->order.generation == j.generation;
  auto heads = feeds.heads_between(goes_on ? j.base_knew : 0, p.knew);
  if (goes_on) {
    clock known;
    feeds.learn(known, base->order.hash);
    std::erase_if(heads, [&](const auto& head) {
      return head.entry.order.seq.value < records::reach(known, head.branch);
    });
  }
  if (heads.size() > max_seen) heads = without_known(feeds, std::move(heads));
  std::set<feed_head> out;
  for (const auto& head : heads) out.insert(head.entry.place());
  if (base && !goes_on) {  // the own entries before the generation began: nothing else names them
    const bool named = std::any_of(heads.begin(), heads.end(), [&](const auto& head) {
      return feeds.in_chain_of(base->place(), head.entry.place());
    });
    if (!named) out.insert(base->place());
  }
  return {out.begin(), out.end()};
}

}  // namespace

std::vector<bytes> pending_records(const db::view& state) {
  const auto j = records::load_journal(state);
  std::vector<bytes> out;
  state.scan(records::key('o'), j ? records::key('o', j->oldest) : bytes{},
             [&](bytes_view, bytes_view value) {
               out.push_back(to_bytes(value));
               return true;
             });
  return out;
}

std::optional<pending_operation> decode_pending(bytes_view record) {
  auto decoded = records::decode_operation(record);
  if (!decoded) return std::nullopt;
  return pending_operation{std::move(decoded->operation), std::move(decoded->needed)};
}

bytes encode_pending(const pending_operation& operation) {
  return records::encode({operation.operation, operation.needed});
}

journal::journal(index& feeds, device_id device, random_source& random)
    : feeds_(feeds), device_(device), random_(random) {}

expected<operation_order> journal::append(bytes_view operation, std::size_t size,
                                          std::span<const object_id> needed) {
  constexpr auto room = max_payload_size - payload_overhead;
  if (size > room || needed.size() > max_needed)
    return fail(errc::too_large, "an operation that no entry could hold");
  auto& state = feeds_.state();
  auto j = load_or_begin(state, device_, random_);
  std::optional<pending_record> last;
  if (j.accepting && j.segment_open && j.next > j.oldest)
    last = records::load_pending(state, j.next - 1);
  const bool fits = last && last->size + size <= room && last->needed + needed.size() <= max_needed;
  auto entry = fits ? *last : begin_entry(feeds_, j);
  const auto number = j.next - 1;
  const auto index_in_entry = entry.operations++;
  entry.size += size;
  entry.needed += needed.size();
  records::save(state, number, index_in_entry,
                {to_bytes(operation), {needed.begin(), needed.end()}});
  records::save(state, number, entry);
  records::save(state, j);
  auto order = records::order_of(j, entry, number);
  order.index = index_in_entry;
  return order;
}

void journal::remote_applied() {
  auto j = records::load_journal(feeds_.state());
  if (!j || !j->segment_open) return;
  j->segment_open = false;
  records::save(feeds_.state(), *j);
}

bool journal::empty() const {
  return !oldest();
}

std::optional<pending_entry> journal::oldest() const {
  std::optional<pending_entry> out;
  visit([&](const pending_entry& entry) {
    out = entry;
    return false;
  });
  return out;
}

void journal::visit(const std::function<bool(const pending_entry&)>& visit) const {
  const auto j = records::load_journal(feeds_.state());
  if (!j) return;
  for (auto n = j->oldest; n < j->next; ++n) {
    const auto p = records::load_pending(feeds_.state(), n);
    if (p && !visit(describe(*j, *p, n))) return;
  }
}

std::vector<bytes> journal::operations(const pending_entry& entry) const {
  std::vector<bytes> out;
  visit_operations(feeds_.state(), entry.number,
                   [&](auto record) { out.push_back(std::move(record.operation)); });
  return out;
}

std::vector<object_id> journal::needed(const pending_entry& entry) const {
  std::set<object_id> out;
  visit_operations(feeds_.state(), entry.number, [&](const auto& record) {
    out.insert(record.needed.begin(), record.needed.end());
  });
  return {out.begin(), out.end()};
}

draft journal::draft_oldest(const ledger::position& position, epoch_number epoch, bytes payload) {
  auto& state = feeds_.state();
  auto j = load_or_begin(state, device_, random_);
  if (j.accepting && j.oldest + 1 == j.next) {
    j.accepting = false;
    records::save(state, j);
  }
  const auto p = records::load_pending(state, j.oldest).value_or(pending_record{});
  const auto entry = describe(j, p, j.oldest);
  return {.organization = feeds_.organization(),
          .workspace = feeds_.workspace(),
          .device = device_,
          .generation = j.generation,
          .seq = entry.order.seq,
          .prev = entry.order.seq.value == 0 ? entry_hash{} : j.base.value_or(entry_hash{}),
          .ledger = position,
          .epoch = epoch,
          .lamport = p.lamport,
          .seen = seen_by(feeds_, j, p),
          .needed = needed(entry),
          .payload = std::move(payload)};
}

expected<reordered> journal::sign(const entry& e, const ledger::view& ledger) {
  auto& state = feeds_.state();
  const auto first = oldest();
  if (!first || e.header.device != device_ || e.header.generation != first->order.generation ||
      e.header.seq != first->order.seq || e.header.lamport != first->order.lamport)
    return fail(errc::not_the_oldest_pending, "entries are signed in the order of the journal");
  if (renewal_due(ledger) != renewal::none)
    return fail(errc::generation_cut, "this generation of the feed has ended");
  const auto verdict = feeds_.judge(e, ledger);
  switch (verdict.standing) {
    case standing::waiting:
      return fail(verdict.needs_ledger ? errc::lacks_records : errc::lacks_entries);
    case standing::invalid:
      return fail(verdict.reason);
    case standing::quarantined:
      return fail(errc::generation_cut, "this generation of the feed has ended");
    case standing::counts:
      break;
  }
  const auto done = feeds_.add(e, ledger);
  auto j = load_or_begin(state, device_, random_);
  const auto p = records::load_pending(state, first->number);
  if (!p || !done.fresh) return fail(errc::damaged, "a pending entry cannot be read");
  for (std::uint64_t i = 0; i < first->operations; ++i)
    state.erase(records::operation_key(first->number, i));
  state.erase(records::key('n', first->number));
  j.base = e.hash;
  j.base_knew = p->knew;
  ++j.oldest;
  if (j.oldest == j.next) j.accepting = false;
  records::save(state, j);
  return reordered{first->order, done.order};
}

renewal journal::renewal_due(const ledger::view& ledger) const {
  const auto j = records::load_journal(feeds_.state());
  if (!j) return renewal::none;
  const auto branches = records::branches_of(feeds_.state(), device_, j->generation);
  if (branches.empty()) return renewal::none;
  if (branches.size() > 1) return renewal::forked;
  if (j->base != branches.front().tip.hash) return renewal::feed_is_ahead;
  const auto author = ledger.find_device(device_);
  if (!author) return renewal::none;
  const auto removals = ledger.removals(feeds_.workspace(), author->user);
  const bool cut = std::any_of(removals.begin(), removals.end(), [&](const auto& removal) {
    return removal.seq > branches.front().start;
  });
  return cut ? renewal::right_was_taken : renewal::none;
}

std::vector<reordered> journal::begin_generation() {
  auto& state = feeds_.state();
  const auto before = load_or_begin(state, device_, random_);
  auto after = before;
  after.generation = random_.id<generation_id>();
  after.first = before.oldest;
  std::vector<reordered> out;
  for (auto n = before.oldest; n < before.next; ++n)
    if (const auto p = records::load_pending(state, n))
      out.push_back({records::order_of(before, *p, n), records::order_of(after, *p, n)});
  records::save(state, after);
  return out;
}

std::optional<feed_head> journal::last_signed() const {
  const auto j = records::load_journal(feeds_.state());
  const auto held = j && j->base ? feeds_.find(*j->base) : std::nullopt;
  return held ? std::optional(held->place()) : std::nullopt;
}

}  // namespace keyfold::feed
