#include "store/mirror/disk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>

namespace keyfold::mirror {

namespace {

constexpr int most_recovered_of_a_name = 10'000;

/// For file systems without RENAME_NOREPLACE: the look and the rename are two steps.
expected<void> rename_after_look(const place& from, const place& to) {
  const auto there = look(to);
  if (there) return fail(errc::changed_on_disk, to.name + " is already there");
  if (there.error().code != errc::not_found) return fail(there);
  if (::renameat(from.folder.get(), from.name.c_str(), to.folder.get(), to.name.c_str()) != 0)
    return fail_errno(errno, "cannot rename", from.name);
  return {};
}

struct close_folder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

}  // namespace

bool read_exactly(int file, std::uint64_t offset, bytes& out) {
  for (std::size_t done = 0; done < out.size();) {
    const auto n =
        ::pread(file, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

expected<std::vector<std::string>> names_in(int folder, std::string_view path) {
  const int copy = ::dup(folder);  // closedir closes the one that it is given
  const std::unique_ptr<DIR, close_folder> open(copy < 0 ? nullptr : ::fdopendir(copy));
  if (!open) return fail_errno(errno, "cannot list", path);
  std::vector<std::string> out;
  for (;;) {
    errno = 0;
    const auto* entry = ::readdir(open.get());  // NOLINT(concurrency-mt-unsafe): the stream is ours
    if (entry == nullptr && errno != 0) return fail_errno(errno, "cannot list", path);
    if (entry == nullptr) return out;
    const std::string name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") out.push_back(name);
  }
}

expected<place> find_place(const root& r, const local_path& path) {
  auto name = name_of(path);
  if (name.empty() || !is_plain(name))
    return fail(errc::unsafe_path, "not a path beneath the mirror: " + path);
  KEYFOLD_TRY(auto folder, r.open_folder(parent_of(path)));
  return place{std::move(folder), std::move(name)};
}

expected<void> rename_new(const place& from, const place& to) {
  if (::renameat2(from.folder.get(), from.name.c_str(), to.folder.get(), to.name.c_str(),
                  RENAME_NOREPLACE) == 0)
    return {};
  if (errno == EEXIST) return fail(errc::changed_on_disk, to.name + " is already there");
  if (errno == ENOSYS) return rename_after_look(from, to);
  if (errno == EINVAL) {
    // Not supported here, or into itself: the plain rename tells which.
    return rename_after_look(from, to);
  }
  return fail_errno(errno, "cannot rename", from.name);
}

expected<bool> exchange(int folder, const std::string& a, const std::string& b) {
  if (::renameat2(folder, a.c_str(), folder, b.c_str(), RENAME_EXCHANGE) == 0) return true;
  if (errno == EINVAL || errno == ENOSYS) return false;
  return fail_errno(errno, "cannot exchange", b);
}

expected<void> remove_name(const place& at, node_kind kind) {
  const int flags = kind == node_kind::folder ? AT_REMOVEDIR : 0;
  if (::unlinkat(at.folder.get(), at.name.c_str(), flags) == 0) return {};
  if (errno == ENOTEMPTY || errno == EEXIST)
    return fail(errc::changed_on_disk, at.name + " still holds something");
  return fail_errno(errno, "cannot remove", at.name);
}

expected<void> write_all(int file, bytes_view data) {
  while (!data.empty()) {
    const auto n = ::write(file, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, "cannot write", "a file");
    data = data.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

write_guard::write_guard(const place& at)
    : file_(::openat(at.folder.get(), at.name.c_str(),
                     O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) {
  if (file_.get() >= 0) take(file_.get());
}

void write_guard::take(int file) {
  // A broken lease is told by a signal, which by default would end the process; SIGURG is ignored.
  if (::fcntl(file, F_SETSIG, SIGURG) != 0) return;
  in_use_ = ::fcntl(file, F_SETLEASE, F_RDLCK) != 0 && (errno == EAGAIN || errno == EBUSY);
}

facts settled_facts(const facts& ours, const place& at) {
  auto now = look(at);
  if (now && unchanged_but_moved(ours, now->facts)) return std::move(now->facts);
  auto out = ours;
  out.ctime_ns = 0;
  return out;
}

expected<local_path> rescue(const root& r, const place& from, const std::string& name) {
  const local_path folder(recovered_folder);
  if (::mkdirat(r.fd(), folder.c_str(), 0777) != 0 && errno != EEXIST)
    return fail_errno(errno, "cannot make", folder);
  for (int number = 1; number < most_recovered_of_a_name; ++number) {
    const auto wanted = number == 1 ? name : name + " (" + std::to_string(number) + ")";
    KEYFOLD_TRY(auto to, find_place(r, join(folder, wanted)));
    const auto moved = rename_new(from, to);
    if (moved) return join(folder, wanted);
    if (moved.error().code != errc::changed_on_disk) return fail(moved);
  }
  return fail(errc::io_failed, "too many files of one name in Recovered");
}

}  // namespace keyfold::mirror
