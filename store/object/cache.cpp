#include "store/object/cache.hpp"

#include "crypto/codec.hpp"

namespace keyfold::object {
namespace {

constexpr std::size_t cached_row_size = object_id::size + 8;

}  // namespace

cache_queue::cache_queue(const db::store& index, bytes prefix)
    : index_(index), prefix_(std::move(prefix)) {}

bytes cache_queue::key_of(char kind, bytes_view rest) const {
  bytes out = prefix_;
  out.push_back(static_cast<std::uint8_t>(kind));
  append(out, rest);
  return out;
}

bytes cache_queue::row_key(const queue& q, std::uint64_t number) const {
  bytes encoded;
  append_u64(encoded, number);
  return key_of(q.name, encoded);
}

expected<void> cache_queue::load() {
  KEYFOLD_CHECK(load(fetched_));
  return load(held_);
}

expected<void> cache_queue::load(queue& q) {
  const auto prefix = key_of(q.name, {});
  bool first = true;
  return index_.scan(prefix, {}, [&](bytes_view key, bytes_view value) {
    if (key.size() != prefix.size() + 8 || value.size() != cached_row_size) return true;
    const auto number = read_u64(key.last(8));
    if (std::exchange(first, false)) q.first = number;
    q.bytes += read_u64(value.last(8));
    next_ = std::max(next_, number + 1);
    return true;
  });
}

void cache_queue::append_row(queue& q, const object_id& id, std::uint64_t size,
                             db::batch& changes) {
  bytes value = to_bytes(id.view());
  append_u64(value, size);
  changes.insert_or_assign(row_key(q, next_++), std::move(value));
}

void cache_queue::add(origin from, const object_id& id, std::uint64_t size, db::batch& changes) {
  auto& q = from == origin::fetched ? fetched_ : held_;
  append_row(q, id, size, changes);
  q.bytes += size;
  changes.insert_or_assign(removed_key(id), std::nullopt);
  if (from != origin::fetched) return;
  const std::lock_guard lock(reading_);
  unread_.insert(id);
}

expected<std::vector<object_id>> cache_queue::take_held(db::batch& changes) {
  std::vector<object_id> out;
  KEYFOLD_CHECK(index_.scan(key_of(held_.name, {}), {}, [&](bytes_view key, bytes_view value) {
    changes.insert_or_assign(to_bytes(key), std::nullopt);
    if (const auto id = object_id::from(value.first(std::min(value.size(), object_id::size))))
      out.push_back(*id);
    return true;
  }));
  held_.bytes = 0;
  return out;
}

void cache_queue::was_read(const object_id& id) {
  const std::lock_guard lock(reading_);
  if (unread_.erase(id) > 0) none_below_ = 0;
}

bool cache_queue::is_full_and_read() {
  const std::lock_guard lock(reading_);
  return is_full() && unread_.empty();
}

expected<std::vector<object_id>> cache_queue::pick(db::batch& changes) {
  std::vector<object_id> out;
  const auto enough = bound_.bytes / 10 * 9;
  KEYFOLD_CHECK(pick_from(fetched_, enough, out, changes));
  if (bound_.relay_only) KEYFOLD_CHECK(pick_from(held_, enough, out, changes));
  none_below_ = queued() > bound_.bytes ? queued() + bound_.bytes / 10 : 0;
  return out;
}

expected<void> cache_queue::pick_from(queue& q, std::uint64_t enough, std::vector<object_id>& out,
                                      db::batch& changes) {
  const std::lock_guard lock(reading_);
  const auto end = next_;
  return index_.scan(
      key_of(q.name, {}), row_key(q, q.first), [&](bytes_view key, bytes_view value) {
        const auto number = read_u64(key.last(8));
        if (queued() <= enough || number >= end) return false;
        q.first = number + 1;
        changes.insert_or_assign(to_bytes(key), std::nullopt);
        const auto id = object_id::from(value.first(std::min(value.size(), object_id::size)));
        if (!id || value.size() != cached_row_size) return true;
        const auto size = read_u64(value.last(8));
        if (unread_.contains(*id)) {
          append_row(q, *id, size, changes);
        } else {
          q.bytes -= std::min(q.bytes.load(), size);
          out.push_back(*id);
        }
        return true;
      });
}

}  // namespace keyfold::object
