#include "store/mirror/root.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <filesystem>

#include "crypto/codec.hpp"
#include "store/mirror/disk.hpp"

namespace keyfold::mirror {

namespace {

constexpr const char* own_folder = ".keyfold";
constexpr const char* marker_name = ".keyfold/mirror";
constexpr const char* new_marker_name = ".keyfold/mirror.new";
constexpr std::uint64_t resolve_flags =
    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;

std::int64_t nanoseconds(const statx_timestamp& t) {
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

looked from_statx(const struct statx& s) {
  looked out;
  auto& f = out.facts;
  out.mode = s.stx_mode & 07777U;
  f.device = static_cast<std::uint64_t>(s.stx_dev_major) << 32 | s.stx_dev_minor;
  f.inode = s.stx_ino;
  if ((s.stx_mask & STATX_BTIME) != 0) f.birth_ns = nanoseconds(s.stx_btime);
  if ((s.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) out.odd = oddity::other_volume;
  switch (s.stx_mode & S_IFMT) {
    case S_IFDIR:
      f.kind = node_kind::folder;
      return out;
    case S_IFREG:
      f.kind = node_kind::file;
      f.size = s.stx_size;
      f.executable = (s.stx_mode & S_IXUSR) != 0;
      break;
    case S_IFLNK:
      f.kind = node_kind::symlink;
      break;
    default:
      out.odd = oddity::special;
  }
  f.mtime_ns = nanoseconds(s.stx_mtime);
  f.ctime_ns = nanoseconds(s.stx_ctime);
  return out;
}

}  // namespace

file_descriptor::~file_descriptor() {
  if (number_ >= 0) ::close(number_);
}

// openat2 alone would let "a/../b" pass.
bool is_plain(const local_path& path) {
  if (path.empty()) return true;
  if (path.find('\0') != std::string::npos || path.front() == '/' || path.back() == '/')
    return false;
  const auto names = names_of(path);
  return std::none_of(names.begin(), names.end(), [](const std::string& name) {
    return name.empty() || name == "." || name == "..";
  });
}

tl::unexpected<error> fail_errno(int number, std::string_view what, std::string_view path) {
  const auto code = [&] {
    switch (number) {
      case ENOENT:
      case ENOTDIR:
        return errc::not_found;
      case ELOOP:
      case EXDEV:
        return errc::unsafe_path;
      case EACCES:
      case EPERM:
        return errc::unreadable;
      case ENOSPC:
      case EDQUOT:
        return errc::disk_full;
      case ENAMETOOLONG:
        return errc::too_large;
      default:
        return errc::io_failed;
    }
  }();
  return fail(code, std::string(what) + " " + std::string(path) + ": " + std::strerror(number));
}

bytes encode_marker(const marker& m) {
  writer w;
  w.array(3).uint(1).bin(m.workspace).bin(m.mirror);
  return std::move(w).take();
}

expected<marker> decode_marker(bytes_view data) {
  KEYFOLD_TRY(auto r, reader::parse(data, {.max_bytes = 256}));
  marker out;
  r.array(3);
  const auto version = r.uint();
  if (r.good() && version != 1) return fail(errc::unknown_version, "a mirror of a later version");
  out.workspace = r.id<workspace_id>();
  out.mirror = r.id<mirror_id>();
  KEYFOLD_CHECK(r.finish());
  return out;
}

expected<root> root::open(const std::string& folder) {
  file_descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0)
    return fail(errc::root_gone, "the mirror's folder " + folder + " cannot be opened (" +
                                     std::strerror(errno) + "); mount or make it, or unmirror");
  root out(folder, std::move(fd));
  KEYFOLD_CHECK(out.open_folder(""));
  return out;
}

namespace {

/// What two mirrors would both have would go round in a circle.
expected<void> check_not_within_another(const std::string& folder) {
  std::error_code failure;
  auto at = std::filesystem::canonical(folder, failure);
  while (!failure && at.has_relative_path()) {
    at = at.parent_path();
    if (std::filesystem::is_regular_file(at / marker_name, failure))
      return fail(errc::root_marker_foreign,
                  folder + " lies within another mirror, " + at.string());
    failure.clear();  // a folder above may be closed to us
  }
  return {};
}

}  // namespace

expected<root> root::create(const std::string& folder, const marker& own) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) return fail(errc::io_failed, "cannot make " + folder + ": " + failure.message());
  KEYFOLD_CHECK(check_not_within_another(folder));
  KEYFOLD_TRY(auto out, open(folder));
  auto present = out.check(own);
  if (present) return out;
  if (present.error().code != errc::root_marker_missing) return fail(present);

