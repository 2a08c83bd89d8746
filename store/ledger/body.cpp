#include "store/ledger/body.hpp"

#include <algorithm>
#include <array>
#include <cassert>

#include "crypto/hash.hpp"

namespace keyfold::ledger {
namespace {

constexpr std::size_t key_size = 33;  // algorithm and key

// Writing.

void write(writer& w, const sealed_handle& h) {
  w.array(2).uint(h.epoch).bin(h.sealed);
}
void write(writer& w, const sealed_label& l) {
  w.array(3).uint(l.epoch).bin(l.to_directory).bin(l.to_user);
}
void write(writer& w, const new_device& d) {
  w.array(4).bin(d.id).bin(d.signing_key.encode()).bin(d.link_key.encode());
  write(w, d.label);
}
void write(writer& w, const rotation& r) {
  w.array(6).uint(r.epoch).bin(r.commitment).bin(r.rows_root).uint(r.rows_count);
  w.bin(r.earlier_hash);
  r.directory_key ? w.bin(r.directory_key->encode()) : w.nil();
}
void write_addresses(writer& w, const std::vector<std::string>& addresses) {
  w.array(addresses.size());
  for (const auto& address : addresses) w.str(address);
}
void write(writer& w, const genesis& g) {
  w.array(11).str(g.name).bin(g.root_key.encode()).bin(g.receipt_key.encode());
  write_addresses(w, g.addresses);
  w.bin(g.user).bin(g.user_key.encode());
  write(w, g.handle);
  write(w, g.device);
  w.bin(g.directory_key.encode()).bin(g.directory_commitment).bin(g.directory_row);
}
void write(writer& w, const user_added& u) {
  w.array(6).bin(u.user).uint(static_cast<std::uint8_t>(u.profile)).bin(u.user_key.encode());
  write(w, u.handle);
  write(w, u.device);
  w.optional_bin(u.directory_row);
}
void write(writer& w, const device_added& d) {
  w.array(3).bin(d.user);
  write(w, d.device);
  w.uint(static_cast<std::uint8_t>(d.purpose));
}
void write(writer& w, const profile_changed& p) {
  w.array(2).bin(p.user).uint(static_cast<std::uint8_t>(p.profile));
}
void write(writer& w, const user_revoked& u) {
  w.array(2).bin(u.user).array(u.workspaces.size());
  for (const auto& part : u.workspaces) w.array(2).bin(part.workspace).bin(part.frontier_hash);
}
void write(writer& w, const workspace_created& c) {
  w.array(6).bin(c.workspace).bin(c.commitment).bin(c.name).bin(c.chunking);
  w.array(c.chunk_table.size());
  for (const auto& row : c.chunk_table)
    w.array(4).uint(row.largest_file).uint(row.min).uint(row.average).uint(row.max);
  w.bin(c.row);
}
void write(writer& w, const role_changed& r) {
  w.array(5).bin(r.user).uint(static_cast<std::uint8_t>(r.role)).optional_bin(r.row);
  r.rotation ? write(w, *r.rotation) : static_cast<void>(w.nil());
  r.frontier_hash ? w.bin(*r.frontier_hash) : w.nil();
}
void write(writer& w, const key_rotated& k) {
  w.array(1);
  write(w, k.rotation);
}
void write(writer& w, const relay_set& r) {
  w.array(3).uint(r.term).bin(r.receipt_key.encode());
  write_addresses(w, r.addresses);
}
void write(writer& w, const unknown_body&) {
  assert(false && "a body that is not understood cannot be encoded");
  w.nil();
}

// Reading. The first failure sticks in the reader; a key's own error is kept for the answer.

struct source {
  reader in;
  std::optional<error> key_failure;

