#include "store/workspace/record.hpp"

namespace keyfold::workspace {
namespace {

constexpr std::size_t max_marks = 1'000'000;

bytes encode_record(const record& r) {
  writer w;
  w.array(18).boolean(r.exists).boolean(r.folder).boolean(r.linked).boolean(r.contested);
  w.boolean(r.candidate).bin(encode_order(r.created)).bin(encode_order(r.placed)).bin(r.origin);
  w.bin(r.wanted_parent).bin(r.parent).str(r.name).array(r.deletes.size());
  for (const auto& mark : r.deletes) w.bin(encode_order(mark));
  w.uint(r.own_files).uint(r.own_bytes).uint(r.sums.files).uint(r.sums.bytes);
  w.uint(r.sums.survivors).uint(r.named);
  return std::move(w).take();
}

/// Undecodable bytes (which the encrypted view below has authenticated) read as no record.
record decode_record(bytes_view data) {
  auto r = reader::parse(data, {.max_bytes = data.size()});
  if (!r) return {};
  record out;
  r->array(18);
  out.exists = r->boolean();
  out.folder = r->boolean();
  out.linked = r->boolean();
  out.contested = r->boolean();
  out.candidate = r->boolean();
  out.created = order_at_end(r->bin(order_size));
  out.placed = order_at_end(r->bin(order_size));
  out.origin = r->id<version_id>();
  out.wanted_parent = r->id<node_id>();
  out.parent = r->id<node_id>();
  out.name = r->str(max_name_size);
  out.deletes.resize(r->array_up_to(max_marks));
  for (auto& mark : out.deletes) mark = order_at_end(r->bin(order_size));
  out.own_files = r->uint();
  out.own_bytes = r->uint();
  out.sums.files = r->uint();
  out.sums.bytes = r->uint();
  out.sums.survivors = r->uint();
  out.named = r->uint();
  return r->finish() ? out : record{};
}

}  // namespace

record_cache::slot& record_cache::slot_of(node_id node) {
  const auto [at, fresh] = slots_.try_emplace(node);
  if (!fresh) return at->second;
  auto& value = at->second.value;
  if (const auto stored = state_.get(key_of(table::records, node))) value = decode_record(*stored);
  if (node == root_node || node == recovered_node) {
    value.exists = value.folder = value.linked = true;
    value.parent = root_node;
    if (node == recovered_node) value.name = recovered_name;
  }
  return at->second;
}

void record_cache::flush() {
  for (auto& [node, found] : slots_) {
    if (!found.dirty) continue;
    found.dirty = false;
    const auto key = key_of(table::records, node);
    if (found.value == record{})
      state_.erase(key);
    else
      state_.put(key, encode_record(found.value));
  }
}

}  // namespace keyfold::workspace