  if (::mkdirat(out.fd(), own_folder, 0755) != 0 && errno != EEXIST)
    return fail_errno(errno, "cannot make", own_folder);
  KEYFOLD_TRY(const auto own_place, out.open_folder(own_folder));
  file_descriptor file(::openat(out.fd(), new_marker_name,
                                O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (file.get() < 0) return fail_errno(errno, "cannot make", new_marker_name);
  KEYFOLD_CHECK(write_all(file.get(), encode_marker(own)));
  if (::fsync(file.get()) != 0 ||
      ::renameat(out.fd(), new_marker_name, out.fd(), marker_name) != 0 ||
      ::fsync(own_place.get()) != 0 || ::fsync(out.fd()) != 0)
    return fail_errno(errno, "cannot write", marker_name);
  return out;
}

expected<void> root::lock() const {
  while (::flock(fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return fail(errc::busy, "the mirror " + folder_ + " is still being written; try again");
    if (errno != EINTR) return {};  // a network file system, say: it has no locks
  }
  return {};
}

expected<void> root::check(const marker& own) const {
  const file_descriptor again(::open(folder_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (again.get() < 0) return fail(errc::root_gone, "the mirror's folder " + folder_ + " is gone");
  KEYFOLD_TRY(const auto then, look(fd()));
  KEYFOLD_TRY(const auto now, look(again.get()));
  if (then.facts.inode != now.facts.inode || then.facts.device != now.facts.device)
    return fail(errc::root_gone, folder_ + " is not the mirror's folder any more");

  auto file = open_path(marker_name, O_RDONLY | O_NONBLOCK);
  if (!file && file.error().code != errc::not_found) return fail(file);
  if (!file)
    return fail(errc::root_marker_missing, "the file .keyfold/mirror is missing in " + folder_ +
                                               "; put the folder back, or mirror it anew");
  std::array<std::uint8_t, 256> data{};
  const auto size = ::read(file->get(), data.data(), data.size());
  if (size < 0) return fail_errno(errno, "cannot read", marker_name);
  const auto found = decode_marker(bytes_view(data).first(static_cast<std::size_t>(size)));
  if (!found || *found != own)
    return fail(errc::root_marker_foreign, folder_ + " is another mirror's folder");
  return {};
}

expected<void> root::remove_marker() const {
  if (::unlinkat(fd(), marker_name, 0) != 0 && errno != ENOENT)
    return fail_errno(errno, "cannot remove", marker_name);
  // Whatever else a person has put there stays.
  if (::unlinkat(fd(), own_folder, AT_REMOVEDIR) != 0 && errno != ENOENT && errno != ENOTEMPTY)
    return fail_errno(errno, "cannot remove", own_folder);
  return {};
}

expected<file_descriptor> root::open_path(const local_path& path, int flags, unsigned mode) const {
  if (!is_plain(path)) return fail(errc::unsafe_path, "not a path beneath the mirror: " + path);
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve_flags;
  const char* const text = path.empty() ? "." : path.c_str();
  for (;;) {
    const auto number = ::syscall(SYS_openat2, fd(), text, &how, sizeof how);
    if (number >= 0) return file_descriptor(static_cast<int>(number));
    if (errno == EINTR || errno == EAGAIN) continue;  // EAGAIN: a rename raced with the resolution
    if (errno == ENOSYS)
      return fail(errc::openat2_missing,
                  "mirrors need openat2(2): Linux 5.6 or later, not forbidden by a sandbox");
    return fail_errno(errno, "cannot open", path);
  }
}

expected<file_descriptor> root::open_folder(const local_path& path) const {
  return open_path(path, O_RDONLY | O_DIRECTORY);
}

std::optional<marker> find_marker(const std::string& folder) {
  const auto r = root::open(folder);
  const auto file = r ? r->open_path(local_path(marker_name), O_RDONLY | O_NONBLOCK) : fail(r);
  if (!file) return std::nullopt;
  std::array<std::uint8_t, 256> data{};
  const auto size = ::read(file->get(), data.data(), data.size());
  if (size < 0) return std::nullopt;
  const auto found = decode_marker(bytes_view(data).first(static_cast<std::size_t>(size)));
  return found ? std::optional(*found) : std::nullopt;
}

expected<looked> look(int folder, const std::string& name) {
  struct statx s {};
  if (::statx(folder, name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
              STATX_BASIC_STATS | STATX_BTIME, &s) != 0)
    return fail_errno(errno, "cannot look at", name);
  auto out = from_statx(s);
  if (out.facts.kind == node_kind::symlink && out.odd == oddity::none) {
    std::array<char, PATH_MAX> target{};
    const auto size = ::readlinkat(folder, name.c_str(), target.data(), target.size());
    // EINVAL: no symlink any more, so it is not what statx saw either.
    if (size < 0) return fail_errno(errno == EINVAL ? ENOENT : errno, "cannot read", name);
    out.facts.target.assign(target.data(), static_cast<std::size_t>(size));
  }
  return out;
}

expected<looked> look(int file) {
  struct statx s {};
  if (::statx(file, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &s) != 0)
    return fail_errno(errno, "cannot look at", "an open file");
  auto out = from_statx(s);
  if (out.odd == oddity::other_volume) out.odd = oddity::none;  // the root may be a mount itself
  return out;
}

expected<looked> look(const root& r, const local_path& path) {
  KEYFOLD_TRY(const auto folder, r.open_folder(parent_of(path)));
  if (path.empty()) return look(folder.get());
  const auto name = name_of(path);
  if (!is_plain(name)) return fail(errc::unsafe_path, "not a path beneath the mirror: " + path);
  return look(folder.get(), name);
}

}  // namespace keyfold::mirror
