#include "store/db/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace keyfold::db {

namespace fs = std::filesystem;

file::~file() {
  if (number_ >= 0) ::close(number_);
}

tl::unexpected<error> fail_from_errno(const std::string& doing) {
  const int number = errno;
  const auto code = number == ENOENT                       ? errc::not_found
                    : number == ENOSPC || number == EDQUOT ? errc::disk_full
                                                           : errc::io_failed;
  return fail(code, doing + ": " + std::strerror(number));
}

expected<void> make_private_folder(const std::string& path) {
  std::error_code failed;
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty()) fs::create_directories(parent, failed);
  if (failed)
    return fail(errc::io_failed, "cannot make the folder " + path + ": " + failed.message());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_from_errno("cannot make the folder " + path);
  return {};
}

expected<file> open_folder(const std::string& path) {
  file out(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out) return fail_from_errno("cannot open the folder " + path);
  return out;
}

expected<std::uint64_t> size_of(const file& f) {
  struct stat facts {};
  if (::fstat(f.get(), &facts) != 0) return fail_from_errno("cannot look at a file");
  return static_cast<std::uint64_t>(facts.st_size);
}

expected<void> read_at(const file& f, std::uint64_t offset, std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const auto n = ::pread(f.get(), out.data(), out.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_from_errno("cannot read");
    if (n == 0) return fail(errc::damaged, "a file is shorter than it should be");
    out = out.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

expected<void> write_all(const file& f, bytes_view data) {
  while (!data.empty()) {
    const auto n = ::write(f.get(), data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_from_errno("cannot write");
    data = data.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

expected<bytes> read_file(const std::string& path, std::size_t max_size) {
  const file f(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!f) return fail_from_errno("cannot open " + path);
  KEYFOLD_TRY(const auto size, size_of(f));
  if (size > max_size) return fail(errc::too_large, path + " is too large");
  bytes out(size);
  KEYFOLD_CHECK(read_at(f, 0, out));
  return out;
}

expected<void> replace_file(const std::string& path, bytes_view data) {
  const std::string temporary = path + ".new";
  // One left by a crash goes first: O_EXCL makes sure that the mode is ours, and nothing is
  // followed.
  if (::unlink(temporary.c_str()) != 0 && errno != ENOENT)
    return fail_from_errno("cannot replace " + temporary);
  {
    const file f(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!f) return fail_from_errno("cannot make " + temporary);
    auto written = write_all(f, data);
    if (written && ::fsync(f.get()) != 0)
      written = fail_from_errno("cannot make " + temporary + " durable");
    if (!written) {
      ::unlink(temporary.c_str());
      return written;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return fail_from_errno("cannot rename to " + path);
  const auto parent = fs::path(path).parent_path().string();
  KEYFOLD_TRY(const auto folder, open_folder(parent.empty() ? "." : parent));
  if (::fsync(folder.get()) != 0)
    return fail_from_errno("cannot make the folder of " + path + " durable");
  return {};
}

}  // namespace keyfold::db
