#include "store/object/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>

#include "store/object/layout.hpp"
#include "store/object/recent.hpp"

namespace keyfold::object {
namespace {

namespace fs = std::filesystem;

constexpr const char* temporary_folder = "tmp";

bytes hashes_of(const sealed_object& o) {
  bytes out;
  out.reserve(o.hashes().size() * hash32::size);
  for (const auto& h : o.hashes()) append(out, h.view());
  return out;
}

expected<void> make_folder_at(const db::file& folder, const std::string& name) {
  if (::mkdirat(folder.get(), name.c_str(), 0700) != 0 && errno != EEXIST)
    return db::fail_from_errno("cannot make the folder " + name);
  return {};
}

}  // namespace

store::~store() {
  recent().remove_all(this);
}

std::optional<std::uint64_t> object_size_of(std::uint64_t file_size) {
  const auto cells =
      (file_size + sealed_cell_size + hash32::size - 1) / (sealed_cell_size + hash32::size);
  if (file_size <= cells * hash32::size) return std::nullopt;
  const auto size = file_size - cells * hash32::size;
  if (cell_count(size) != cells) return std::nullopt;
  return size;
}

store::store(std::string path, db::file folder, db::store& index, bytes prefix)
    : path_(std::move(path)),
      folder_(std::move(folder)),
      index_(index),
      prefix_(std::move(prefix)),
      cache_(index_, prefix_) {}

expected<std::unique_ptr<store>> store::open(const std::string& folder, db::store& index,
                                             bytes prefix) {
  KEYFOLD_CHECK(db::make_private_folder(folder));
  KEYFOLD_TRY(auto opened, db::open_folder(folder));
  std::unique_ptr<store> out(new store(folder, std::move(opened), index, std::move(prefix)));
  KEYFOLD_CHECK(make_folder_at(out->folder_, temporary_folder));
  KEYFOLD_CHECK(out->clean_up());
  KEYFOLD_CHECK(out->count_all());
  KEYFOLD_CHECK(out->cache_.load());
  return out;
}

bytes store::key(char kind, const object_id& id) const {
  bytes out = prefix_;
  out.push_back(static_cast<std::uint8_t>(kind));
  append(out, id.view());
  return out;
}

expected<void> store::count_all() {
  return list([this](const object_id&, std::uint64_t size) {
    total_ += size;
    return true;
  });
}

expected<void> store::clean_up() {
  std::error_code failed;
  for (const auto& left : fs::directory_iterator(path_ + "/" + temporary_folder, failed))
    fs::remove(left, failed);
  bytes pending = prefix_;
  pending.push_back('p');
  db::batch changes;
  KEYFOLD_CHECK(index_.scan(pending, {}, [&](bytes_view k, bytes_view) {
    changes.emplace(to_bytes(k), std::nullopt);
    return true;
  }));
  for (const auto& [k, nothing] : changes) {
    const auto id = object_id::from(bytes_view(k).subspan(pending.size()));
    if (!id) continue;
    KEYFOLD_TRY(const bool here, has(*id));
    if (!here) ::unlinkat(folder_.get(), name_of(*id).c_str(), 0);
  }
  return changes.empty() ? expected<void>{} : index_.write(changes, false);
}

expected<bool> store::has(const object_id& id) const {
  KEYFOLD_TRY(const auto size, size_of(id));
  return size.has_value();
}

expected<std::optional<index_row>> store::row_of(const object_id& id) const {
  KEYFOLD_TRY(const auto value, index_.get(key('i', id)));
  if (!value) return std::nullopt;
  const auto row = decode_row(*value);
  return row ? expected<std::optional<index_row>>(row) : fail_damaged();
}

expected<std::optional<std::uint64_t>> store::size_of(const object_id& id) const {
  KEYFOLD_TRY(const auto row, row_of(id));
  return row ? std::optional(row->size) : std::nullopt;
}

expected<bool> store::is_known(const object_id& id) const {
  KEYFOLD_TRY(const bool here, has(id));
  if (here) return true;
  KEYFOLD_TRY(const auto removed, index_.get(cache_.removed_key(id)));
  return removed.has_value();
}

expected<void> store::forget_removed(const object_id& id) {
  return index_.write({{cache_.removed_key(id), std::nullopt}}, false);
}

void store::was_read(const object_id& id) {
  cache_.was_read(id);
  if (!cache_.is_full_and_read()) return;
  const std::lock_guard lock(changing_);
  static_cast<void>(evict());  // what was read is what counts; the next put says what fails
}

expected<void> store::set_bound(const cache_bound& bound) {
  const std::lock_guard lock(changing_);
  cache_.set_bound(bound);
  return evict();
}

expected<void> store::note_held(std::span<const object_id> ids) {
  const std::lock_guard lock(changing_);
  db::batch changes;
  for (const auto& id : ids) {
    KEYFOLD_TRY(auto row, row_of(id));
    if (!row || row->from != origin::made) continue;
    row->from = origin::held;
    changes.insert_or_assign(key('i', id), encode(*row));
    cache_.add(origin::held, id, row->size, changes);
  }
  if (changes.empty()) return {};
  KEYFOLD_CHECK(index_.write(changes, false));
  return evict();
}

expected<void> store::forget_held() {
  const std::lock_guard lock(changing_);
  db::batch changes;
  KEYFOLD_TRY(const auto held, cache_.take_held(changes));
  for (const auto& id : held) {
    KEYFOLD_TRY(auto row, row_of(id));
    if (!row || row->from != origin::held) continue;
    row->from = origin::made;
    changes.insert_or_assign(key('i', id), encode(*row));
  }
  return changes.empty() ? expected<void>{} : index_.write(changes, true);
}

expected<void> store::note_passed(std::span<const object_id> ids) {
  db::batch changes;
  for (const auto& id : ids) {
    KEYFOLD_TRY(const bool here, has(id));
    if (!here) changes.insert_or_assign(cache_.removed_key(id), bytes{});
  }
  return changes.empty() ? expected<void>{} : index_.write(changes, false);
}

expected<void> store::evict() {
  if (!cache_.is_full()) return {};
  db::batch changes;
  KEYFOLD_TRY(auto ids, cache_.pick(changes));
  std::erase_if(ids, [&](const object_id& id) {  // a stale row: gone since, or made here again
    const auto row = row_of(id);
    return !row || !*row || (*row)->from == origin::made;
  });
  for (const auto& id : ids) changes.insert_or_assign(cache_.removed_key(id), bytes{});
  return remove_all(ids, std::move(changes));
}

expected<void> store::list(
    const std::function<bool(const object_id&, std::uint64_t)>& visit) const {
  bytes entries = prefix_;
  entries.push_back('i');
  return index_.scan(entries, {}, [&](bytes_view k, bytes_view value) {
    const auto id = object_id::from(k.subspan(entries.size()));
    const auto row = decode_row(value);
    return !id || !row || visit(*id, row->size);
  });
}

expected<std::vector<sealed_object>> store::lacking(std::span<const sealed_object> objects) const {
  std::vector<sealed_object> out;
  std::set<object_id> seen;
  for (const auto& o : objects) {
    KEYFOLD_TRY(const bool here, has(o.id()));
    if (!here && seen.insert(o.id()).second) out.push_back(o);
  }
  return out;
}

expected<void> store::put(std::span<const sealed_object> objects, origin from) {
  const std::lock_guard lock(changing_);
  KEYFOLD_TRY(const auto fresh, lacking(objects));
  if (fresh.empty()) return {};
  KEYFOLD_CHECK(put_files(fresh));
  db::batch changes;
  std::uint64_t sum = 0;
  for (const auto& o : fresh) {
    // In place of a damaged one, which may have been made here: it stays as that would have.
    KEYFOLD_TRY(const auto damaged, index_.get(key('x', o.id())));
    const auto counts_as = damaged ? origin::made : from;
    index_row row{o.size(), counts_as, std::nullopt};
    if (!is_small(o.size())) row.checksum = checksum_of(o.data());
    changes.emplace(key('i', o.id()), encode(row));
    if (counts_as != origin::made) cache_.add(counts_as, o.id(), o.size(), changes);
    sum += o.size();
    if (is_small(o.size())) {
      bytes value = to_bytes(o.data());
      append(value, hashes_of(o));
      changes.emplace(key('d', o.id()), std::move(value));
    } else {
      changes.emplace(key('p', o.id()), std::nullopt);
    }
  }
  KEYFOLD_CHECK(index_.write(changes, true));
  total_ += sum;
  recent().add(this, fresh);
  return evict();
}

expected<void> store::put_files(std::span<const sealed_object> objects) {
  db::batch pending;
  for (const auto& o : objects)
    if (!is_small(o.size())) pending.emplace(key('p', o.id()), bytes{});
  if (pending.empty()) return {};
  KEYFOLD_CHECK(index_.write(pending, false));
  for (const auto& o : objects)
    if (!is_small(o.size())) KEYFOLD_CHECK(put_file(o));
  if (::syncfs(folder_.get()) != 0) return db::fail_from_errno("cannot make objects durable");
  return {};
}

expected<void> store::put_file(const sealed_object& o) {
  const auto temporary = std::string(temporary_folder) + "/" + std::to_string(next_temporary_++);
  const auto name = name_of(o.id());
  const db::file f(::openat(folder_.get(), temporary.c_str(),
                            O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!f) return db::fail_from_errno("cannot make an object's file");
  auto written = db::write_all(f, o.data());
  if (written) written = db::write_all(f, hashes_of(o));
  if (written) written = make_folder_at(folder_, name.substr(0, 1));
  if (written) written = make_folder_at(folder_, name.substr(0, 3));
  if (written && ::renameat(folder_.get(), temporary.c_str(), folder_.get(), name.c_str()) != 0)
    written = db::fail_from_errno("cannot rename an object's file");
  if (!written) ::unlinkat(folder_.get(), temporary.c_str(), 0);
  return written;
}

expected<std::size_t> store::adopt_files() {
  const std::lock_guard lock(changing_);
  db::batch found;
  std::uint64_t sum = 0;
  std::error_code failed;
  fs::recursive_directory_iterator at(path_, failed);
  for (; !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    const auto id = object_id::from_text(at->path().filename().string());
    if (!id || !at->is_regular_file(failed)) continue;
    KEYFOLD_TRY(const bool here, has(*id));
    const auto size = object_size_of(at->file_size(failed));
    if (here || !size || is_small(*size)) continue;
    found.emplace(key('i', *id), encode({*size, origin::made, std::nullopt}));
    sum += *size;
  }
  if (failed) return fail(errc::io_failed, "cannot list " + path_ + ": " + failed.message());
  KEYFOLD_CHECK(index_.write(found, true));
  total_ += sum;
  return found.size();
}

expected<void> store::take_out(const object_id& id, std::uint64_t size, db::batch changes) {
  recent().remove(this, id);
  changes.emplace(key('i', id), std::nullopt);
  if (is_small(size)) changes.emplace(key('d', id), std::nullopt);
  KEYFOLD_CHECK(index_.write(changes, true));
  total_ -= size;
  return {};
}

expected<void> store::remove(std::span<const object_id> ids) {
  const std::lock_guard lock(changing_);
  return remove_all(ids, {});
}

expected<void> store::remove_all(std::span<const object_id> ids, db::batch changes) {
  std::uint64_t sum = 0;
  std::vector<std::string> files;
  for (const auto& id : ids) {
    KEYFOLD_TRY(const auto size, size_of(id));
    if (!size || !changes.emplace(key('i', id), std::nullopt).second) continue;
    sum += *size;
    recent().remove(this, id);
    if (is_small(*size))
      changes.emplace(key('d', id), std::nullopt);
    else
      files.push_back(name_of(id));
  }
  if (changes.empty()) return {};
  KEYFOLD_CHECK(index_.write(changes, true));  // first: a file without an entry is nothing
  total_ -= sum;
  for (const auto& name : files) ::unlinkat(folder_.get(), name.c_str(), 0);
  return {};
}

}  // namespace keyfold::object
