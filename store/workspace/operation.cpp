#include "store/workspace/operation.hpp"

#include <utf8proc.h>

#include <cstdlib>
#include <map>
#include <memory>

#include "crypto/stream.hpp"

namespace keyfold::workspace {
namespace {

enum class operation_kind : std::uint64_t { create = 1, move, remove, write, drop, split, time };

constexpr std::uint64_t format_version = 1;
constexpr std::size_t max_operation_fields = 16;
constexpr std::uint64_t max_chunk_offset = std::uint64_t{1} << 48;
constexpr std::uint64_t max_chunk_length = std::uint64_t{1} << 32;

template <class... F>
struct overloaded : F... {
  using F::operator()...;
};
template <class... F>
overloaded(F...) -> overloaded<F...>;

const std::vector<chunk_ref>* chunks_of(const operation& o) {
  const auto* write = std::get_if<write_operation>(&o);
  if (write == nullptr) return nullptr;
  const auto* file = std::get_if<file_content>(&write->content);
  return file == nullptr ? nullptr : &file->chunks;
}

/// The objects of a payload in order of first use; chunks name them by their row.
class object_table {
 public:
  explicit object_table(std::span<const operation> operations) {
    for (const auto& o : operations)
      if (const auto* chunks = chunks_of(o))
        for (const auto& chunk : *chunks) add(chunk);
  }
  [[nodiscard]] std::uint64_t row_of(const chunk_ref& chunk) const {
    const auto [begin, end] = index_.equal_range(chunk.object);
    for (auto at = begin; at != end; ++at)
      if (rows_[at->second]->key == chunk.key) return at->second;
    std::abort();  // add() has seen every chunk
  }
  [[nodiscard]] const std::vector<const chunk_ref*>& rows() const { return rows_; }

