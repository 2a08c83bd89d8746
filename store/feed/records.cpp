#include "store/feed/records.hpp"

namespace keyfold::feed::records {
namespace {

void append_u32(bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(value >> shift));
}
std::uint32_t read_u32(bytes_view data) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < 4; ++i) out = out << 8 | data[i];
  return out;
}

void append_varint(bytes& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
  out.push_back(static_cast<std::uint8_t>(value));
}
/// Takes a varint off the front of `data`; 0 at its end.
std::uint64_t take_varint(bytes_view& data) {
  std::uint64_t out = 0;
  for (unsigned shift = 0; !data.empty() && shift < 64; shift += 7) {
    const auto byte = data.front();
    data = data.subspan(1);
    out |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) break;
  }
  return out;
}

/// A clock has a pair for each generation of the workspace, in each entry: so it is kept small, as
/// varints, branches as differences.
bytes encode_clock(const clock& c) {
  bytes out;
  branch_number before = 0;
  for (const auto& [branch, known] : c) {
    append_varint(out, branch - before);
    append_varint(out, known);
    before = branch;
  }
  return out;
}
clock decode_clock(bytes_view data) {
  clock out;
  branch_number branch = 0;
  while (!data.empty()) {
    branch += static_cast<branch_number>(take_varint(data));
    out.emplace_hint(out.end(), branch, take_varint(data));
  }
  return out;
}

/// Decodes `data` with `read(reader, record)`.
template <class Record, class Read>
std::optional<Record> decode(bytes_view data, Read read) {
  auto r = reader::parse(data);
  if (!r) return std::nullopt;
  Record out;
  read(*r, out);
  if (!r->finish()) return std::nullopt;
  return out;
}
template <class Record, class Read>
std::optional<Record> load(const db::view& state, const bytes& at, Read read) {
  const auto data = state.get(at);
  return data ? decode<Record>(*data, read) : std::nullopt;
}

template <class Id>
std::optional<Id> optional_id(reader& r) {
  if (r.nil()) return std::nullopt;
  return r.id<Id>();
}

void put(db::view& state, const bytes& at, writer& w) {
  state.put(at, std::move(w).take());
}

constexpr std::size_t any_size = 4 * 1024 * 1024;

}  // namespace

bytes key(char letter) {
  return {static_cast<std::uint8_t>(letter)};
}
bytes key(char letter, const entry_hash& hash) {
  auto out = key(letter);
  append(out, hash.view());
  return out;
}
bytes key(char letter, std::uint64_t number) {
  auto out = key(letter);
  append_u64(out, number);
  return out;
}
bytes branch_key(branch_number branch) {
  auto out = key('b');
  append_u32(out, branch);
  return out;
}
bytes place_key(branch_number branch, feed_seq seq) {
  auto out = key('p');
  append_u32(out, branch);
  append_u64(out, seq.value);
  return out;
}
bytes generation_key(device_id device, std::optional<generation_id> generation,
                     std::optional<branch_number> branch) {
  auto out = key('g');
  append(out, device.view());
  if (generation) append(out, generation->view());
  if (branch) append_u32(out, *branch);
  return out;
}
bytes operation_key(std::uint64_t number, std::uint64_t index) {
  auto out = key('o', number);
  append_u64(out, index);
  return out;
}

counters load_counters(const db::view& state) {
  return load<counters>(state, key('c'),
                        [](reader& r, counters& out) {
                          r.array(2);
                          out.arrivals = r.uint();
                          out.branches = static_cast<branch_number>(r.uint());
                        })
      .value_or(counters{});
}
void save(db::view& state, const counters& c) {
  writer w;
  w.array(2).uint(c.arrivals).uint(c.branches);
  put(state, key('c'), w);
}

std::optional<branch_record> load_branch(const db::view& state, branch_number number) {
  return load<branch_record>(state, branch_key(number), [&](reader& r, branch_record& out) {
    out.number = number;
    r.array(9);
    out.tip.device = out.device = r.id<device_id>();
    out.tip.generation = out.generation = r.id<generation_id>();
    if (!r.nil()) out.parent = static_cast<branch_number>(r.uint());
    out.first = r.count<feed_seq>();
    out.start = r.count<ledger_seq>();
    out.tip.seq = r.count<feed_seq>();
    out.tip.hash = r.id<entry_hash>();
    out.tip_arrival = r.uint();
    out.cut = r.uint();
  });
}
void save(db::view& state, const branch_record& b) {
  writer w;
  w.array(9).bin(b.device).bin(b.generation);
  b.parent ? w.uint(*b.parent) : w.nil();
  w.uint(b.first).uint(b.start).uint(b.tip.seq).bin(b.tip.hash).uint(b.tip_arrival).uint(b.cut);
  put(state, branch_key(b.number), w);
}

std::optional<meta_record> load_meta(const db::view& state, const entry_hash& hash) {
  return load<meta_record>(state, key('m', hash), [&](reader& r, meta_record& out) {
    r.array(8);
    out.order.hash = hash;
    out.order.lamport = r.count<lamport_time>();
    out.order.device = r.id<device_id>();
    out.order.generation = r.id<generation_id>();
    out.order.seq = r.count<feed_seq>();
    out.branch = static_cast<branch_number>(r.uint());
    out.position = r.count<ledger_seq>();
    out.arrival = r.uint();
    out.clock = decode_clock(r.bin(any_size));
  });
}
void save(db::view& state, const meta_record& m) {
  writer w;
  w.array(8).uint(m.order.lamport).bin(m.order.device).bin(m.order.generation).uint(m.order.seq);
  w.uint(m.branch).uint(m.position).uint(m.arrival).bin(encode_clock(m.clock));
  put(state, key('m', m.order.hash), w);
}

