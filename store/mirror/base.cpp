#include "store/mirror/base.hpp"

#include "crypto/codec.hpp"
#include "crypto/hash.hpp"
#include "store/workspace/rows.hpp"

namespace keyfold::mirror {

namespace {

constexpr std::size_t hidden_name_size = 16;
constexpr std::size_t deepest = 4096;  ///< no path on disk has more names; ends a damaged chain

std::uint64_t to_unsigned(std::int64_t time) {
  return static_cast<std::uint64_t>(time);
}
std::int64_t to_time(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

bytes key_of(char kind) {
  return {static_cast<std::uint8_t>(kind)};
}
bytes key_of(char kind, std::uint64_t number) {
  auto out = key_of(kind);
  append_u64(out, number);
  return out;
}
/// A few bytes of an id are enough: what is made again is compared with the whole id.
bytes object_key(const object_id& object) {
  auto out = key_of('o');
  append(out, object.view().first(8));
  return out;
}
bytes node_key(const node_id& node) {
  auto out = key_of('n');
  append(out, node.view());
  return out;
}
bytes encode(row_id row) {
  bytes out;
  append_u64(out, row.value);
  return out;
}

bytes encode(const base_row& row) {
  writer w;
  w.array(8).uint(1).uint(row.parent).str(row.name).bin(as_bytes(row.local));
  w.bin(row.node).bin(row.version).bin(row.content);
  const auto& f = row.facts;
  w.array(9).uint(static_cast<std::uint64_t>(f.kind)).uint(f.size).uint(to_unsigned(f.mtime_ns));
  w.uint(to_unsigned(f.ctime_ns)).uint(to_unsigned(f.birth_ns)).uint(f.device).uint(f.inode);
  w.boolean(f.executable).bin(as_bytes(f.target));
  return std::move(w).take();
}

std::optional<base_row> decode(row_id id, bytes_view data) {
  auto r = reader::parse(data);
  if (!r) return std::nullopt;
  base_row out;
  out.id = id;
  r->array(8);
  if (r->uint() != 1) r->break_off();
  out.parent = r->count<row_id>();
  out.name = r->str(255);
  out.local = keyfold::to_string(r->bin(255));
  out.node = r->id<node_id>();
  out.version = r->id<version_id>();
  out.content = r->id<hash32>();
  auto& f = out.facts;
  r->array(9);
  f.kind = static_cast<node_kind>(r->uint_up_to(3));
  f.size = r->uint();
  f.mtime_ns = to_time(r->uint());
  f.ctime_ns = to_time(r->uint());
  f.birth_ns = to_time(r->uint());
  f.device = r->uint();
  f.inode = r->uint();
  f.executable = r->boolean();
  f.target = keyfold::to_string(r->bin(4096));
  if (!r->finish()) return std::nullopt;
  return out;
}

base_row make_root_row() {
  base_row out;
  out.node = workspace::root_node;
  out.facts.kind = node_kind::folder;
  return out;
}

}  // namespace

hash32 hash_of_target(std::string_view target) {
  return hash("keyfold/v1/mirror-target", as_bytes(target));
}

bytes base::child_key(row_id parent, std::string_view name) const {
  auto out = key_of('c', parent.value);
  const auto hidden = derive(name_key_, "keyfold/v1/mirror-name", as_bytes(name));
  append(out, hidden.view().first(hidden_name_size));
  return out;
}

void base::intend(const std::vector<intent>& intents) {
  std::vector<bytes> former;
  state_.scan(key_of('w'), {}, [&](bytes_view key, bytes_view) {
    former.push_back(to_bytes(key));
    return true;
  });
  for (const auto& key : former) state_.erase(key);
  std::uint64_t number = 0;
  for (const auto& each : intents) {
    auto value = encode(each.row.id);
    if (!each.goes) append(value, encode(each.row));
    state_.put(key_of('w', number++), std::move(value));
  }
}

std::vector<intent> base::intended() const {
  std::vector<intent> out;
  state_.scan(key_of('w'), {}, [&](bytes_view, bytes_view value) {
    if (value.size() < 8) return true;
    const row_id id{read_u64(value.first(8))};
    if (value.size() == 8) {
      out.emplace_back().goes = true;
      out.back().row.id = id;
    } else if (auto row = decode(id, value.subspan(8))) {
      out.push_back({std::move(*row), false});
    }
    return true;
  });
  return out;
}

std::vector<base_row> base::rows_at(bytes key) const {
  std::vector<base_row> out;
  workspace::rows(state_, std::move(key)).visit({}, [&](bytes_view id, bytes_view) {
    if (id.size() != 8) return true;
    if (auto row = get(row_id{read_u64(id)})) out.push_back(std::move(*row));
    return true;
  });
  return out;
}

std::optional<base_row> base::get(row_id row) const {
  if (row == root_row) return make_root_row();
  const auto data = state_.get(key_of('r', row.value));
  return data ? decode(row, *data) : std::nullopt;
}

std::optional<base_row> base::child(row_id parent, std::string_view name) const {
  for (auto& row : rows_at(child_key(parent, name)))
    if (row.name == name) return std::move(row);
  return std::nullopt;
}

std::optional<base_row> base::find(const local_path& path) const {
  auto row = get(root_row);
  for (const auto& local : names_of(path)) {
    const auto name = workspace::normalize_name(local);
    row = name ? child(row->id, *name) : std::nullopt;
    if (!row) break;
  }
  return row;
}

std::vector<base_row> base::children(row_id parent) const {
  std::vector<row_id> found;
  workspace::visit_rows(state_, key_of('c', parent.value), hidden_name_size,
                        [&](bytes_view id, bytes_view) {
                          if (id.size() == 8) found.push_back({read_u64(id)});
                          return true;
                        });
  std::vector<base_row> out;
  for (const auto id : found)
    if (auto row = get(id)) out.push_back(std::move(*row));
  return out;
}

std::vector<base_row> base::rows_of(const node_id& node) const {
  if (node == workspace::root_node) return {make_root_row()};
  return rows_at(node_key(node));
}

std::vector<base_row> base::with_inode(std::uint64_t inode) const {
  return rows_at(key_of('i', inode));
}

std::optional<local_path> base::path_of(row_id row) const {
  local_path out;
  for (std::size_t depth = 0; row != root_row; ++depth) {
    const auto stored = get(row);
    if (!stored || depth == deepest) return std::nullopt;
    out = out.empty() ? stored->local : join(stored->local, out);
    row = stored->parent;
  }
  return out;
}

void base::walk(row_id row, const std::function<void(const base_row&)>& visit) const {
  const auto start = get(row);
  if (!start) return;
  std::vector<base_row> open{*start};
  while (!open.empty()) {
    const auto next = std::move(open.back());
    open.pop_back();
    visit(next);
    if (!is_folder(next)) continue;
    for (auto& below : children(next.id)) open.push_back(std::move(below));
  }
}

row_id base::put(base_row row) {
  if (row.id == root_row) {
    const auto last = state_.get(key_of('s'));
    row.id = row_id{last && last->size() == 8 ? read_u64(*last) : 0}.next();
    state_.put(key_of('s'), encode(row.id));
  }
  const auto before = get(row.id);
  if (before) link(*before, false);
  state_.put(key_of('r', row.id.value), encode(row));
  link(row, true);
  const auto former = before ? before->version : version_id{};
  if (former != row.version) outdate(row.id, former);
  count_files((is_folder(row) ? 0 : 1) - (before && !is_folder(*before) ? 1 : 0));
  return row.id;
}

void base::link(const base_row& row, bool add) {
  const auto id = encode(row.id);
  for (auto key :
       {child_key(row.parent, row.name), key_of('i', row.facts.inode), node_key(row.node)})
    workspace::rows(state_, std::move(key)).set(id, {}, add);
}

void base::erase(row_id row) {
  if (row == root_row) return;
  std::vector<base_row> all;
  walk(row, [&](const base_row& below) { all.push_back(below); });
  std::int64_t files = 0;
  for (const auto& each : all) {
    link(each, false);
    state_.erase(key_of('r', each.id.value));
    if (!each.version.is_zero()) outdate(each.id, each.version);
    if (!is_folder(each)) ++files;
  }
  count_files(-files);
}

std::uint64_t base::files() const {
  const auto count = state_.get(key_of('f'));
  return count && count->size() == 8 ? read_u64(*count) : 0;
}

std::vector<base_row> base::holders(const object_id& object, std::size_t most) const {
  std::vector<base_row> out;
  const auto prefix = object_key(object);
  state_.scan(prefix, {}, [&](bytes_view key, bytes_view version) {
    if (key.size() != prefix.size() + 8) return true;
    auto row = get(row_id{read_u64(key.subspan(prefix.size()))});
    const bool present = row && std::ranges::equal(row->version.view(), version);
    if (present) out.push_back(std::move(*row));
    return out.size() < most;
  });
  return out;
}

std::vector<base::unindexed_row> base::unindexed(row_id from, std::size_t most) const {
  std::vector<unindexed_row> out;
  state_.scan(key_of('u'), key_of('u', from.value), [&](bytes_view key, bytes_view former) {
    const auto version = version_id::from(former);
    if (out.size() < most && key.size() == 9 && version)
      out.push_back({row_id{read_u64(key.subspan(1))}, *version});
    return out.size() < most;
  });
  return out;
}

void base::index(row_id row, const version_id& version, std::span<const object_id> former,
                 std::span<const object_id> now) {
  const auto key = [&](const object_id& object) {
    auto out = object_key(object);
    append_u64(out, row.value);
    return out;
  };
  for (const auto& object : former) state_.erase(key(object));
  for (const auto& object : now) state_.put(key(object), version.view());
  state_.erase(key_of('u', row.value));
}

bool base::note_unindexed(std::size_t most) {
  const auto noted = state_.get(key_of('v'));
  const bool is_new = !noted && !state_.get(key_of('s'));
  row_id next{noted && noted->size() == 8 ? read_u64(*noted) : 0};
  constexpr row_id all{~std::uint64_t{0}};
  if (next == all) return false;
  std::size_t met = 0;
  const auto visit = [&](bytes_view key, bytes_view) {
    if (key.size() != 9) return true;
    next = row_id{read_u64(key.subspan(1))}.next();
    const auto row = get(row_id{next.value - 1});
    if (row && !row->version.is_zero()) outdate(row->id, {});
    return ++met < most;
  };
  if (!is_new) state_.scan(key_of('r'), key_of('r', next.value), visit);
  state_.put(key_of('v'), encode(met < most ? all : next));
  return met == most;
}

void base::outdate(row_id row, const version_id& former) {
  const auto key = key_of('u', row.value);
  if (!state_.get(key)) state_.put(key, former.view());
  outdated_ = std::min(row, outdated_.value_or(row));
}

void base::count_files(std::int64_t difference) {
  if (difference == 0) return;
  bytes count;
  append_u64(count, files() + static_cast<std::uint64_t>(difference));
  state_.put(key_of('f'), count);
}

}  // namespace keyfold::mirror
