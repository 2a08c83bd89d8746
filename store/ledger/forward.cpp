#include "store/ledger/forward.hpp"

namespace keyfold::ledger {

bool complete(const state& s, ledger_seq seq) {
  const auto& c = s.record_at(seq)->certificate;
  if (!c.body) return false;
  const auto b = decode_body(*c.body);
  return !b || check_attachments(*b, c.attached, true).has_value();
}

std::vector<lack> lacks_of(const state& s, const std::set<ledger_seq>& incomplete,
                           std::size_t max) {
  std::map<std::optional<workspace_id>, ledger_seq> first;
  for (const auto seq : incomplete) {
    first.try_emplace(s.record_at(seq)->certificate.header.scope, seq);
    if (first.size() == max) break;
  }
  std::vector<lack> out;
  for (const auto& [scope, seq] : first) out.push_back({scope, seq});
  return out;
}

std::vector<bytes> forward::next(const state& own, ledger_seq relay_head,
                                 std::span<const lack> lacking, const put_limits& limits) {
  std::vector<bytes> out;
  std::size_t size = 0;
  const auto give = [&](ledger_seq seq) {
    auto encoded = encode_record(*own.record_at(seq));
    size += encoded.size();
    if (!out.empty() && (size > limits.bytes || out.size() >= limits.records)) return false;
    out.push_back(std::move(encoded));
    return true;
  };
  const auto head = own.head();
  if (!head) return out;
  if (relay_head < head->seq) {
    if (tried_ && relay_head <= *tried_) return out;  // it takes none of them
    tried_ = relay_head;
    for (auto seq = relay_head.next(); seq <= head->seq && give(seq); seq = seq.next()) {
    }
    return out;
  }
  for (const auto& row : lacking) {
    auto& from = given_.try_emplace(row.scope, row.first).first->second;
    for (const auto seq : own.positions(row.scope)) {
      if (seq < std::max(from, row.first) || !own.record_at(seq)->certificate.body) continue;
      if (!give(seq)) return out;
      from = seq.next();
    }
  }
  return out;
}

void forward::begin_anew() {
  tried_.reset();
  given_.clear();
}

}  // namespace keyfold::ledger
