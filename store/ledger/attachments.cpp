#include "store/ledger/attachments.hpp"

#include "crypto/hash.hpp"
#include "store/feed/entry.hpp"

namespace keyfold::ledger {
namespace {

constexpr decode_limits attachment_limits{.max_bytes = max_attachment_size};
constexpr std::size_t max_items = 50'000;  // of any list; the size bounds them further

struct placed_head {
  feed_head place;
  signed_head head;
};

feed_head place_of(const feed::header& h, bytes_view header_bytes) {
  return {h.device, h.generation, h.seq, feed::hash_of_header(header_bytes)};
}

bool signed_by(const signed_head& head, const signing_public_key& device) {
  feed::entry e;
  e.header_bytes = head.header_bytes;
  e.signature = head.signature;
  return feed::check_signature(e, device).has_value();
}

expected<void> mismatch(const char* what) {
  return fail(errc::attachment_mismatch, std::string(what) + " that the certificate does not name");
}
expected<void> missing(const char* what) {
  return fail(errc::attachment_missing, std::string("a certificate without its ") + what);
}

/// Checks one attachment against the hash that the body announces, if it announces one.
template <class Hash>
expected<void> check_one(const std::optional<hash32>& announced, const std::optional<bytes>& given,
                         bool complete, const char* name, Hash hash_of) {
  if (!announced) return given ? mismatch(name) : expected<void>{};
  if (!given) return complete ? missing(name) : expected<void>{};
  KEYFOLD_TRY(const hash32 found, hash_of(*given));
  return found == *announced ? expected<void>{} : mismatch(name);
}

expected<void> check_parts(const user_revoked& revoked, const attachments& attached,
                           bool complete) {
  if (!attached.frontier) return complete ? missing("frontiers") : expected<void>{};
  KEYFOLD_TRY(const auto parts, decode_parts(*attached.frontier));
  std::size_t found = 0;
  for (const auto& announced : revoked.workspaces) {
    const auto part = parts.find(announced.workspace);
    if (part == parts.end()) continue;
    if (hash_of_frontier(part->second) != announced.frontier_hash) return mismatch("a frontier");
    ++found;
  }
  if (found != parts.size()) return mismatch("a frontier");
  if (complete && found != revoked.workspaces.size()) return missing("frontiers");
  return {};
}

}  // namespace

bytes encode_rows(std::vector<key_row> rows) {
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.user < b.user; });
  writer w;
  w.array(rows.size());
  for (const auto& row : rows) w.array(2).bin(row.user).bin(row.row);
  return std::move(w).take();
}

expected<std::vector<key_row>> decode_rows(bytes_view data) {
  KEYFOLD_TRY(auto in, reader::parse(data, attachment_limits));
  std::vector<key_row> out(in.array_up_to(max_items));
  for (std::size_t i = 0; i < out.size() && in.good(); ++i) {
    in.array(2);
    out[i].user = in.id<user_id>();
    out[i].row = to_bytes(in.bin(max_sealed_size));
    if (i > 0 && out[i].user <= out[i - 1].user) in.break_off();
  }
  KEYFOLD_CHECK(in.finish());
  return out;
}

hash32 rows_root(std::span<const key_row> rows) {
  std::vector<hash32> leaves;
  leaves.reserve(rows.size());
  for (const auto& row : rows)
    leaves.push_back(hash("keyfold/v1/row-leaf", {row.user.view(), row.row}));
  return merkle_root(leaves);
}

bytes encode_earlier(std::vector<earlier_key> keys) {
  std::sort(keys.begin(), keys.end(),
            [](const auto& a, const auto& b) { return a.epoch < b.epoch; });
  writer w;
  w.array(keys.size());
  for (const auto& key : keys) w.array(2).uint(key.epoch).bin(key.sealed);
  return std::move(w).take();
}

expected<std::vector<earlier_key>> decode_earlier(bytes_view data) {
  KEYFOLD_TRY(auto in, reader::parse(data, attachment_limits));
  std::vector<earlier_key> out(in.array_up_to(max_items));
  for (std::size_t i = 0; i < out.size() && in.good(); ++i) {
    in.array(2);
    out[i].epoch = in.count<epoch_number>();
    out[i].sealed = to_bytes(in.bin(max_sealed_size));
    if (i > 0 && out[i].epoch <= out[i - 1].epoch) in.break_off();
  }
  KEYFOLD_CHECK(in.finish());
  return out;
}

hash32 hash_of_earlier(bytes_view attachment) {
  return hash("keyfold/v1/earlier", attachment);
}

