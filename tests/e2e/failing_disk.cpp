// A disk that fails, for programs that run with this library in LD_PRELOAD: calls on files whose paths contain a given
// text fail with EIO, as long as the file named by KEYFOLD_FAILING_DISK says so, in lines `read TEXT`, `write TEXT` or
// `sync TEXT`; with `hold TEXT` they do not return before the test unlocks that file. It is read anew at each call, so that disks can fail and heal
// while a program runs.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

std::string path_of(int fd) {
  std::array<char, 4096> out{};
  const auto link = "/proc/self/fd/" + std::to_string(fd);
  const auto n = ::readlink(link.c_str(), out.data(), out.size());
  return n > 0 ? std::string(out.data(), static_cast<std::size_t>(n)) : std::string();
}

/// Straight from the kernel: read() is one of those that are replaced here.
std::string rules() {
  const char* const path = std::getenv("KEYFOLD_FAILING_DISK");
  if (path == nullptr) return {};
  const auto file = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC));
  if (file < 0) return {};
  std::array<char, 4096> out{};
  const auto n = ::syscall(SYS_read, file, out.data(), out.size());
  ::syscall(SYS_close, file);
  return n > 0 ? std::string(out.data(), static_cast<std::size_t>(n)) : std::string();
}

/// Until nobody holds an exclusive lock of the rules.
void await_unlocked() {
  const int file = ::open(std::getenv("KEYFOLD_FAILING_DISK"), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  ::flock(file, LOCK_SH);
  ::close(file);
}

bool fails(std::string_view call, int fd) {
  const int before = errno;
  const auto text = rules();
  errno = before;
  if (text.empty()) return false;
  const auto path = path_of(fd);
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto space = line.find(' ');
    if (space == std::string_view::npos || path.find(line.substr(space + 1)) == std::string::npos)
      continue;
    if (line.substr(0, space) == "hold") await_unlocked();
    if (line.substr(0, space) != call) continue;
    errno = EIO;
    return true;
  }
  errno = before;
  return false;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t read(int fd, void* out, size_t size) {
  static const auto real = next<ssize_t (*)(int, void*, size_t)>("read");
  return fails("read", fd) ? -1 : real(fd, out, size);
}
ssize_t pread(int fd, void* out, size_t size, off_t at) {
  static const auto real = next<ssize_t (*)(int, void*, size_t, off_t)>("pread");
  return fails("read", fd) ? -1 : real(fd, out, size, at);
}
ssize_t pread64(int fd, void* out, size_t size, off64_t at) {
  static const auto real = next<ssize_t (*)(int, void*, size_t, off64_t)>("pread64");
  return fails("read", fd) ? -1 : real(fd, out, size, at);
}
ssize_t write(int fd, const void* data, size_t size) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  return fails("write", fd) ? -1 : real(fd, data, size);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return fails("write", fd) ? -1 : real(fd, data, size, at);
}
int fsync(int fd) {
  static const auto real = next<int (*)(int)>("fsync");
  return fails("sync", fd) ? -1 : real(fd);
}
int fdatasync(int fd) {
  static const auto real = next<int (*)(int)>("fdatasync");
  return fails("sync", fd) ? -1 : real(fd);
}
int syncfs(int fd) {
  static const auto real = next<int (*)(int)>("syncfs");
  return fails("sync", fd) ? -1 : real(fd);
}

}  // extern "C"
