// Base: what disk and tree last agreed on. A change on disk is what differs from base, and so is a
// change in the tree; neither is ever compared with the other directly.
//
//   'r' ‖ row      -> [1, parent row, name, local name, node, version, content hash, facts]
//   'c' ‖ parent ‖ 16 bytes of derive(name key, "keyfold/v1/mirror-name", name)    rows by name,
//   'i' ‖ inode    'n' ‖ node                                by inode and by node (workspace/rows.hpp)
//   'f'            -> number of files and symlinks     's' -> last row given out
//   'w' ‖ number   -> row ‖ as 'r', or row alone       about to be so on disk, or to go from it (apply.hpp)
//   'o' ‖ 8 bytes of an object's id ‖ row -> version   the file's version that has chunks in it: an index, brought up
//   'u' ‖ row      -> version                          behind changes of rows (object_index.hpp): the row's version is
//                                                      another one now than it was there (zero: it was in no file)
//   'v'            -> row                              of a database that had no index: rows below it are noted in 'u'
//
// Rows are numbers, so that renaming a folder changes one row, and a swap of two names may for a
// moment have two rows of one name. The view encrypts values; no key holds a name.
#pragma once

#include "crypto/secret.hpp"
#include "store/db/kv.hpp"
#include "store/mirror/facts.hpp"
#include "store/mirror/paths.hpp"

namespace keyfold::mirror {

using row_id = counter<struct mirror_row_tag>;
inline constexpr row_id root_row{0};

struct base_row {
  row_id id;  ///< 0: not stored yet (or the root)
  row_id parent;
  std::string name;   ///< as the tree shows it
  std::string local;  ///< as the disk spells it
  node_id node;
  version_id version;   ///< zero for folders
  hash32 content;       ///< list hash of a file's content; of a symlink, hash_of_target
  mirror::facts facts;  ///< of the moment when both agreed
  bool operator==(const base_row&) const = default;
};

[[nodiscard]] inline bool is_folder(const base_row& row) {
  return row.facts.kind == node_kind::folder;
}

/// What is about to come about on disk.
struct intent {
  base_row row;       ///< as it will be; id 0: a new one, and a folder's inode is not known yet
  bool goes = false;  ///< it is removed; only the id counts
};

/// What stands for a symlink's content in base_row::content and shown_item::content.
[[nodiscard]] hash32 hash_of_target(std::string_view target);

/// Not thread-safe. A row that does not decode counts as missing: what it stood for is then met
/// again as something new, which never deletes anything.
class base {
 public:
  /// `state` is this mirror's own part of the database, `name_key` a secret of this device.
  base(db::view& state, const symmetric_key& name_key) : state_(state), name_key_(name_key) {}

  [[nodiscard]] std::optional<base_row> get(row_id row) const;
  /// The row of that shown name in a folder; with two in the midst of a swap, the older row.
  [[nodiscard]] std::optional<base_row> child(row_id parent, std::string_view name) const;
  /// The row at a path as the disk spells it; a name in another normalization is found too.
  [[nodiscard]] std::optional<base_row> find(const local_path& path) const;
  [[nodiscard]] std::vector<base_row> children(row_id parent) const;
  [[nodiscard]] std::vector<base_row> rows_of(const node_id& node) const;
  [[nodiscard]] std::vector<base_row> with_inode(std::uint64_t inode) const;
  /// Where the row's thing is on disk; nullopt when it or a folder above it is not stored.
  [[nodiscard]] std::optional<local_path> path_of(row_id row) const;
  /// Visits the row and all below it, a folder before its content.
  void walk(row_id row, const std::function<void(const base_row&)>& visit) const;

  /// Stores a row (id 0: a new one) in place of the one of its id; gives its id.
  row_id put(base_row row);
  /// In place of what was intended before.
  void intend(const std::vector<intent>& intents);
  [[nodiscard]] std::vector<intent> intended() const;
  /// Forgets the row and all below it.
  void erase(row_id row);
  /// Number of files and symlinks.
  [[nodiscard]] std::uint64_t files() const;

  // The index of objects.
  /// Files of whose present version chunks lie in the object, as far as the index goes; at most `most`.
  [[nodiscard]] std::vector<base_row> holders(const object_id& object,
                                              std::size_t most = ~std::size_t{0}) const;
  /// A row whose version is not that of the index.
  struct unindexed_row {
    row_id row;
    version_id former;  ///< which the index has; zero: none
  };
  /// The first ones from `from` on, ascending.
  [[nodiscard]] std::vector<unindexed_row> unindexed(row_id from, std::size_t most) const;
  /// The lowest row that was outdated since this was asked last; nullopt: none was.
  [[nodiscard]] std::optional<row_id> take_outdated() { return std::exchange(outdated_, {}); }
  /// The row's entries are those of `version` from now on, and not those of its former version.
  void index(row_id row, const version_id& version, std::span<const object_id> former,
             std::span<const object_id> now);
  /// Notes up to `most` rows of a database that had no index as not indexed; false when all are noted.
  bool note_unindexed(std::size_t most);

 private:
  /// What the index has of the row is not right any more.
  void outdate(row_id row, const version_id& former);
  [[nodiscard]] bytes child_key(row_id parent, std::string_view name) const;
  [[nodiscard]] std::vector<base_row> rows_at(bytes key) const;
  /// Adds the row to what finds it, or takes it out.
  void link(const base_row& row, bool add);
  void count_files(std::int64_t difference);

  db::view& state_;
  symmetric_key name_key_;
  std::optional<row_id> outdated_;
};

}  // namespace keyfold::mirror
