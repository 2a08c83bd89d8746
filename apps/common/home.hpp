// Where one installation keeps its things (CLI.md, "Programs and places").
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "crypto/error.hpp"

namespace keyfold::apps {

/// The folders of one installation. With KEYFOLD_HOME or --home both are that folder.
struct home_paths {
  std::filesystem::path config;  ///< config.toml
  std::filesystem::path data;    ///< vault, databases, socket, log

  [[nodiscard]] std::filesystem::path vault() const { return data / "vault"; }
  [[nodiscard]] std::filesystem::path devices() const { return data / "devices"; }
  [[nodiscard]] std::filesystem::path log() const { return data / "agent.log"; }
  [[nodiscard]] std::filesystem::path lock() const { return data / "agent.lock"; }
};

/// --home if given, else KEYFOLD_HOME, else the XDG folders. Makes nothing.
[[nodiscard]] expected<home_paths> find_home(const std::optional<std::string>& option);
/// Makes the folders, mode 0700.
[[nodiscard]] expected<void> make_home(const home_paths& home);

/// A path by which `name` in `folder` can be bound or connected as a unix socket, however long the
/// folder's own path is: it goes through an open descriptor of the folder, which this object holds.
class socket_path {
 public:
  [[nodiscard]] static expected<socket_path> in(const std::filesystem::path& folder,
                                                const std::string& name);
  socket_path(socket_path&& other) noexcept;
  socket_path& operator=(socket_path&&) = delete;
  ~socket_path();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  socket_path(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::string path_;
};

}  // namespace keyfold::apps