 private:
  void add(const chunk_ref& chunk) {
    const auto [begin, end] = index_.equal_range(chunk.object);
    for (auto at = begin; at != end; ++at)
      if (rows_[at->second]->key == chunk.key) return;
    index_.emplace(chunk.object, rows_.size());
    rows_.push_back(&chunk);
  }
  std::multimap<object_id, std::size_t> index_;
  std::vector<const chunk_ref*> rows_;
};

void write_content(writer& w, const node_content& content, const object_table& table) {
  if (const auto* symlink = std::get_if<symlink_content>(&content)) {
    w.array(2).bin(symlink->target).uint(static_cast<std::uint64_t>(symlink->mtime_ns));
    return;
  }
  const auto& file = std::get<file_content>(content);
  w.array(6).uint(file.size).uint(static_cast<std::uint64_t>(file.mtime_ns));
  w.boolean(file.executable).bin(file.list_hash).uint(file.level).array(file.chunks.size());
  for (const auto& chunk : file.chunks)
    w.array(4)
        .uint(table.row_of(chunk))
        .uint(chunk.offset)
        .uint(chunk.length)
        .bin(chunk.plaintext_hash);
}

void write_versions(writer& w, const std::vector<version_id>& versions) {
  w.array(versions.size());
  for (const auto& version : versions) w.bin(version);
}

void write_operation_fields(writer& w, const operation& o, const object_table& table) {
  const auto begin = [&w](std::size_t fields, operation_kind kind) -> writer& {
    return w.array(fields).uint(static_cast<std::uint64_t>(kind)).boolean(true);
  };
  std::visit(overloaded{
                 [&](const create_operation& c) {
                   begin(6, operation_kind::create).bin(c.nonce);
                   w.uint(static_cast<std::uint64_t>(c.kind)).bin(c.parent).str(c.name);
                 },
                 [&](const move_operation& m) {
                   begin(5, operation_kind::move).bin(m.node).bin(m.parent).str(m.name);
                 },
                 [&](const delete_operation& d) { begin(3, operation_kind::remove).bin(d.node); },
                 [&](const write_operation& c) {
                   begin(6, operation_kind::write).bin(c.node).bin(c.version);
                   write_versions(w, c.replaces);
                   write_content(w, c.content, table);
                 },
                 [&](const drop_operation& d) {
                   begin(4, operation_kind::drop).bin(d.node);
                   write_versions(w, d.versions);
                 },
                 [&](const split_operation& s) {
                   begin(7, operation_kind::split).bin(s.node).bin(s.version).bin(s.nonce);
                   w.bin(s.parent).str(s.name);
                 },
                 [&](const time_operation& t) {
                   w.array(3).uint(static_cast<std::uint64_t>(operation_kind::time));
                   w.boolean(false).uint(t.ms);
                 },
                 [&](const unknown_operation& u) { w.array(2).uint(u.kind).boolean(false); },
             },
             o);
}

struct object_row {
  object_id object;
  symmetric_key key;
};

symmetric_key read_key(reader& r) {
  auto key = symmetric_key::from(r.bin(symmetric_key::size));
  if (!key) r.break_off();
  return key.value_or(symmetric_key{});
}

/// Reads what names the cipher of an object's key; false for one of a later version.
[[nodiscard]] bool read_algorithm(reader& r) {
  return r.uint() == stream_algorithm || !r.good();
}

expected<std::vector<object_row>> read_objects(reader& r) {
  std::vector<object_row> rows(r.array_up_to(feed::max_needed));
  for (auto& row : rows) {
    r.array(3);
    row.object = r.id<object_id>();
    if (!read_algorithm(r))
      return fail(errc::unknown_algorithm, "an object under an unknown cipher");
    row.key = read_key(r);
  }
  return rows;
}

void read_span(reader& r, chunk_ref& chunk) {
  chunk.offset = r.uint_up_to(max_chunk_offset);
  chunk.length = r.uint_up_to(max_chunk_length);
  if (chunk.length == 0) r.break_off();
  chunk.plaintext_hash = r.id<hash32>();
}

file_content read_file(reader& r, const std::vector<object_row>& objects) {
  file_content file;
  file.size = r.uint();
  file.mtime_ns = static_cast<std::int64_t>(r.uint());
  file.executable = r.boolean();
  file.list_hash = r.id<hash32>();
  file.level = static_cast<std::uint8_t>(r.uint_up_to(1));
  file.chunks.resize(r.array_up_to(max_chunks));
  std::uint64_t sum = 0;
  for (auto& chunk : file.chunks) {
    r.array(4);
    const auto row = r.uint();
    if (row >= objects.size()) {
      r.break_off();
      return file;
    }
    chunk.object = objects[row].object;
    chunk.key = objects[row].key;
    read_span(r, chunk);
    sum += chunk.length;
  }
  if (file.level == 0 && sum != file.size) r.break_off();
  if (file.level == 1 && file.chunks.empty()) r.break_off();
  return file;
}

node_content read_content(reader& r, const std::vector<object_row>& objects) {
  const auto fields = r.array_up_to(6);
  if (fields == 6) return read_file(r, objects);
  if (fields != 2) r.break_off();
  symlink_content symlink;
  symlink.target = to_bytes(r.bin(max_symlink_target));
  if (symlink.target.empty()) r.break_off();
  symlink.mtime_ns = static_cast<std::int64_t>(r.uint());
  return symlink;
}

std::vector<version_id> read_versions(reader& r) {
  std::vector<version_id> versions(r.array_up_to(max_replaced));
  for (auto& version : versions) version = r.id<version_id>();
  return versions;
}

node_nonce read_nonce(reader& r) {
  return r.id<node_id>().value;
}

operation read_fields(reader& r, operation_kind kind, const std::vector<object_row>& objects) {
  // Fields stand in the order of the format: braces evaluate from left to right.
  switch (kind) {
    case operation_kind::create: {
      create_operation c;
      c.nonce = read_nonce(r);
      const auto node = r.uint_up_to(3);
      if (node == 0) r.break_off();
      c.kind = static_cast<node_kind>(node);
      c.parent = r.id<node_id>();
      c.name = r.str(max_name_size);
      return c;
    }
    case operation_kind::move:
      return move_operation{r.id<node_id>(), r.id<node_id>(), std::string(r.str(max_name_size))};
    case operation_kind::remove:
      return delete_operation{r.id<node_id>()};
    case operation_kind::write:
      return write_operation{r.id<node_id>(), r.id<version_id>(), read_versions(r),
                             read_content(r, objects)};
    case operation_kind::drop:
      return drop_operation{r.id<node_id>(), read_versions(r)};
    case operation_kind::split:
      return split_operation{r.id<node_id>(), r.id<version_id>(), read_nonce(r), r.id<node_id>(),
                             std::string(r.str(max_name_size))};
    case operation_kind::time:
      return time_operation{r.uint_up_to(max_time_ms)};
  }
  return unknown_operation{};
}

std::size_t fields_of(operation_kind kind) {
  switch (kind) {
    case operation_kind::create:
      return 6;
    case operation_kind::move:
      return 5;
    case operation_kind::remove:
      return 3;
    case operation_kind::write:
      return 6;
    case operation_kind::drop:
      return 4;
    case operation_kind::split:
      return 7;
    case operation_kind::time:
      return 3;
  }
  return 0;
}

const std::string* name_of(const operation& o) {
  return std::visit(
      [](const auto& value) -> const std::string* {
        if constexpr (requires { value.name; })
          return &value.name;
        else
          return nullptr;
      },
      o);
}

expected<operation> read_operation(reader& r, const std::vector<object_row>& objects) {
  const auto fields = r.array_up_to(max_operation_fields);
  const auto number = r.uint();
  const auto critical = r.boolean();
  if (fields < 2 || !r.good()) return fail(errc::malformed, "an operation without its form");
  const auto kind = static_cast<operation_kind>(number);
  const auto known = fields_of(kind);
  if (known == 0 && critical)
    return fail(errc::unknown_critical_operation,
                "an operation of a later version; update Keyfold");
  if (known == 0) {
    for (std::size_t i = 2; i < fields; ++i) r.raw();
    return unknown_operation{number};
  }
  if (fields != known || critical != (kind != operation_kind::time))
    return fail(errc::malformed, "an operation without its form");
  auto out = read_fields(r, kind, objects);
  if (!r.good()) return fail(errc::malformed, "an operation without its form");
  if (const auto* name = name_of(out)) KEYFOLD_CHECK(check_name(*name));
  return out;
}

bool is_utf8(std::string_view text) {
  auto at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t character = 0;
    const auto used = utf8proc_iterate(at, left, &character);
    if (used <= 0) return false;
    at += used;
    left -= used;
  }
  return true;
}

}  // namespace

