#include "store/incident/incident.hpp"

namespace keyfold::incident {
namespace {

constexpr std::uint64_t version = 1;

template <class... Case>
struct cases : Case... {
  using Case::operator()...;
};
template <class... Case>
cases(Case...) -> cases<Case...>;

// Writing.

void write(writer& w, const feed::entry& e) {
  w.array(2).bin(e.header_bytes).bin(e.signature);
}

template <class Id>
void write(writer& w, const std::optional<Id>& id) {
  id ? w.bin(*id) : w.nil();
}

void write(writer& w, const note& n) {
  w.array(5).uint(0);
  write(w, n.workspace);
  n.position ? w.uint(*n.position) : w.nil();
  write(w, n.user);
  w.array(n.entries.size());
  for (const auto& hash : n.entries) w.bin(hash);
}

void write(writer& w, const relay_words& r) {
  w.array(4).uint(1).raw(ledger::encode_receipt(r.first)).raw(ledger::encode_receipt(r.second));
  w.optional_bin(r.header);
}

void write(writer& w, const ledger::record& r) {
  w.array(2).uint(2).bin(ledger::encode_record(r));
}

void write(writer& w, const entry_pair& p) {
  w.array(3).uint(3);
  write(w, p.first);
  write(w, p.second);
}

void write(writer& w, const broken_entry& b) {
  w.array(4).uint(4);
  write(w, b.entry);
  w.bin(b.entry.seen).array(b.past.size());
  for (const auto& header : b.past) w.bin(header);
}

// Reading.

expected<feed::entry> read_entry(reader& in) {
  feed::entry out;
  in.array(2);
  out.header_bytes = to_bytes(in.bin(feed::max_header_size));
  out.signature = to_bytes(in.bin(signature_size));
  if (!in.good()) return fail(errc::malformed, "evidence that does not have its form");
  KEYFOLD_TRY(out.header, feed::decode_header(out.header_bytes));
  out.hash = feed::hash_of_header(out.header_bytes);
  return out;
}

template <class Id>
std::optional<Id> read_optional(reader& in) {
  if (in.nil()) return std::nullopt;
  return in.id<Id>();
}

note read_note(reader& in) {
  note out;
  out.workspace = read_optional<workspace_id>(in);
  if (!in.nil()) out.position = in.count<ledger_seq>();
  out.user = read_optional<user_id>(in);
  out.entries.resize(in.array_up_to(max_noted));
  for (auto& hash : out.entries) hash = in.id<entry_hash>();
  return out;
}

expected<evidence> read_words(reader& in) {
  relay_words out;
  KEYFOLD_TRY(out.first, ledger::decode_receipt(in.raw()));
  KEYFOLD_TRY(out.second, ledger::decode_receipt(in.raw()));
  if (const auto header = in.optional_bin(ledger::max_header_size)) out.header = to_bytes(*header);
  return out;
}

expected<evidence> read_pair(reader& in) {
  entry_pair out;
  KEYFOLD_TRY(out.first, read_entry(in));
  KEYFOLD_TRY(out.second, read_entry(in));
  return out;
}

expected<evidence> read_broken(reader& in) {
  broken_entry out;
  KEYFOLD_TRY(out.entry, read_entry(in));
  out.entry.seen = to_bytes(in.bin(max_seen_size));
  out.past.resize(in.array_up_to(max_past));
  for (auto& header : out.past) header = to_bytes(in.bin(feed::max_header_size));
  return out;
}

expected<evidence> read_evidence(reader& in, std::size_t fields) {
  const auto shape = in.uint();
  constexpr std::size_t fields_of[] = {5, 4, 2, 3, 4};
  if (shape >= std::size(fields_of) || fields != fields_of[shape])
    return fail(errc::malformed, "evidence of a form that is not known");
  switch (shape) {
    case 0:
      return read_note(in);
    case 1:
      return read_words(in);
    case 2:
      return ledger::decode_record(in.bin(max_record_size));
    case 3:
      return read_pair(in);
    default:
      return read_broken(in);
  }
}

std::string where(const std::optional<workspace_id>& workspace) {
  return workspace ? " in workspace " + to_text(*workspace) : "";
}

std::string place_of(const feed::entry& e) {
  return "entry " + std::to_string(e.header.seq.value) + " of its feed in workspace " +
         to_text(e.header.workspace);
}

std::string heights(const relay_words& w) {
  return std::to_string(w.first.statement.seq.value) + " and " +
         std::to_string(w.second.statement.seq.value);
}

std::string about_relay(kind what, const relay_words& w) {
  if (what == kind::relay_forked && w.header)
    return "the relay gave a receipt for a certificate at position " +
           std::to_string(w.second.statement.seq.value) +
           " that follows another one than it had signed: two ledgers";
  if (what == kind::relay_forked)
    return "the relay signed two different certificates for position " +
           std::to_string(w.first.statement.seq.value) + ": two ledgers";
  if (what == kind::relay_stepped_back)
    return "the relay took back what it had signed (positions " + heights(w) +
           "), without having been started anew";
  return "the relay's ledger went back (positions " + heights(w) +
         "): it was restored from a backup, or hides what came since";
}

std::string about_note(const report& r, const note& n) {
  const auto at = n.position ? "the certificate at position " + std::to_string(n.position->value)
                             : std::string("a certificate");
  const auto device = r.about ? "device " + to_text(*r.about) : std::string("the relay");
  switch (r.what) {
    case kind::entry_unsigned:
      return "an entry came" + where(n.workspace) + " that its author did not sign";
    case kind::entries_withheld:
      return device + " does not give " + std::to_string(n.entries.size()) + " entries" +
             where(n.workspace) + " that others name";
    case kind::payload_damaged:
      return "an entry of " + device + where(n.workspace) + " cannot be read; it counts as empty";
    case kind::attachment_mismatch:
      return "what came with " + at + " is not what it names; it was not kept";
    case kind::bad_frontier:
      return at + " names heads that their user did not sign; they are passed over";
    case kind::row_does_not_open:
      return at + where(n.workspace) + " has a sealed key that does not open";
    case kind::key_mismatch:
      return at + where(n.workspace) + " seals another key than it promises";
    case kind::row_missing:
      return at + where(n.workspace) + " gives its key to the wrong people";
    case kind::device_restored:
      return "this device met changes of its own" + where(n.workspace) +
             " that it did not know: it comes from a backup, or a copy of it runs. It took them, "
             "and goes on";
    case kind::earlier_mismatch:
      return at + where(n.workspace) + " hands on another earlier key than was promised";
    default:
      return std::string(to_string(r.what)) + ", " + device + where(n.workspace);
  }
}

std::string about_record(const report& r, const ledger::record& record) {
  const auto at =
      "the certificate at position " + std::to_string(record.certificate.header.seq.value);
  if (r.what == kind::certificate_unsigned)
    return at + " came without its author's signature; it was not taken";
  return at + " breaks a rule (" + std::string(to_string(r.why)) +
         "), and the relay gave a receipt for it; it has no effect";
}

std::string about_broken(const report& r, const broken_entry& b) {
  const auto device = "device " + to_text(b.entry.header.device);
  if (r.what == kind::ledger_mismatch)
    return device + " names another certificate at position " +
           std::to_string(b.entry.header.ledger.seq.value) +
           " than the relay's receipt: it lies, or the relay showed it another ledger";
  return device + " signed an invalid " + place_of(b.entry) + " (" + std::string(to_string(r.why)) +
         ")";
}

/// What makes two incidents the same.
bytes identity(const report& r) {
  writer w;
  w.array(2).uint(static_cast<std::uint8_t>(r.what));
  const auto ordered = [&](bytes_view a, bytes_view b) {
    const bool swapped = std::lexicographical_compare(b.begin(), b.end(), a.begin(), a.end());
    w.array(2).bin(swapped ? b : a).bin(swapped ? a : b);
  };
  std::visit(cases{
                 [&](const note& n) {
                   w.array(2);
                   write(w, r.about);
                   write(w, n);
                 },
                 [&](const relay_words& words) {
                   // One lie may be heard in many greetings.
                   const auto& first = words.first.statement;
                   const auto& second = words.second.statement;
                   if (r.what == kind::relay_forked)
                     return ordered(first.hash.view(), second.hash.view());
                   w.array(4).bin(first.hash).uint(second.seq).bin(second.hash);
                   w.bin(second.incarnation);
                 },
                 [&](const ledger::record& record) { w.bin(record.certificate.hash); },
                 [&](const entry_pair& p) { ordered(p.first.hash.view(), p.second.hash.view()); },
                 [&](const broken_entry& b) { w.bin(b.entry.hash); },
             },
             r.proof);
  return std::move(w).take();
}

}  // namespace

std::string_view to_string(kind k) {
  switch (k) {
    case kind::relay_forked:
      return "relay_forked";
    case kind::relay_stepped_back:
      return "relay_stepped_back";
    case kind::relay_restored:
      return "relay_restored";
    case kind::certificate_refused:
      return "certificate_refused";
    case kind::feed_forked:
      return "feed_forked";
    case kind::entry_invalid:
      return "entry_invalid";
    case kind::ledger_mismatch:
      return "ledger_mismatch";
    case kind::certificate_unsigned:
      return "certificate_unsigned";
    case kind::entry_unsigned:
      return "entry_unsigned";
    case kind::entries_withheld:
      return "entries_withheld";
    case kind::payload_damaged:
      return "payload_damaged";
    case kind::attachment_mismatch:
      return "attachment_mismatch";
    case kind::bad_frontier:
      return "bad_frontier";
    case kind::row_does_not_open:
      return "row_does_not_open";
    case kind::key_mismatch:
      return "key_mismatch";
    case kind::row_missing:
      return "row_missing";
    case kind::earlier_mismatch:
      return "earlier_mismatch";
    case kind::device_restored:
      return "device_restored";
  }
  return "unknown";
}

bool convicts(kind k) {
  switch (k) {
    case kind::relay_forked:
    case kind::relay_stepped_back:
    case kind::certificate_refused:
    case kind::feed_forked:
    case kind::entry_invalid:
    case kind::ledger_mismatch:
      return true;
    default:
      return false;
  }
}

expected<kind> kind_from(std::uint64_t number) {
  for (const auto k : all_kinds)
    if (static_cast<std::uint64_t>(k) == number) return k;
  return fail(errc::unknown_kind, "an incident of a later version; update Keyfold");
}

incident_id id_of(const report& r) {
  return hash_as<incident_id>("keyfold/v1/incident", {identity(r)});
}

std::string message_of(const report& r) {
  return std::visit(cases{
                        [&](const note& n) { return about_note(r, n); },
                        [&](const relay_words& words) { return about_relay(r.what, words); },
                        [&](const ledger::record& record) { return about_record(r, record); },
                        [&](const entry_pair& p) {
                          return "device " + to_text(p.first.header.device) +
                                 " signed two different versions of " + place_of(p.first) +
                                 ": it lies, or an old copy of it was started";
                        },
                        [&](const broken_entry& b) { return about_broken(r, b); },
                    },
                    r.proof);
}

bytes encode_evidence(const evidence& e) {
  writer w;
  std::visit([&](const auto& shape) { write(w, shape); }, e);
  return std::move(w).take();
}

expected<evidence> decode_evidence(bytes_view data) {
  if (data.size() > max_evidence_size) return fail(errc::too_large, "evidence that is too long");
  KEYFOLD_TRY(auto in, reader::parse(data, {.max_bytes = max_evidence_size}));
  const auto fields = in.array_up_to(5);
  KEYFOLD_TRY(auto out, read_evidence(in, fields));
  KEYFOLD_CHECK(in.finish());
  return out;
}

bytes encode_report(const report& r) {
  writer w;
  w.array(8).uint(version).uint(static_cast<std::uint8_t>(r.what)).uint(r.when).bin(r.organization);
  write(w, r.about);
  write(w, r.from);
  w.str(to_string(r.why)).raw(encode_evidence(r.proof));
  return std::move(w).take();
}

expected<report> decode_report(bytes_view data) {
  KEYFOLD_TRY(auto in, reader::parse(data, {.max_bytes = max_evidence_size + 256}));
  in.array(8);
  const auto found = in.uint();
  if (in.good() && found != version)
    return fail(errc::unknown_version, "an incident of a later version; update Keyfold");
  const auto what = in.uint();
  report out;
  out.when = in.uint();
  out.organization = in.id<organization_id>();
  out.about = read_optional<device_id>(in);
  out.from = read_optional<device_id>(in);
  out.why = errc_from_string(in.str(64));
  const auto proof = in.raw();
  KEYFOLD_CHECK(in.finish());
  KEYFOLD_TRY(out.what, kind_from(what));
  KEYFOLD_TRY(out.proof, decode_evidence(proof));
  return out;
}

}  // namespace keyfold::incident
