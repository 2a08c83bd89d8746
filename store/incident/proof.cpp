#include "store/incident/proof.hpp"

#include <map>

#include "store/feed/verdict.hpp"

namespace keyfold::incident {
namespace {

constexpr std::uint64_t proof_version = 1;
constexpr std::size_t max_records = 180'000;

hash32 hash_of_body(bytes_view body) {
  return hash("keyfold/v1/incident-file", body);
}

tl::unexpected<error> nothing(std::string why) {
  return fail(errc::no_contradiction, std::move(why));
}

/// The ledger for somebody who has no workspace: what depends on a workspace's bodies is as the entry says.
class headers_alone final : public ledger::view {
 public:
  headers_alone(const ledger::state& state, epoch_number epoch) : state_(state), epoch_(epoch) {}
  std::optional<ledger::position> head() const override { return state_.head(); }
  std::optional<certificate_hash> hash_at(ledger_seq seq) const override {
    return state_.hash_at(seq);
  }
  std::optional<ledger::device_facts> find_device(device_id device) const override {
    return state_.find_device(device);
  }
  ledger::role role_at(workspace_id, user_id, ledger_seq) const override {
    return ledger::role::owner;
  }
  std::optional<epoch_number> epoch_at(workspace_id, ledger_seq) const override { return epoch_; }
  bool rotation_due_at(workspace_id, ledger_seq) const override { return false; }
  std::vector<ledger::removal> removals(workspace_id, user_id) const override { return {}; }

 private:
  const ledger::state& state_;
  epoch_number epoch_;
};

/// The entries that the headers in a file tell of. No signature is needed: the entry that names them by their hashes
/// has one.
class named_past final : public feed::past {
 public:
  explicit named_past(std::span<const bytes> headers) {
    for (const auto& encoded : headers) {
      const auto h = feed::decode_header(encoded);
      if (!h) continue;
      const auto hash = feed::hash_of_header(encoded);
      known_[hash] = {{h->device, h->generation, h->seq, hash}, h->ledger.seq, h->lamport, {}};
    }
  }
  std::optional<feed::known_entry> find_known(const entry_hash& hash) const override {
    const auto found = known_.find(hash);
    return found == known_.end() ? std::nullopt : std::optional(found->second);
  }
  bool is_invalid(const entry_hash&) const override { return false; }
  bool in_chain_of(const feed::feed_head&, const feed::feed_head&) const override { return false; }