  template <class Key>
  Key key() {
    const auto data = in.bin(key_size);
    auto out = Key::decode(data);
    if (out) return *out;
    if (in.good()) key_failure = out.error();
    in.break_off();
    return Key{};
  }
  /// An id other than zero, which means none.
  template <class Id>
  Id id() {
    const auto out = in.id<Id>();
    if (out.is_zero()) in.break_off();
    return out;
  }
  template <class Enum>
  Enum one_of(Enum first, Enum last) {
    const auto value = in.uint_up_to(static_cast<std::uint64_t>(last));
    if (value < static_cast<std::uint64_t>(first)) in.break_off();
    return static_cast<Enum>(value);
  }
  ledger::profile profile() { return one_of(profile::administrator, profile::external); }
  bytes sealed() { return to_bytes(in.bin(max_sealed_size)); }
  std::optional<bytes> optional_sealed() {
    if (in.nil()) return std::nullopt;
    return sealed();
  }
};

sealed_handle read_handle(source& s) {
  s.in.array(2);
  sealed_handle out;
  out.epoch = s.in.count<epoch_number>();
  out.sealed = s.sealed();
  return out;
}

new_device read_device(source& s) {
  new_device out;
  s.in.array(4);
  out.id = s.id<device_id>();
  out.signing_key = s.key<signing_public_key>();
  out.link_key = s.key<box_public_key>();
  s.in.array(3);
  out.label.epoch = s.in.count<epoch_number>();
  out.label.to_directory = s.sealed();
  out.label.to_user = s.sealed();
  return out;
}

rotation read_rotation(source& s) {
  rotation out;
  s.in.array(6);
  out.epoch = s.in.count<epoch_number>();
  out.commitment = s.in.id<hash32>();
  out.rows_root = s.in.id<hash32>();
  out.rows_count = s.in.uint();
  out.earlier_hash = s.in.id<hash32>();
  if (!s.in.nil()) out.directory_key = s.key<box_public_key>();
  return out;
}

std::vector<std::string> read_addresses(source& s) {
  std::vector<std::string> out;
  const auto count = s.in.array_up_to(max_addresses);
  for (std::size_t i = 0; i < count; ++i) out.emplace_back(s.in.str(max_address_size));
  return out;
}

payload read_genesis(source& s) {
  genesis out;
  s.in.array(11);
  out.name = s.in.str(max_name_size);
  out.root_key = s.key<signing_public_key>();
  out.receipt_key = s.key<signing_public_key>();
  out.addresses = read_addresses(s);
  out.user = s.id<user_id>();
  out.user_key = s.key<box_public_key>();
  out.handle = read_handle(s);
  out.device = read_device(s);
  out.directory_key = s.key<box_public_key>();
  out.directory_commitment = s.in.id<hash32>();
  out.directory_row = s.sealed();
  return out;
}

payload read_user_added(source& s) {
  user_added out;
  s.in.array(6);
  out.user = s.id<user_id>();
  out.profile = s.profile();
  out.user_key = s.key<box_public_key>();
  out.handle = read_handle(s);
  out.device = read_device(s);
  out.directory_row = s.optional_sealed();
  return out;
}

payload read_device_added(source& s) {
  device_added out;
  s.in.array(3);
  out.user = s.id<user_id>();
  out.device = read_device(s);
  out.purpose = s.one_of(purpose::standard, purpose::recovery);
  return out;
}

payload read_profile_changed(source& s) {
  profile_changed out;
  s.in.array(2);
  out.user = s.id<user_id>();
  out.profile = s.profile();
  return out;
}

payload read_user_revoked(source& s) {
  user_revoked out;
  s.in.array(2);
  out.user = s.id<user_id>();
  const auto count = s.in.array_up_to(max_revoked_workspaces);
  for (std::size_t i = 0; i < count; ++i) {
    s.in.array(2);
    const auto workspace = s.id<workspace_id>();
    const auto frontier = s.in.id<hash32>();
    if (!out.workspaces.empty() && workspace <= out.workspaces.back().workspace) s.in.break_off();
    out.workspaces.push_back({workspace, frontier});
  }
  return out;
}

payload read_workspace_created(source& s) {
  workspace_created out;
  s.in.array(6);
  out.workspace = s.id<workspace_id>();
  out.commitment = s.in.id<hash32>();
  out.name = s.sealed();
  out.chunking = s.sealed();
  const auto count = s.in.array_up_to(max_chunk_classes);
  for (std::size_t i = 0; i < count; ++i) {
    s.in.array(4);
    chunk_class row;
    row.largest_file = s.in.uint();
    row.min = s.in.uint();
    row.average = s.in.uint();
    row.max = s.in.uint();
    out.chunk_table.push_back(row);
  }
  out.row = s.sealed();
  return out;
}

payload read_role_changed(source& s) {
  role_changed out;
  s.in.array(5);
  out.user = s.id<user_id>();
  out.role = s.one_of(role::none, role::owner);
  out.row = s.optional_sealed();
  if (!s.in.nil()) out.rotation = read_rotation(s);
  if (!s.in.nil()) out.frontier_hash = s.in.id<hash32>();
  return out;
}

payload read_key_rotated(source& s) {
  s.in.array(1);
  return key_rotated{read_rotation(s)};
}

payload read_relay_set(source& s) {
  relay_set out;
  s.in.array(3);
  out.term = s.in.uint();
  out.receipt_key = s.key<signing_public_key>();
  out.addresses = read_addresses(s);
  return out;
}

/// The kinds that are built here, as they stand in `payload`.
constexpr std::array kinds{kind::genesis,         kind::user_added,   kind::device_added,
                           kind::profile_changed, kind::user_revoked, kind::workspace_created,
                           kind::role_changed,    kind::key_rotated,  kind::relay_set};
static_assert(kinds.size() + 1 == std::variant_size_v<payload>);

payload read_payload(source& s, std::uint64_t number) {
  const auto is_number = [&](kind k) { return static_cast<std::uint64_t>(k) == number; };
  if (std::none_of(kinds.begin(), kinds.end(), is_number)) {
    s.in.raw();
    return unknown_body{number};
  }
  switch (static_cast<kind>(number)) {
    case kind::genesis:
      return read_genesis(s);
    case kind::user_added:
      return read_user_added(s);
    case kind::device_added:
      return read_device_added(s);
    case kind::profile_changed:
      return read_profile_changed(s);
    case kind::user_revoked:
      return read_user_revoked(s);
    case kind::workspace_created:
      return read_workspace_created(s);
    case kind::role_changed:
      return read_role_changed(s);
    case kind::key_rotated:
      return read_key_rotated(s);
    case kind::relay_set:
      return read_relay_set(s);
  }
  return unknown_body{number};
}

}  // namespace

std::string kind_name(const payload& what) {
  if (const auto* unknown = std::get_if<unknown_body>(&what))
    return "kind_" + std::to_string(unknown->kind);
  constexpr std::array names{"genesis",         "user_added",   "device_added",
                             "profile_changed", "user_revoked", "workspace_created",
                             "role_changed",    "key_rotated",  "relay_set"};
  return names.at(what.index());
}

bytes encode_body(const body& b) {
  writer w;
  w.array(4)
      .uint(static_cast<std::uint8_t>(kinds.at(b.what.index())))
      .boolean(b.critical)
      .uint(b.time_ms);
  std::visit([&](const auto& what) { write(w, what); }, b.what);
  return std::move(w).take();
}

expected<body> decode_body(bytes_view data) {
  KEYFOLD_TRY(auto in, reader::parse(data, {.max_bytes = max_body_size}));
  source s{std::move(in), std::nullopt};
  s.in.array(4);
  const auto number = s.in.uint();
  body out;
  out.critical = s.in.boolean();
  out.time_ms = s.in.uint();
  out.what = read_payload(s, number);
  if (s.key_failure) return tl::unexpected<error>(*s.key_failure);
  KEYFOLD_CHECK(s.in.finish());
  return out;
}

hash32 hash_of_body(bytes_view body_bytes) {
  return hash("keyfold/v1/body", body_bytes);
}

const rotation* rotation_of(const payload& what) {
  if (const auto* rotated = std::get_if<key_rotated>(&what)) return &rotated->rotation;
  const auto* changed = std::get_if<role_changed>(&what);
  return changed != nullptr && changed->rotation ? &*changed->rotation : nullptr;
}

}  // namespace keyfold::ledger