expected<bytes> encode_frontier(std::vector<signed_head> heads) {
  std::vector<placed_head> placed;
  for (auto& head : heads) {
    KEYFOLD_TRY(const auto h, feed::decode_header(head.header_bytes));
    const auto place = place_of(h, head.header_bytes);
    placed.push_back({place, std::move(head)});
  }
  std::sort(placed.begin(), placed.end(),
            [](const auto& a, const auto& b) { return a.place < b.place; });
  const auto twice = [](const auto& a, const auto& b) { return a.place == b.place; };
  placed.erase(std::unique(placed.begin(), placed.end(), twice), placed.end());
  writer w;
  w.array(placed.size());
  for (const auto& one : placed) w.array(2).bin(one.head.header_bytes).bin(one.head.signature);
  return std::move(w).take();
}

expected<std::vector<signed_head>> decode_frontier(bytes_view data) {
  KEYFOLD_TRY(auto in, reader::parse(data, attachment_limits));
  std::vector<signed_head> out(in.array_up_to(max_items));
  for (auto& head : out) {
    in.array(2);
    head.header_bytes = to_bytes(in.bin(feed::max_header_size));
    head.signature = to_bytes(in.bin(signature_size));
  }
  KEYFOLD_CHECK(in.finish());
  return out;
}

hash32 hash_of_frontier(bytes_view attachment) {
  return hash("keyfold/v1/frontier", attachment);
}

bytes empty_frontier() {
  writer w;
  w.array(0);
  return std::move(w).take();
}

bytes encode_parts(const frontier_parts& parts) {
  writer w;
  w.array(parts.size());
  for (const auto& [workspace, frontier] : parts) w.array(2).bin(workspace).bin(frontier);
  return std::move(w).take();
}

expected<frontier_parts> decode_parts(bytes_view data) {
  KEYFOLD_TRY(auto in, reader::parse(data, attachment_limits));
  frontier_parts out;
  const auto count = in.array_up_to(max_revoked_workspaces);
  for (std::size_t i = 0; i < count && in.good(); ++i) {
    in.array(2);
    const auto workspace = in.id<workspace_id>();
    const auto frontier = in.bin(max_attachment_size);
    if (!out.empty() && workspace <= out.rbegin()->first) in.break_off();
    out.emplace(workspace, to_bytes(frontier));
  }
  KEYFOLD_CHECK(in.finish());
  return out;
}

checked_frontier check_frontier(bytes_view attachment, organization_id organization,
                                workspace_id workspace, user_id user,
                                const device_lookup& devices) {
  checked_frontier out;
  const auto heads = decode_frontier(attachment);
  if (!heads) {
    out.bad = 1;
    return out;
  }
  for (const auto& head : *heads) {
    const auto h = feed::decode_header(head.header_bytes);
    const auto device = h ? devices(h->device) : std::nullopt;
    const bool right = h && h->organization == organization && h->workspace == workspace &&
                       device && device->user == user && signed_by(head, device->signing_key);
    const auto place = right ? place_of(*h, head.header_bytes) : feed_head{};
    if (right && (out.heads.empty() || out.heads.back() < place))
      out.heads.push_back(place);
    else
      ++out.bad;
  }
  return out;
}

expected<void> check_attachments(const body& b, const attachments& attached, bool complete) {
  const auto* rotation = rotation_of(b.what);
  const auto rows = rotation != nullptr ? std::optional(rotation->rows_root) : std::nullopt;
  const auto earlier = rotation != nullptr ? std::optional(rotation->earlier_hash) : std::nullopt;
  KEYFOLD_CHECK(check_one(
      rows, attached.rows, complete, "sealed keys", [&](const bytes& data) -> expected<hash32> {
        KEYFOLD_TRY(const auto list, decode_rows(data));
        if (list.size() != rotation->rows_count)
          return fail(errc::attachment_mismatch, "not as many sealed keys as named");
        return rows_root(list);
      }));
  KEYFOLD_CHECK(
      check_one(earlier, attached.earlier, complete, "earlier keys",
                [](const bytes& data) -> expected<hash32> { return hash_of_earlier(data); }));
  if (const auto* revoked = std::get_if<user_revoked>(&b.what))
    return check_parts(*revoked, attached, complete);
  const auto* changed = std::get_if<role_changed>(&b.what);
  const auto frontier = changed != nullptr ? changed->frontier_hash : std::nullopt;
  return check_one(frontier, attached.frontier, complete, "a frontier",
                   [](const bytes& data) -> expected<hash32> { return hash_of_frontier(data); });
}

}  // namespace keyfold::ledger
