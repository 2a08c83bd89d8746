#include "store/feed/entry.hpp"

#include "crypto/aead.hpp"
#include "crypto/padding.hpp"

namespace keyfold::feed {
namespace {

constexpr std::uint64_t entry_version = 1;
constexpr std::size_t length_prefix = 4;
constexpr std::size_t min_padded = 256;
constexpr std::size_t max_seen_size =
    max_seen * 84 + 8;  // a head takes at most 1 + 18 + 18 + 9 + 34 bytes
constexpr std::size_t max_needed_size = max_needed * 34 + 8;

constexpr std::string_view signature_context = "keyfold/v1/entry";
constexpr std::string_view payload_context = "keyfold/v1/entry-payload";

hash32 hash_of_needed(bytes_view needed) {
  return hash("keyfold/v1/needed", needed);
}
hash32 hash_of_ciphertext(bytes_view data) {
  return hash("keyfold/v1/entry-ciphertext", data);
}

symmetric_key payload_key(const symmetric_key& epoch_key, const hash32& salt) {
  return derive(epoch_key, "keyfold/v1/entry-key", salt.view());
}

/// Binds a payload to its place: associated := workspace ‖ device ‖ generation ‖ u64 seq.
bytes associated_data(const header& h) {
  bytes out;
  append(out, h.workspace.view());
  append(out, h.device.view());
  append(out, h.generation.view());
  append_u64(out, h.seq.value);
  return out;
}

bytes pad(bytes_view payload) {
  bytes out;
  out.reserve(padme(length_prefix + payload.size(), min_padded));
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(payload.size() >> shift));
  append(out, payload);
  out.resize(padme(out.size(), min_padded));
  return out;
}

/// The inverse of pad, and of nothing else: one payload has one padded form.
expected<bytes> unpad(bytes_view padded) {
  if (padded.size() < length_prefix) return fail(errc::malformed, "a payload without its length");
  std::size_t size = 0;
  for (std::size_t i = 0; i < length_prefix; ++i) size = size << 8 | padded[i];
  if (size > max_payload_size || padme(length_prefix + size, min_padded) != padded.size())
    return fail(errc::malformed, "a payload of another length than its padding");
  const auto tail = padded.subspan(length_prefix + size);
  if (std::any_of(tail.begin(), tail.end(), [](auto b) { return b != 0; }))
    return fail(errc::malformed, "padding that is not zeros");
  return to_bytes(padded.subspan(length_prefix, size));
}

/// Decodes a strictly ascending list; `read` reads one item.
template <class Item, class Read>
expected<std::vector<Item>> decode_ascending(bytes_view data, std::size_t max_size,
                                             std::size_t max_count, Read read) {
  if (data.size() > max_size) return fail(errc::too_large, "a list in an entry is too long");
  KEYFOLD_TRY(auto r, reader::parse(data, {.max_bytes = max_size}));
  std::vector<Item> out(r.array_up_to(max_count));
  for (auto& item : out) item = read(r);
  KEYFOLD_CHECK(r.finish());
  if (std::adjacent_find(out.begin(), out.end(), std::greater_equal<>()) != out.end())
    return fail(errc::malformed, "a list in an entry is not ascending");
  return out;
}

}  // namespace

expected<header> decode_header(bytes_view data) {
  if (data.size() > max_header_size) return fail(errc::too_large, "an entry's header is too long");
  KEYFOLD_TRY(auto r, reader::parse(data));
  header out;
  r.array(15);
  const auto version = r.uint();
  if (r.good() && version != entry_version)
    return fail(errc::unknown_version, "an entry of another version");
  out.organization = r.id<organization_id>();
  out.workspace = r.id<workspace_id>();
  out.device = r.id<device_id>();
  out.generation = r.id<generation_id>();
  out.seq = r.count<feed_seq>();
  out.prev = r.id<entry_hash>();
  out.ledger.seq = r.count<ledger_seq>();
  out.ledger.hash = r.id<certificate_hash>();
  out.epoch = r.count<epoch_number>();
  out.lamport = r.count<lamport_time>();
  out.seen_hash = r.id<hash32>();
  out.salt = r.id<hash32>();
  out.needed_hash = r.id<hash32>();
  out.ciphertext_hash = r.id<hash32>();
  KEYFOLD_CHECK(r.finish());
  return out;
}

hash32 hash_of_seen(bytes_view seen) {
  return hash("keyfold/v1/seen", seen);
}

bytes encode_header(const header& h) {
  writer w;
  w.array(15)
      .uint(entry_version)
      .bin(h.organization)
      .bin(h.workspace)
      .bin(h.device)
      .bin(h.generation);
  w.uint(h.seq).bin(h.prev).uint(h.ledger.seq).bin(h.ledger.hash).uint(h.epoch).uint(h.lamport);
  w.bin(h.seen_hash).bin(h.salt).bin(h.needed_hash).bin(h.ciphertext_hash);
  return std::move(w).take();
}

