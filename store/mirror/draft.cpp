#include "store/mirror/draft.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <future>
#include <thread>

namespace keyfold::mirror {
namespace {

constexpr std::string_view draft_prefix = "draft-";

std::string draft_name(const version_id& version) {
  return std::string(draft_prefix) + to_text(version);
}

constexpr std::size_t pieces_for_a_thread = 16;  ///< what is worth another one
constexpr std::size_t most_threads = 4;

std::size_t threads_for(std::size_t pieces) {
  const std::size_t processors = std::max(std::thread::hardware_concurrency(), 1U);
  return std::clamp<std::size_t>(pieces / pieces_for_a_thread, 1,
                                 std::min(processors, most_threads));
}

/// Whether a file system has room for so many bytes more.
expected<void> check_room(int file, std::uint64_t more) {
  struct statvfs facts {};
  if (::fstatvfs(file, &facts) != 0) return {};  // then writing tells
  if (std::uint64_t{facts.f_bavail} * facts.f_frsize >= more) return {};
  return fail(errc::disk_full, "a file that is on its way needs " + std::to_string(more >> 20U) +
                                   " MiB more than the disk has free");
}

}  // namespace

expected<draft> draft::open(const root& r, const version_id& version,
                            std::span<const workspace::chunk_ref> chunks) {
  KEYFOLD_TRY(auto folder, r.open_folder(std::string(own_prefix)));
  const auto name = draft_name(version);
  const auto path = std::string(own_prefix) + "/" + name;
  KEYFOLD_TRY(auto file, r.open_path(path, O_RDWR | O_CREAT | O_NONBLOCK | O_NOFOLLOW, 0666));
  KEYFOLD_TRY(const auto seen, look(file.get()));
  if (seen.facts.kind != node_kind::file || seen.odd != oddity::none)
    return fail(errc::changed_on_disk, path + " is something else");
  draft out({std::move(folder), name}, std::move(file));
  KEYFOLD_CHECK(out.find_what_is_here(chunks));
  return out;
}

expected<void> draft::find_what_is_here(std::span<const workspace::chunk_ref> chunks) {
  std::uint64_t offset = 0;
  std::uint64_t lacking = 0;
  for (const auto& chunk : chunks) {
    const piece p{chunk, offset};
    const bool here = holds(p);
    if (!here) lacking_[chunk.object].push_back(p);
    lacking += here ? 0 : chunk.length;
    offset += chunk.length;
  }
  KEYFOLD_CHECK(check_room(file_.get(), lacking));
  if (::ftruncate(file_.get(), static_cast<off_t>(offset)) != 0)
    return fail_errno(errno, "cannot make room in", at_.name);
  return {};
}

bool draft::holds(const piece& p) const {
  const auto data = ::lseek(file_.get(), static_cast<off_t>(p.offset), SEEK_DATA);
  const auto end = static_cast<off_t>(p.offset + p.chunk.length);
  if ((data < 0 && errno == ENXIO) || data >= end) return false;
  bytes there(static_cast<std::size_t>(p.chunk.length));
  return read_exactly(file_.get(), p.offset, there) &&
         object::hash_chunk(there) == p.chunk.plaintext_hash;
}

expected<void> draft::write(const piece& p, bytes_view plaintext) const {
  for (std::size_t done = 0; done < plaintext.size();) {
    const auto n = ::pwrite(file_.get(), plaintext.data() + done, plaintext.size() - done,
                            static_cast<off_t>(p.offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, "cannot write", at_.name);
    done += static_cast<std::size_t>(n);
  }
  return {};
}

expected<void> draft::take(const object::clear_chunks& from) {
  std::vector<const piece*> in_order;
  for (const auto& [id, pieces] : lacking_)
    for (const auto& p : pieces)
      if (from.has(p.chunk)) in_order.push_back(&p);
  std::ranges::sort(in_order, {}, &piece::offset);
  // Hashing takes longer than reading and writing: several threads share the pieces; where none can be had, this one
  // does all.
  std::vector<std::uint8_t> written(in_order.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&]() -> expected<void> {
    bytes room;
    for (auto i = next++; i < in_order.size(); i = next++) {
      if (!from.read(in_order[i]->chunk, room)) continue;
      KEYFOLD_CHECK(write(*in_order[i], room));
      written[i] = 1;
    }
    return {};
  };
  std::vector<std::future<expected<void>>> helpers(threads_for(in_order.size()) - 1);
  for (auto& helper : helpers)
    helper = std::async(std::launch::async | std::launch::deferred, work);
  auto done = work();
  for (auto& helper : helpers)
    if (auto theirs = helper.get(); !theirs) done = std::move(theirs);
  std::set<std::uint64_t> here;
  for (std::size_t i = 0; i < in_order.size(); ++i)
    if (written[i] != 0) here.insert(in_order[i]->offset);
  for (auto at = lacking_.begin(); at != lacking_.end();) {
    std::erase_if(at->second, [&](const piece& p) { return here.contains(p.offset); });
    at = at->second.empty() ? lacking_.erase(at) : std::next(at);
  }
  return done;
}

expected<void> draft::take(const object::sealed_object& object) {
  return take(object.id(), object.data());
}

expected<void> draft::take(const object_id& object, bytes_view data) {
  const auto at = lacking_.find(object);
  if (at == lacking_.end()) return {};
  std::optional<object::clear_cells> clear;
  for (const auto& p : at->second) {
    if (!clear || !(clear->key() == p.chunk.key)) clear.emplace(p.chunk.key, data.size(), 0, data);
    const auto plaintext = clear->open(p.chunk);
    if (!plaintext && !object::sealed_object::check(object, to_bytes(data)))
      return fail(errc::object_mismatch, "bytes that are not those of the object's id");
    if (!plaintext) return fail(plaintext);
    KEYFOLD_CHECK(write(p, *plaintext));
  }
  lacking_.erase(at);
  return {};
}

std::vector<object_id> draft::objects_lacking(const object::clear_chunks* elsewhere) const {
  std::vector<std::pair<std::uint64_t, object_id>> found;
  for (const auto& [id, pieces] : lacking_)
    for (const auto& p : pieces)
      if (elsewhere == nullptr || !elsewhere->has(p.chunk)) {
        found.emplace_back(p.offset, id);
        break;
      }
  std::sort(found.begin(), found.end());
  std::vector<object_id> out;
  out.reserve(found.size());
  for (const auto& [offset, id] : found) out.push_back(id);
  return out;
}

expected<void> draft::move_to(const place& to) const {
  return rename_new(at_, to);
}

expected<void> draft::remove() const {
  return remove_name(at_, node_kind::file);
}

expected<void> remove_drafts(const root& r, const std::set<version_id>& but) {
  KEYFOLD_TRY(const auto folder, r.open_folder(std::string(own_prefix)));
  std::set<std::string> kept;
  for (const auto& version : but) kept.insert(draft_name(version));
  KEYFOLD_TRY(const auto names, names_in(folder.get(), std::string(own_prefix)));
  for (const auto& name : names)
    if (name.starts_with(draft_prefix) && !kept.contains(name) &&
        ::unlinkat(folder.get(), name.c_str(), 0) != 0 && errno != ENOENT)
      return fail_errno(errno, "cannot remove", name);
  return {};
}

}  // namespace keyfold::mirror