node_id make_node_id(workspace_id workspace, device_id device, const node_nonce& nonce) {
  return hash_as<node_id>("keyfold/v1/node", {workspace.view(), device.view(), nonce});
}

std::vector<node_id> nodes_of(const operation& o, workspace_id workspace, device_id device) {
  return std::visit(
      [&](const auto& value) {
        std::vector<node_id> out;
        if constexpr (requires { value.node; }) out.push_back(value.node);
        if constexpr (requires { value.nonce; })
          out.push_back(make_node_id(workspace, device, value.nonce));
        return out;
      },
      o);
}

expected<void> check_name(std::string_view name) {
  if (name.empty()) return fail(errc::bad_name, "a name must not be empty");
  if (name.size() > max_name_size) return fail(errc::bad_name, "a name has at most 255 bytes");
  if (name == "." || name == "..") return fail(errc::bad_name, "'.' and '..' are no names");
  if (name.find('/') != name.npos || name.find('\0') != name.npos)
    return fail(errc::bad_name, "a name must not contain '/' or a zero byte");
  if (!is_utf8(name)) return fail(errc::bad_name, "a name must be UTF-8");
  return {};
}

expected<std::string> normalize_name(std::string_view local) {
  KEYFOLD_CHECK(check_name(local));
  utf8proc_uint8_t* composed = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(local.data()),
                   static_cast<utf8proc_ssize_t>(local.size()), &composed,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(composed, &std::free);
  if (size < 0) return fail(errc::bad_name, "a name must be UTF-8");
  std::string out(reinterpret_cast<const char*>(composed), static_cast<std::size_t>(size));
  KEYFOLD_CHECK(check_name(out));  // a few characters grow when they are composed
  return out;
}

bytes encode_payload(const payload& p) {
  const object_table table(p.operations);
  writer w;
  w.array(3).uint(format_version).array(table.rows().size());
  for (const auto* row : table.rows())
    w.array(3).bin(row->object).uint(stream_algorithm).bin(row->key.view());
  w.array(p.operations.size());
  for (const auto& o : p.operations) write_operation_fields(w, o, table);
  return std::move(w).take();
}

expected<payload> decode_payload(bytes_view data) {
  KEYFOLD_TRY(auto r, reader::parse(data, {.max_bytes = feed::max_payload_size,
                                           .max_depth = 16,
                                           .max_values = feed::max_payload_size}));
  r.array(3);
  const auto version = r.uint();
  if (!r.good()) return fail(r.finish());
  if (version != format_version)
    return fail(errc::unknown_version, "operations of a later version");
  KEYFOLD_TRY(const auto objects, read_objects(r));
  payload out;
  const auto count = r.array_up_to(feed::max_payload_size);
  out.operations.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    KEYFOLD_TRY(auto o, read_operation(r, objects));
    out.operations.push_back(std::move(o));
  }
  KEYFOLD_CHECK(r.finish());
  return out;
}

bytes encode_chunk_list(std::span<const chunk_ref> chunks) {
  writer w;
  w.array(chunks.size());
  for (const auto& chunk : chunks) {
    w.array(6).bin(chunk.object).uint(stream_algorithm).bin(chunk.key.view());
    w.uint(chunk.offset).uint(chunk.length).bin(chunk.plaintext_hash);
  }
  return std::move(w).take();
}

expected<std::vector<chunk_ref>> decode_chunk_list(bytes_view data, std::size_t max_bytes) {
  KEYFOLD_TRY(
      auto r,
      reader::parse(data, {.max_bytes = max_bytes, .max_depth = 3, .max_values = data.size()}));
  std::vector<chunk_ref> chunks;
  for (auto left = r.array_up_to(data.size()); left > 0 && r.good(); --left) {
    auto& chunk = chunks.emplace_back();
    r.array(6);
    chunk.object = r.id<object_id>();
    if (!read_algorithm(r)) return fail(errc::unknown_algorithm, "a chunk under an unknown cipher");
    chunk.key = read_key(r);
    read_span(r, chunk);
  }
  KEYFOLD_CHECK(r.finish());
  return chunks;
}

std::vector<object_id> objects_of(const payload& p) {
  std::vector<object_id> out;
  for (const auto& o : p.operations)
    if (const auto* chunks = chunks_of(o))
      for (const auto& chunk : *chunks) out.push_back(chunk.object);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::size_t size_of(const operation& o) {
  // As if it stood alone: its own rows of objects, and row numbers in their longest form.
  constexpr std::size_t longest_row_number = 5;
  const auto alone = encode_payload({{o}}).size();
  const auto* chunks = chunks_of(o);
  return alone + (chunks == nullptr ? 0 : chunks->size() * longest_row_number);
}

}  // namespace keyfold::workspace