 private:
  std::map<entry_hash, feed::known_entry> known_;
};

// Judging. Each takes the ledger that the file carries, and says who is at fault.

expected<ledger::signed_statement> read_statement(const ledger::signed_statement& said,
                                                  const ledger::state& state) {
  KEYFOLD_TRY(const auto claimed, ledger::decode_statement(said.statement_bytes));
  const auto& terms = state.organization().terms();
  if (claimed.term >= terms.size())
    return fail(errc::bad_receipt, "a statement of a term that the ledger does not know");
  KEYFOLD_TRY(auto out, ledger::verify_statement(said.statement_bytes, said.signature,
                                                 terms[claimed.term].receipt_key));
  if (out.statement.organization != state.id())
    return fail(errc::wrong_organization, "a statement about another organization");
  return out;
}

/// `second` stands just above `first`, but its certificate extends another one.
expected<bool> follows_another(const ledger::statement& first, const ledger::statement& second,
                               bytes_view header_bytes) {
  KEYFOLD_TRY(const auto header, ledger::decode_header(header_bytes));
  return !first.hash.is_zero() && first.seq.next() == second.seq && header.seq == second.seq &&
         header.organization == second.organization &&
         ledger::hash_of_header(header_bytes) == second.hash && header.prev != first.hash;
}

expected<void> judge(const relay_words& words, const ledger::state& state, judgement& out) {
  KEYFOLD_TRY(const auto first, read_statement(words.first, state));
  KEYFOLD_TRY(const auto second, read_statement(words.second, state));
  if (words.header) {
    KEYFOLD_TRY(const bool forked,
                follows_another(first.statement, second.statement, *words.header));
    if (!forked) return nothing("two statements that go together");
    out.proven.what = kind::relay_forked;
    out.relay = true;
    return {};
  }
  const auto what = compare(first.statement, second.statement);
  if (what == ledger::contradiction::restored)
    return nothing("which of the two was said first, only those know who heard both");
  if (what == ledger::contradiction::none) return nothing("two statements that go together");
  out.proven.what =
      what == ledger::contradiction::forked ? kind::relay_forked : kind::relay_stepped_back;
  out.relay = true;
  return {};
}

expected<void> judge(const ledger::record& record, const ledger::state& state, judgement& out) {
  const auto& c = record.certificate;
  if (c.header.seq.value != state.size())
    return nothing("the certificate does not stand just after the ledger in the file");
  auto with = state;
  const auto added = with.add(record);
  if (!added && ledger::is_unsigned(added.error().code))
    return nothing("who exchanged the certificate's signature cannot be told");
  if (!added) return fail(added);
  if (!added->refused)
    return nothing("a certificate that breaks no rule, as far as the file shows");
  out.proven.what = kind::certificate_refused;
  out.proven.why = added->refused->code;
  out.proven.about = c.header.author;
  out.relay = true;
  const auto* author = state.organization().device(c.header.author);
  if (author != nullptr && ledger::check_signature(c, author->facts.signing_key))
    out.device = c.header.author;
  return {};
}

/// The entry is one of the organization, and signed by its device.
expected<void> check_signed(const feed::entry& e, const ledger::state& state) {
  if (e.header.organization != state.id())
    return fail(errc::wrong_organization, "an entry of another organization");
  const auto author = state.find_device(e.header.device);
  if (!author)
    return fail(errc::author_unknown, "an entry of a device that the file does not name");
  return feed::check_signature(e, author->signing_key);
}

expected<void> judge(const entry_pair& pair, const ledger::state& state, judgement& out) {
  KEYFOLD_CHECK(check_signed(pair.first, state));
  KEYFOLD_CHECK(check_signed(pair.second, state));
  const auto& a = pair.first.header;
  const auto& b = pair.second.header;
  const bool one_place = a.workspace == b.workspace && a.device == b.device &&
                         a.generation == b.generation && a.seq == b.seq;
  if (!one_place || pair.first.hash == pair.second.hash)
    return nothing("two entries that go together");
  out.proven.what = kind::feed_forked;
  out.proven.about = out.device = a.device;
  return {};
}

/// The rule that the entry breaks for certain; `errc::no_contradiction` when the file does not show one.
expected<errc> broken_rule(const broken_entry& b, const ledger::state& state) {
  const auto& h = b.entry.header;
  if (feed::hash_of_seen(b.entry.seen) != h.seen_hash)
    return fail(errc::entry_hash_mismatch, "a list that is not the entry's");
  const auto seen = feed::decode_seen(b.entry.seen);
  if (!seen) return seen.error().code;
  const auto verdict =
      feed::judge(h, b.entry.hash, *seen, headers_alone(state, h.epoch), named_past(b.past));
  if (verdict.standing != feed::standing::invalid)
    return nothing("an entry that breaks no rule, as far as the file shows");
  return verdict.reason;
}

expected<void> judge(const broken_entry& b, const ledger::state& state, judgement& out) {
  KEYFOLD_CHECK(check_signed(b.entry, state));
  KEYFOLD_TRY(out.proven.why, broken_rule(b, state));
  out.one_of_both = out.relay = out.proven.why == errc::ledger_mismatch;
  out.proven.what = out.relay ? kind::ledger_mismatch : kind::entry_invalid;
  out.proven.about = out.device = b.entry.header.device;
  return {};
}

expected<void> judge(const note&, const ledger::state&, judgement&) {
  return nothing("a note, which nobody has signed");
}

// Reading.

struct contents {
  kind what{};
  evidence proof;
  std::vector<bytes_view> records;
};

expected<contents> decode_contents(bytes_view body) {
  KEYFOLD_TRY(auto in, reader::parse(body, {.max_bytes = max_proof_size}));
  in.array(4);
  const auto found = in.uint();
  if (in.good() && found != proof_version)
    return fail(errc::unknown_version, "a file of a later version; update Keyfold");
  const auto what = in.uint();
  const auto proof = in.raw();
  contents out;
  out.records.resize(in.array_up_to(max_records));
  for (auto& record : out.records) record = in.bin(max_record_size);
  KEYFOLD_CHECK(in.finish());
  KEYFOLD_TRY(out.what, kind_from(what));
  KEYFOLD_TRY(out.proof, decode_evidence(proof));
  return out;
}

expected<bytes_view> checked_body(bytes_view file) {
  if (file.size() > max_proof_size)
    return fail(errc::too_large, "a file that is too long for an incident");
  KEYFOLD_TRY(auto in, reader::parse(file, {.max_bytes = max_proof_size}));
  in.array(2);
  const auto body = in.bin(max_proof_size);
  const auto said = in.id<hash32>();
  KEYFOLD_CHECK(in.finish());
  if (hash_of_body(body) != said) return fail(errc::damaged, "the file was changed or damaged");
  return body;
}

expected<ledger::state> fold(std::span<const bytes_view> records) {
  std::optional<ledger::state> out;
  for (const auto encoded : records) {
    KEYFOLD_TRY(const auto record, ledger::decode_record(encoded));
    if (!out) out.emplace(record.certificate.header.organization);
    KEYFOLD_TRY(const auto added, out->add(record));
    if (!added.advanced) return fail(errc::malformed, "the ledger in the file does not go forward");
  }
  if (!out) return fail(errc::malformed, "a file without the organization's genesis");
  return std::move(*out);
}

// Writing.

/// The position up to which the file must carry the ledger.
expected<ledger_seq> needed(const report& r, const ledger::state& state) {
  const auto added = [&](device_id device) -> expected<ledger_seq> {
    const auto found = state.find_device(device);
    if (!found) return fail(errc::author_unknown, "the ledger does not know the device");
    return found->added;
  };
  if (const auto* record = std::get_if<ledger::record>(&r.proof)) {
    if (record->certificate.header.seq.value == 0) return nothing("genesis breaks no rule");
    return ledger_seq{record->certificate.header.seq.value - 1};
  }
  if (const auto* pair = std::get_if<entry_pair>(&r.proof)) return added(pair->first.header.device);
  if (const auto* broken = std::get_if<broken_entry>(&r.proof)) {
    KEYFOLD_TRY(const auto device, added(broken->entry.header.device));
    return std::max(device, broken->entry.header.ledger.seq);
  }
  return ledger_seq{0};  // the receipt key stands in genesis
}

bytes stripped(ledger::record r) {
  r.certificate.attached = {};
  if (r.certificate.header.scope) r.certificate.body.reset();
  return ledger::encode_record(r);
}

}  // namespace

expected<judgement> verify_proof(bytes_view file) {
  KEYFOLD_TRY(const auto body, checked_body(file));
  KEYFOLD_TRY(auto read, decode_contents(body));
  KEYFOLD_TRY(const auto state, fold(read.records));
  judgement out;
  out.root = state.organization().root_key();
  out.ledger = *state.head();
  out.proven.organization = state.id();
  KEYFOLD_CHECK(
      std::visit([&](const auto& shape) { return judge(shape, state, out); }, read.proof));
  if (out.proven.what != read.what) return nothing("it proves something else than it says");
  out.proven.proof = std::move(read.proof);
  return out;
}

expected<bytes> make_proof(const report& r, const ledger::state& state) {
  if (std::holds_alternative<note>(r.proof))
    return nothing("this incident is a note: no signature proves it to others");
  KEYFOLD_TRY(const auto until, needed(r, state));
  if (until.value >= state.size() || until.value >= max_records)
    return fail(errc::ledger_gap, "the ledger here does not reach that far");
  writer body;
  body.array(4).uint(proof_version).uint(static_cast<std::uint8_t>(r.what));
  body.raw(encode_evidence(r.proof)).array(until.value + 1);
  for (ledger_seq seq{0}; seq <= until; seq = seq.next()) body.bin(stripped(*state.record_at(seq)));
  const bytes content = std::move(body).take();
  if (content.size() + 64 > max_proof_size)
    return fail(errc::too_large, "the ledger is too long for a file");
  writer out;
  out.array(2).bin(content).bin(hash_of_body(content));
  bytes file = std::move(out).take();
  KEYFOLD_CHECK(verify_proof(file));
  return file;
}

}  // namespace keyfold::incident