std::optional<place_record> load_place(const db::view& state, branch_number branch, feed_seq seq) {
  return load<place_record>(state, place_key(branch, seq), [](reader& r, place_record& out) {
    r.array(2);
    out.hash = r.id<entry_hash>();
    out.arrival = r.uint();
  });
}
void save(db::view& state, branch_number branch, feed_seq seq, const place_record& p) {
  writer w;
  w.array(2).bin(p.hash).uint(p.arrival);
  put(state, place_key(branch, seq), w);
}

std::optional<arrival_record> decode_arrival(bytes_view data) {
  return decode<arrival_record>(data, [](reader& r, arrival_record& out) {
    r.array(4);
    out.branch = static_cast<branch_number>(r.uint());
    out.seq = r.count<feed_seq>();
    out.size = r.uint();
    out.hash = r.id<entry_hash>();
  });
}
void save(db::view& state, std::uint64_t arrival, const arrival_record& a) {
  writer w;
  w.array(4).uint(a.branch).uint(a.seq).uint(a.size).bin(a.hash);
  put(state, key('a', arrival), w);
}

std::optional<journal_record> load_journal(const db::view& state) {
  return load<journal_record>(state, key('j'), [](reader& r, journal_record& out) {
    r.array(11);
    out.device = r.id<device_id>();
    out.generation = r.id<generation_id>();
    out.first = r.uint();
    out.oldest = r.uint();
    out.next = r.uint();
    out.base = optional_id<entry_hash>(r);
    out.base_knew = r.uint();
    out.last_knew = r.uint();
    out.last_lamport = r.count<lamport_time>();
    out.segment_open = r.boolean();
    out.accepting = r.boolean();
  });
}
void save(db::view& state, const journal_record& j) {
  writer w;
  w.array(11).bin(j.device).bin(j.generation).uint(j.first).uint(j.oldest).uint(j.next);
  j.base ? w.bin(*j.base) : w.nil();
  w.uint(j.base_knew).uint(j.last_knew).uint(j.last_lamport);
  w.boolean(j.segment_open).boolean(j.accepting);
  put(state, key('j'), w);
}

std::optional<pending_record> load_pending(const db::view& state, std::uint64_t number) {
  return load<pending_record>(state, key('n', number), [](reader& r, pending_record& out) {
    r.array(5);
    out.lamport = r.count<lamport_time>();
    out.knew = r.uint();
    out.operations = r.uint();
    out.size = r.uint();
    out.needed = r.uint();
  });
}
void save(db::view& state, std::uint64_t number, const pending_record& p) {
  writer w;
  w.array(5).uint(p.lamport).uint(p.knew).uint(p.operations).uint(p.size).uint(p.needed);
  put(state, key('n', number), w);
}

std::optional<operation_record> decode_operation(bytes_view data) {
  return decode<operation_record>(data, [](reader& r, operation_record& out) {
    r.array(2);
    out.operation = to_bytes(r.bin(any_size));
    out.needed.resize(r.array_up_to(max_needed));
    for (auto& id : out.needed) id = r.id<object_id>();
  });
}
bytes encode(const operation_record& o) {
  writer w;
  w.array(2).bin(o.operation).array(o.needed.size());
  for (const auto& id : o.needed) w.bin(id);
  return std::move(w).take();
}
void save(db::view& state, std::uint64_t number, std::uint64_t index, const operation_record& o) {
  state.put(operation_key(number, index), encode(o));
}

std::vector<branch_record> all_branches(const db::view& state) {
  std::vector<branch_record> out;
  const auto count = load_counters(state).branches;
  out.reserve(count);
  for (branch_number n = 0; n < count; ++n)
    if (auto b = load_branch(state, n)) out.push_back(*b);
  return out;
}

std::vector<branch_record> branches_of(const db::view& state, device_id device,
                                       std::optional<generation_id> generation) {
  std::vector<branch_record> out;
  state.scan(generation_key(device, generation), {}, [&](bytes_view at, bytes_view) {
    if (auto b = load_branch(state, read_u32(at.last(4)))) out.push_back(*b);
    return true;
  });
  return out;
}

void visit_generations(const db::view& state, const std::function<void(const device_id&)>& visit) {
  state.scan(key('g'), {}, [&](bytes_view at, bytes_view) {
    if (at.size() > device_id::size)
      if (const auto device = device_id::from(at.subspan(1, device_id::size))) visit(*device);
    return true;
  });
}

std::uint64_t reach(const db::view& state, const branch_record& b, std::uint64_t until) {
  if (b.tip_arrival < until) return b.tip.seq.value + 1;
  auto low = b.first.value;  // arrivals grow along a branch: the first one at or beyond `until`
  auto high = b.tip.seq.value;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    const auto place = load_place(state, b.number, {middle});
    if (place && place->arrival < until)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

void merge(clock& into, const clock& from) {
  for (const auto& [branch, known] : from) {
    auto& at = into[branch];
    at = std::max(at, known);
  }
}

operation_order order_of(const journal_record& journal, const pending_record& pending,
                         std::uint64_t number) {
  return {pending.lamport, journal.device, journal.generation, {number - journal.first}, {}, 0};
}

}  // namespace keyfold::feed::records
