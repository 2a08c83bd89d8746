// The folder of key files: one file a device, named by its id. Blocks on the disk.
#pragma once

#include <vector>

#include "store/vault/key_file.hpp"

namespace keyfold::vault {

struct listed {
  std::string path;
  vault::header header;
};

class folder {
 public:
  /// Makes the folder with mode 0700 if need be; `errc::io_failed`.
  [[nodiscard]] static expected<folder> open(std::string path);

  /// All readable key files, by path; what cannot be read as one is left out, and named in
  /// `unreadable`.
  [[nodiscard]] expected<std::vector<listed>> list(
      std::vector<std::string>* unreadable = nullptr) const;
  /// `errc::not_found`, and what open_key_file refuses; `errc::damaged` when it is another device's
  /// file.
  [[nodiscard]] expected<opened> unlock(device_id device, const secret_buffer& password) const;
  /// Writes the device's file, replacing an older one atomically (mode 0600), under fresh
  /// parameters.
  [[nodiscard]] expected<void> save(header h, const secrets& s, const secret_buffer& password,
                                    random_source& random) const;
  [[nodiscard]] expected<void> change_password(device_id device, const secret_buffer& old_password,
                                               const secret_buffer& new_password,
                                               random_source& random) const;
  [[nodiscard]] expected<void> remove(device_id device) const;
  [[nodiscard]] std::string path_of(device_id device) const;

 private:
  explicit folder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace keyfold::vault
