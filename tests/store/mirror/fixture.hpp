// A mirror in a folder of its own, with base in memory.
#pragma once

#include <unistd.h>

#include <catch2/catch.hpp>

#include "store/mirror/local_plan.hpp"
#include "store/mirror/read.hpp"
#include "tests/support/temp_dir.hpp"

namespace keyfold::mirror {

template <class T>
T get(expected<T> result) {
  if (!result) FAIL(result.error().message);
  return std::move(*result);
}
inline void get(expected<void> result) {
  if (!result) FAIL(result.error().message);
}
template <class T>
errc code_of(const expected<T>& result) {
  if (result) return errc::unknown;
  return result.error().code;
}

inline constexpr std::int64_t much_later = std::int64_t{1} << 62;

/// An id that is `number` and nothing else.
template <class Id>
Id id_of(std::uint8_t number) {
  Id out;
  out.value.back() = number;
  return out;
}

struct disk_fixture {
  test::temp_dir folder;
  marker own{id_of<workspace_id>(1), id_of<mirror_id>(2)};
  root mirror_root = get(root::create(folder.path(), own));
  std::unique_ptr<db::store> store = db::memory_store();
  db::transaction state{*store};
  mirror::base base{state, {}};

  std::filesystem::path operator/(const std::string& path) const { return folder / path; }
  void write(const std::string& path, const std::string& content) const {
    test::write_file(folder / path, content);
  }
  std::string read(const std::string& path) const { return test::read_file(folder / path); }
  bool exists(const std::string& path) const {
    return std::filesystem::exists(std::filesystem::symlink_status(folder / path));
  }
  void make_folder(const std::string& path) const {
    std::filesystem::create_directories(folder / path);
  }
  void move(const std::string& from, const std::string& to) const {
    std::filesystem::rename(folder / from, folder / to);
  }
  void remove(const std::string& path) const { std::filesystem::remove_all(folder / path); }

  expected<local_plan> try_find_changes(std::vector<local_path> starts = {""},
                                        brake answer = brake::ask) const {
    return find_local_changes(mirror_root, base, starts, answer);
  }
  local_plan find_changes(std::vector<local_path> starts = {""}) const {
    return get(try_find_changes(std::move(starts)));
  }

  /// Agrees to whatever is on disk, each thing as a node of its own.
  void agree() {
    auto plan = get(try_find_changes({""}, brake::accept));
    for (std::size_t i = 0; i < plan.changes.size(); ++i) {
      const auto& change = plan.changes[i];
      published now{id_of<node_id>(++nodes), {}, {}, {}};
      if (change.what == local_kind::modified || change.what == local_kind::attributes)
        now.node = base.get(change.row)->node;
      if (change.disk.kind != node_kind::folder) now.version = id_of<version_id>(nodes);
      if (change.disk.kind == node_kind::file && change.what != local_kind::deleted)
        now.content = hash_of(read(change.path));
      record(base, plan, i, change.what == local_kind::moved ? published{} : now);
    }
  }
  static hash32 hash_of(const std::string& content) {
    return hash("keyfold/v1/test-content", as_bytes(content));
  }

  /// The changes as sentences, in their order: "moved a/b", and for deletes where it was.
  std::vector<std::string> tell(const local_plan& plan) const {
    static constexpr std::array names{"created", "modified", "attributes",
                                      "moved",   "deleted",  "refreshed"};
    std::vector<std::string> out;
    for (const auto& change : plan.changes) {
      std::string text = names.at(static_cast<std::size_t>(change.what));
      if (change.what == local_kind::moved) text += " " + base.path_of(change.row).value_or("?");
      out.push_back(text + " " + change.path);
    }
    return out;
  }
  std::vector<std::string> changes(std::vector<local_path> starts = {""}) const {
    return tell(find_changes(std::move(starts)));
  }

  std::uint8_t nodes = 0;
};

using sentences = std::vector<std::string>;

}  // namespace keyfold::mirror
