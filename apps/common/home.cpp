#include "apps/common/home.hpp"

#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace keyfold::apps {
namespace fs = std::filesystem;
namespace {

std::optional<fs::path> from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return fs::path(value);
}

fs::path xdg(const char* variable, const char* fallback) {
  if (auto path = from_environment(variable); path && path->is_absolute()) return *path / "keyfold";
  return from_environment("HOME").value_or("/") / fallback / "keyfold";
}

}  // namespace

expected<home_paths> find_home(const std::optional<std::string>& option) {
  std::optional<fs::path> one = from_environment("KEYFOLD_HOME");
  if (option) one = fs::path(*option);
  if (!one)
    return home_paths{xdg("XDG_CONFIG_HOME", ".config"), xdg("XDG_DATA_HOME", ".local/share")};
  std::error_code problem;
  const auto absolute = fs::absolute(*one, problem);
  if (problem || one->empty()) return fail(errc::usage, "the home folder's path is not usable");
  return home_paths{absolute, absolute};
}

expected<void> make_home(const home_paths& home) {
  for (const auto& folder : {home.config, home.data, home.vault(), home.devices()}) {
    std::error_code problem;
    fs::create_directories(folder, problem);
    if (!problem) fs::permissions(folder, fs::perms::owner_all, problem);
    if (problem)
      return fail(errc::io_failed,
                  "cannot make the folder " + folder.string() + ": " + problem.message());
  }
  return {};
}

expected<socket_path> socket_path::in(const fs::path& folder, const std::string& name) {
  const auto plain = (folder / name).string();
  if (plain.size() < sizeof(sockaddr_un::sun_path)) return socket_path(-1, plain);
  const int fd = open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return fail(errc::io_failed, "cannot open " + folder.string() + ": " + std::strerror(errno));
  return socket_path(fd, "/proc/self/fd/" + std::to_string(fd) + "/" + name);
}

socket_path::socket_path(socket_path&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

socket_path::~socket_path() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace keyfold::apps
