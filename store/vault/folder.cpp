#include "store/vault/folder.hpp"

#include <algorithm>
#include <filesystem>

#include "store/db/file.hpp"

namespace keyfold::vault {

namespace fs = std::filesystem;

namespace {
constexpr std::string_view suffix = ".key";
}

expected<folder> folder::open(std::string path) {
  KEYFOLD_CHECK(db::make_private_folder(path));
  return folder(std::move(path));
}

std::string folder::path_of(device_id device) const {
  return path_ + "/" + to_text(device) + std::string(suffix);
}

expected<std::vector<listed>> folder::list(std::vector<std::string>* unreadable) const {
  std::vector<listed> out;
  std::error_code failed;
  fs::directory_iterator at(path_, failed);
  for (; !failed && at != fs::directory_iterator(); at.increment(failed)) {
    const auto path = at->path().string();
    if (!path.ends_with(suffix)) continue;
    const auto data = db::read_file(path, max_file_size);
    auto h = data ? read_header(*data) : fail(data);
    if (h)
      out.push_back({path, std::move(*h)});
    else if (unreadable != nullptr)
      unreadable->push_back(path);
  }
  if (failed) return fail(errc::io_failed, "cannot list " + path_ + ": " + failed.message());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return out;
}

expected<opened> folder::unlock(device_id device, const secret_buffer& password) const {
  KEYFOLD_TRY(const auto data, db::read_file(path_of(device), max_file_size));
  KEYFOLD_TRY(auto out, open_key_file(data, password));
  if (out.header.device != device)
    return fail(errc::damaged, path_of(device) + " is the key file of another device");
  return out;
}

expected<void> folder::save(header h, const secrets& s, const secret_buffer& password,
                            random_source& random) const {
  h.parameters = password_parameters::fresh(random);
  KEYFOLD_TRY(const auto data, seal_key_file(h, s, password, random));
  return db::replace_file(path_of(h.device), data);
}

expected<void> folder::change_password(device_id device, const secret_buffer& old_password,
                                       const secret_buffer& new_password,
                                       random_source& random) const {
  KEYFOLD_TRY(const auto now, unlock(device, old_password));
  return save(now.header, now.secrets, new_password, random);
}

expected<void> folder::remove(device_id device) const {
  std::error_code failed;
  if (fs::remove(path_of(device), failed)) return {};
  if (failed)
    return fail(errc::io_failed, "cannot remove " + path_of(device) + ": " + failed.message());
  return fail(errc::not_found, "there is no key file " + path_of(device));
}

}  // namespace keyfold::vault
