#include "store/incident/make.hpp"

namespace keyfold::incident {
namespace {

kind kind_of(ledger::contradiction what) {
  switch (what) {
    case ledger::contradiction::forked:
      return kind::relay_forked;
    case ledger::contradiction::stepped_back:
      return kind::relay_stepped_back;
    default:
      return kind::relay_restored;
  }
}

kind kind_of(ledger::incident_kind what) {
  switch (what) {
    case ledger::incident_kind::attachment_mismatch:
      return kind::attachment_mismatch;
    case ledger::incident_kind::bad_frontier:
      return kind::bad_frontier;
    case ledger::incident_kind::row_does_not_open:
      return kind::row_does_not_open;
    case ledger::incident_kind::key_mismatch:
      return kind::key_mismatch;
    case ledger::incident_kind::row_missing:
      return kind::row_missing;
    case ledger::incident_kind::earlier_mismatch:
      break;
  }
  return kind::earlier_mismatch;
}

/// What of an entry is kept.
feed::entry bare(const feed::entry& e) {
  feed::entry out;
  out.header_bytes = e.header_bytes;
  out.signature = e.signature;
  out.header = e.header;
  out.hash = e.hash;
  return out;
}

ledger::record bare(ledger::record r) {
  r.certificate.attached = {};
  if (r.certificate.header.scope) r.certificate.body.reset();
  return r;
}

/// The entry with the headers that it names; a note where these are too many, or not all held.
evidence proof_of(const feed::entry& e, const header_lookup& find_header) {
  const note otherwise{e.header.workspace, e.header.ledger.seq, {}, {e.hash}};
  broken_entry out{bare(e), {}};
  if (e.seen.size() > max_seen_size) return otherwise;
  out.entry.seen = e.seen;
  const auto seen = feed::decode_seen(e.seen);
  std::vector<entry_hash> named;
  if (e.header.seq.value != 0) named.push_back(e.header.prev);
  if (seen)
    for (const auto& head : *seen) named.push_back(head.hash);
  if (named.size() > max_past) return otherwise;
  for (const auto& hash : named)
    if (auto header = find_header(hash)) out.past.push_back(std::move(*header));
  return out;
}

}  // namespace

report of_relay(const ledger::evidence& e, std::uint64_t when) {
  report out{kind_of(e.what), when, e.first.statement.organization, {}, {}, errc::unknown, {}};
  out.proof = relay_words{e.first, e.second, {}};
  return out;
}

std::optional<report> of_foreign_record(const ledger::state& state, const ledger::record& r,
                                        std::uint64_t when) {
  const auto& c = r.certificate;
  report out{kind::relay_forked, when, state.id(), {}, {}, errc::ledger_forked, {}};
  if (const auto* held = state.record_at(c.header.seq)) {
    if (held->certificate.hash == c.hash) return std::nullopt;
    out.proof = relay_words{held->receipt, r.receipt, {}};
    return out;
  }
  const auto head = state.head();
  if (!head || head->seq.next() != c.header.seq || head->hash == c.header.prev) return std::nullopt;
  out.proof = relay_words{state.record_at(head->seq)->receipt, r.receipt, c.header_bytes};
  return out;
}

report of_unsigned_record(const ledger::record& r, errc why, std::uint64_t when,
                          const std::optional<device_id>& from) {
  // Its author is not known: whoever brought it let it pass, or made it so.
  return {kind::certificate_unsigned,
          when,
          r.certificate.header.organization,
          from,
          from,
          why,
          bare(r)};
}

report of_refusal(const ledger::state& state, const ledger::refusal& refused, std::uint64_t when) {
  const auto& record = *state.record_at(refused.position.seq);
  return {kind::certificate_refused, when,        state.id(), record.certificate.header.author, {},
          refused.why.code,          bare(record)};
}

report of_ledger_incident(const ledger::state& state, const ledger::incident& i,
                          std::uint64_t when) {
  report out{kind_of(i.kind), when, state.id(), {}, {}, errc::unknown, {}};
  const auto* record = state.record_at(i.seq);
  // What does not fit the body may have been swapped by whoever brought it.
  if (record != nullptr && i.kind != ledger::incident_kind::attachment_mismatch)
    out.about = record->certificate.header.author;
  out.proof = note{i.workspace, i.seq, i.about, {}};
  return out;
}

report of_fork(const feed::entry& first, const feed::entry& second, std::uint64_t when,
               const std::optional<device_id>& from) {
  report out{kind::feed_forked,   when, first.header.organization,
             first.header.device, from, errc::unknown,
             evidence(note{})};
  out.proof = entry_pair{bare(first), bare(second)};
  return out;
}

std::optional<report> of_invalid(const feed::entry& e, errc why, const header_lookup& find_header,
                                 std::uint64_t when, const std::optional<device_id>& from) {
  if (why == errc::after_invalid || why == errc::wrong_workspace) return std::nullopt;
  report out{kind::entry_invalid, when, e.header.organization, e.header.device, from, why, {}};
  const bool unsigned_one = why == errc::bad_signature || why == errc::unknown_algorithm;
  if (unsigned_one || why == errc::author_unknown) {
    out.what = kind::entry_unsigned;
    out.about = from;
    out.proof = note{e.header.workspace, {}, {}, {e.hash}};
    return out;
  }
  if (why == errc::ledger_mismatch) out.what = kind::ledger_mismatch;
  out.proof = proof_of(e, find_header);
  return out;
}

report of_damaged_payload(organization_id organization, workspace_id workspace,
                          const feed::feed_head& place, errc why, std::uint64_t when,
                          const std::optional<device_id>& from) {
  return {kind::payload_damaged,
          when,
          organization,
          place.device,
          from,
          why,
          note{workspace, {}, {}, {place.hash}}};
}

report of_restored(const feed::entry& first, std::uint64_t when) {
  const auto& h = first.header;
  return {kind::device_restored,
          when,
          h.organization,
          h.device,
          h.device,
          errc::unknown,
          note{h.workspace, {}, {}, {first.hash}}};
}

report of_withheld(organization_id organization, workspace_id workspace,
                   std::span<const entry_hash> entries, std::uint64_t when,
                   const std::optional<device_id>& from) {
  note what{workspace, {}, {}, {}};
  what.entries.assign(entries.begin(),
                      entries.begin() + std::min<std::ptrdiff_t>(max_noted, std::ssize(entries)));
  return {kind::entries_withheld, when, organization, from, from, errc::unknown, std::move(what)};
}

}  // namespace keyfold::incident