entry_hash hash_of_header(bytes_view header_bytes) {
  return hash_as<entry_hash>("keyfold/v1/entry-hash", {header_bytes});
}

expected<entry> decode_entry(bytes_view data) {
  KEYFOLD_TRY(auto r, reader::parse(data));
  entry out;
  r.array(5);
  out.header_bytes = to_bytes(r.bin(max_header_size));
  out.signature = to_bytes(r.bin(signature_size));
  out.seen = to_bytes(r.bin(max_seen_size));
  out.needed = to_bytes(r.bin(max_needed_size));
  out.ciphertext = to_bytes(r.bin(max_ciphertext_size));
  KEYFOLD_CHECK(r.finish());
  KEYFOLD_TRY(out.header, decode_header(out.header_bytes));
  if (hash_of_seen(out.seen) != out.header.seen_hash ||
      hash_of_needed(out.needed) != out.header.needed_hash ||
      hash_of_ciphertext(out.ciphertext) != out.header.ciphertext_hash)
    return fail(errc::entry_hash_mismatch, "an entry's parts are not those of its header");
  out.hash = hash_of_header(out.header_bytes);
  return out;
}

bytes encode_entry(const entry& e) {
  writer w;
  w.array(5).bin(e.header_bytes).bin(e.signature).bin(e.seen).bin(e.needed).bin(e.ciphertext);
  return std::move(w).take();
}

expected<void> check_signature(const entry& e, const signing_public_key& author) {
  return verify(author, signature_context, e.header_bytes, e.signature);
}

expected<std::vector<feed_head>> decode_seen(bytes_view data) {
  return decode_ascending<feed_head>(data, max_seen_size, max_seen, [](reader& r) {
    feed_head out;
    r.array(4);
    out.device = r.id<device_id>();
    out.generation = r.id<generation_id>();
    out.seq = r.count<feed_seq>();
    out.hash = r.id<entry_hash>();
    return out;
  });
}

bytes encode_seen(const std::vector<feed_head>& seen) {
  auto sorted = seen;
  std::sort(sorted.begin(), sorted.end());
  writer w;
  w.array(sorted.size());
  for (const auto& head : sorted)
    w.array(4).bin(head.device).bin(head.generation).uint(head.seq).bin(head.hash);
  return std::move(w).take();
}

expected<std::vector<object_id>> decode_needed(bytes_view data) {
  return decode_ascending<object_id>(data, max_needed_size, max_needed,
                                     [](reader& r) { return r.id<object_id>(); });
}

bytes encode_needed(std::vector<object_id> needed) {
  std::sort(needed.begin(), needed.end());
  needed.erase(std::unique(needed.begin(), needed.end()), needed.end());
  writer w;
  w.array(needed.size());
  for (const auto& id : needed) w.bin(id);
  return std::move(w).take();
}

expected<entry> make_entry(const draft& d, const symmetric_key& epoch_key,
                           const signing_key& author, random_source& random) {
  if (d.payload.size() > max_payload_size)
    return fail(errc::too_large, "an entry's payload is too long");
  if (d.seen.size() > max_seen) return fail(errc::too_large, "an entry has seen too many heads");
  if (d.needed.size() > max_needed) return fail(errc::too_large, "an entry needs too many objects");
  entry out;
  out.seen = encode_seen(d.seen);
  out.needed = encode_needed(d.needed);
  out.header = {.organization = d.organization,
                .workspace = d.workspace,
                .device = d.device,
                .generation = d.generation,
                .seq = d.seq,
                .prev = d.prev,
                .ledger = d.ledger,
                .epoch = d.epoch,
                .lamport = d.lamport,
                .seen_hash = hash_of_seen(out.seen),
                .salt = random.id<hash32>(),
                .needed_hash = hash_of_needed(out.needed),
                .ciphertext_hash = {}};
  out.ciphertext = seal(payload_key(epoch_key, out.header.salt), payload_context,
                        associated_data(out.header), pad(d.payload), random);
  out.header.ciphertext_hash = hash_of_ciphertext(out.ciphertext);
  out.header_bytes = encode_header(out.header);
  out.hash = hash_of_header(out.header_bytes);
  out.signature = author.sign(signature_context, out.header_bytes);
  return out;
}

expected<bytes> open_payload(const entry& e, const symmetric_key& epoch_key) {
  KEYFOLD_TRY(const auto padded, open(payload_key(epoch_key, e.header.salt), payload_context,
                                      associated_data(e.header), e.ciphertext));
  return unpad(padded.view());
}

}  // namespace keyfold::feed
