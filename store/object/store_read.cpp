// Reading of what is stored, and what is done with damaged objects.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "store/object/layout.hpp"
#include "store/object/recent.hpp"
#include "store/object/store.hpp"

namespace keyfold::object {
namespace {

std::vector<hash32> split_hashes(bytes_view data) {
  std::vector<hash32> out;
  for (; data.size() >= hash32::size; data = data.subspan(hash32::size))
    out.push_back(*hash32::from(data.first(hash32::size)));
  return out;
}

/// The size of `count` cells from `range.first` on, as far as the object goes.
std::size_t clip(const cell_range& range, std::size_t count) {
  const auto begin = range.first * sealed_cell_size;
  const auto left = static_cast<std::size_t>(range.object_size - begin);
  return count >= (left + sealed_cell_size - 1) / sealed_cell_size ? left
                                                                   : count * sealed_cell_size;
}

expected<std::optional<cell_range>> cells_in(const sealed_object& o, std::size_t first,
                                             std::size_t count) {
  if (first >= cell_count(o.size()) || count == 0)
    return fail(errc::malformed, "the object has no such cell");
  cell_range out{o.size(), first, {}, o.hashes()};
  out.cells = to_bytes(o.data().subspan(first * sealed_cell_size, clip(out, count)));
  return out;
}

}  // namespace

expected<cell_range> store::read_small(const object_id& id, cell_range range,
                                       std::size_t count) const {
  KEYFOLD_TRY(const auto value, index_.get(key('d', id)));
  const auto size = static_cast<std::size_t>(range.object_size);
  if (!value || value->size() != size + cell_count(size) * hash32::size) return fail_damaged();
  const bytes_view all(*value);
  range.cells = to_bytes(all.subspan(range.first * sealed_cell_size, clip(range, count)));
  range.hashes = split_hashes(all.subspan(size));
  return range;
}

expected<cell_range> store::read_file(const object_id& id, cell_range range,
                                      std::size_t count) const {
  const db::file f(::openat(folder_.get(), name_of(id).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!f && errno == ENOENT) return fail_damaged();
  if (!f) return db::fail_from_errno("cannot open an object's file");
  bytes hashes(cell_count(range.object_size) * hash32::size);
  KEYFOLD_TRY(const auto file_size, db::size_of(f));
  if (file_size != range.object_size + hashes.size()) return fail_damaged();
  range.cells.resize(clip(range, count));
  // What the disk does not give back is as bad as other bytes.
  if (!db::read_at(f, range.first * sealed_cell_size, range.cells) ||
      !db::read_at(f, range.object_size, hashes))
    return fail_damaged();
  range.hashes = split_hashes(hashes);
  return range;
}

expected<std::optional<cell_range>> store::read(const object_id& id, std::size_t first,
                                                std::size_t count) const {
  KEYFOLD_TRY(const auto size, size_of(id));
  if (!size) return std::nullopt;
  const auto cells = cell_count(*size);
  if (cells == 0) return fail_damaged();
  if (first >= cells || count == 0) return fail(errc::malformed, "the object has no such cell");
  cell_range range;
  range.object_size = *size;
  range.first = first;
  return is_small(*size) ? read_small(id, std::move(range), count)
                         : read_file(id, std::move(range), count);
}

expected<std::optional<cell_range>> store::get_range(const object_id& id, std::size_t first,
                                                     std::size_t count) {
  auto range = get_unchecked(id, first, count);
  if (!range || !*range || recent().find(this, id) || check_range(id, **range)) return range;
  KEYFOLD_CHECK(put_aside(id));
  return std::nullopt;
}

expected<std::optional<cell_range>> store::get_unchecked(const object_id& id, std::size_t first,
                                                         std::size_t count) {
  auto range = [&]() -> expected<std::optional<cell_range>> {
    if (const auto o = recent().find(this, id)) return cells_in(*o, first, count);
    return read(id, first, count);
  }();
  if (range) was_read(id);
  if (range || range.error().code != errc::damaged) return range;
  KEYFOLD_CHECK(put_aside(id));
  return std::nullopt;
}

expected<bool> store::is_intact(const object_id& id) {
  recent().remove(this, id);
  const auto found = get(id);
  if (!found && found.error().code != errc::damaged) return fail(found);
  return found && found->has_value();
}

expected<std::optional<sealed_object>> store::get(const object_id& id) {
  if (auto o = recent().find(this, id)) {
    was_read(id);
    return std::move(*o);
  }
  auto range = read(id, 0, SIZE_MAX);
  if (range && !*range) return std::nullopt;
  if (!range && range.error().code != errc::damaged) return fail(range);
  if (range)
    if (auto o = sealed_object::check(id, std::move((*range)->cells))) {
      was_read(id);
      return std::move(*o);
    }
  KEYFOLD_CHECK(put_aside(id));
  return std::nullopt;
}

expected<std::optional<shared_bytes>> store::get_to_send(const object_id& id) {
  KEYFOLD_TRY(const auto row, row_of(id));
  if (!row) return std::nullopt;
  const auto held = recent().find(this, id);
  if (held || is_small(row->size) || !row->checksum) {
    KEYFOLD_TRY(auto object, get(id));
    return object ? std::optional(object->shared()) : std::nullopt;
  }
  auto data = cell_count(row->size) == 0 ? expected<shared_bytes>(fail_damaged())
                                         : read_bytes(id, row->size);
  if (!data && data.error().code != errc::damaged) return fail(data);
  if (data && checksum_of(data->view()) == *row->checksum) {
    was_read(id);
    return std::move(*data);
  }
  KEYFOLD_CHECK(put_aside(id));
  return std::nullopt;
}

expected<shared_bytes> store::read_bytes(const object_id& id, std::uint64_t size) const {
  const db::file f(::openat(folder_.get(), name_of(id).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!f && errno == ENOENT) return fail_damaged();
  if (!f) return db::fail_from_errno("cannot open an object's file");
  expected<void> done;
  auto out =
      shared_bytes::of_size(static_cast<std::size_t>(size),
                            [&](std::span<std::uint8_t> room) { done = db::read_at(f, 0, room); });
  if (!done) return fail_damaged();
  return out;
}

expected<void> store::put_aside(const object_id& id) {
  const std::lock_guard lock(changing_);
  KEYFOLD_TRY(const auto size, size_of(id));
  if (!size) return {};
  const auto name = name_of(id);
  if (!is_small(*size))
    ::renameat(folder_.get(), name.c_str(), folder_.get(), (name + damaged_suffix).c_str());
  db::batch changes;
  KEYFOLD_TRY(auto small, index_.get(key('d', id)));
  changes.emplace(key('x', id), small ? std::move(*small) : bytes{});
  KEYFOLD_CHECK(take_out(id, *size, std::move(changes)));
  return fail(errc::damaged, "the stored object " + to_text(id) + " was damaged, and is put aside");
}

expected<std::vector<object_id>> store::aside() const {
  bytes entries = prefix_;
  entries.push_back('x');
  std::vector<object_id> out;
  KEYFOLD_CHECK(index_.scan(entries, {}, [&](bytes_view k, bytes_view) {
    if (const auto id = object_id::from(k.subspan(entries.size()))) out.push_back(*id);
    return true;
  }));
  return out;
}

expected<void> store::drop_aside(const object_id& id) {
  const std::lock_guard lock(changing_);
  const auto name = name_of(id) + damaged_suffix;
  if (::unlinkat(folder_.get(), name.c_str(), 0) != 0 && errno != ENOENT)
    return db::fail_from_errno("cannot remove " + name);
  return index_.write({{key('x', id), std::nullopt}}, false);
}

}  // namespace keyfold::object
