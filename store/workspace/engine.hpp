// One workspace on one device: feeds, journal and tree composed over one database transaction.
//
//   local change ──► journal ──► tree                    at once, offline too
//   sign_next()  ──► entry to push; the tree learns its hash
//   receive()    ──► verdict ──► feeds ──► decrypt, decode ──► tree
//   ledger_advanced() ──► verdicts anew ──► tree: entries retracted, or back again
//
// Pure besides the view: nothing is remembered between calls but what take_changes() gives, read_only(), and when a time
// was journalled last. The caller commits
// the transaction, or throws it away together with the engine. Not thread-safe.
#pragma once

#include "store/feed/journal.hpp"
#include "store/workspace/tree.hpp"

namespace keyfold::workspace {

using feed::feed_head;

struct engine_setup {
  organization_id organization;
  workspace_id workspace;
  device_id device;
  symmetric_key local_key;  ///< the device's own: hides names in keys
  /// The wall clock, in ms since 1970: what history says of changes made here. Empty: it says no time.
  std::function<std::uint64_t()> clock{};
};
/// The key of an epoch of this workspace that matches its commitment; nullopt while it is not held.
using epoch_key_lookup = std::function<std::optional<symmetric_key>(epoch_number)>;

/// A thing in the tree: a folder (version zero), or the branch of a file that shows, or showed, `version`.
struct item {
  node_id node;
  version_id version;
  bool operator==(const item&) const = default;
};
[[nodiscard]] item item_of(const shown_entry& entry);

/// Where something shall be. `name` is normalized by what takes a place.
struct place {
  node_id parent;
  std::string name;
};

/// What went wrong with an entry that is held all the same. Verdicts do not change by it.
struct entry_incident {
  enum class kind : std::uint8_t {
    payload_damaged,  ///< it does not open under the committed key, or is no list of operations: it is empty
    later_version,  ///< it has a critical operation that this version does not know: read-only until updated
    feed_forked,  ///< two entries stand at one position of a feed; `other` is the one held before
    invalid,      ///< it breaks the rule `why`; so does its author's feed from there on
  } what;
  feed_head entry;
  std::optional<feed_head> other;
  errc why = errc::unknown;
};

struct received {
  std::vector<feed::verdict> verdicts;  ///< of the entries given, in their order
  std::vector<feed_head> fresh;         ///< those held now that were not
  std::vector<entry_hash> lacks;        ///< entries that have to come first, ascending
  bool lacks_records = false;           ///< the ledger has to be brought forward first
  std::set<epoch_number>
      lacks_keys;  ///< entries under these were not taken: come back with the keys
  std::vector<entry_incident> incidents;
};

struct journal_facts {
  std::uint64_t entries = 0;     ///< to be signed
  std::uint64_t operations = 0;  ///< in them
};

class engine {
 public:
  /// `state` is this workspace's own part of the database; all that is referred to must outlive the engine.
  engine(db::view& state, const ledger::view& ledger, epoch_key_lookup keys,
         const engine_setup& setup, random_source& random);
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  // -- questions ----------------------------------------------------------------------------------

  [[nodiscard]] const workspace::tree& tree() const { return tree_; }
  [[nodiscard]] const feed::index& feeds() const { return feeds_; }
  [[nodiscard]] const feed::journal& journal() const { return journal_; }
  /// The entry at a path of shown names (tried as they are, then normalized): `errc::not_found`,
  /// `errc::not_a_folder`.
  [[nodiscard]] expected<shown_entry> find(std::span<const std::string> path) const;
  [[nodiscard]] std::vector<shown_entry> list(const shown_entry& folder) const;
  /// The place for something new at a path: as find() of its folder, `errc::bad_name`, `errc::name_taken`.
  [[nodiscard]] expected<place> free_place(std::span<const std::string> path) const;
  /// True while a held entry that counts is of a later version: nothing may be changed here then.
  [[nodiscard]] bool read_only() const;
  [[nodiscard]] journal_facts pending() const;
  /// The nodes of changes that are not signed yet: they show as `local`.
  [[nodiscard]] std::set<node_id> pending_nodes() const;
  /// The nodes that a held entry changes; empty when it does not open.
  [[nodiscard]] std::set<node_id> nodes_in(const entry_hash& hash) const;
  /// As tree::history_at(): `errc::not_found` where nothing stands or stood.
  [[nodiscard]] expected<path_history> history(std::span<const std::string> path,
                                               std::size_t limit) const;
  /// The version (or folder, by its node's id) that `restore` would bring back to the path. Without an id: what was
  /// deleted there last. `errc::not_found`; `errc::usage` when something is there and no id says what is meant.
  [[nodiscard]] expected<past_thing> find_past(std::span<const std::string> path,
                                               const std::optional<version_id>& version) const;
  /// The folders whose shown children may differ since the last call.
  [[nodiscard]] tree_changes take_changes() { return std::exchange(changes_, {}); }

  // -- local changes: journalled and applied at once ------------------------------------------------
  // All: `errc::role_insufficient`, `errc::unknown_critical_operation` (read_only), `errc::too_large`.

  [[nodiscard]] expected<node_id> make_folder(const place& at);
  /// `more` are objects that a level 1 list names, besides those in `content`.
  [[nodiscard]] expected<item> make_file(const place& at, const node_content& content,
                                         std::span<const object_id> more = {});
  /// A new version of a file's branch: of the one that shows `over.version`, or, if that is not current any
  /// more, a branch beside what came since. Version zero replaces nothing. Gives the new version.
  [[nodiscard]] expected<item> write(const item& over, const node_content& content,
                                     std::span<const object_id> more = {});
  /// Renames or moves; a conflict copy becomes a file of its own (the item given back). A folder stands for all
  /// that are merged into its name. `errc::not_found`, `errc::bad_name`, `errc::moved_into_itself`.
  [[nodiscard]] expected<item> move(const item& what, const place& to);
  /// Says whether whoever deletes had that version of a file before him.
  using seen_by_user = std::function<bool(const item&)>;
  /// Deletes a file's branch, or a folder with all in it. What was not `seen` stays, with its folders; so does
  /// a version that came after `what.version`. True when nothing stayed. `errc::not_found`.
  [[nodiscard]] expected<bool> remove(const item& what, const seen_by_user& seen = {});

  /// make_file() or write() at a path: `errc::is_a_folder`, and as find().
  [[nodiscard]] expected<item> write_at(std::span<const std::string> path,
                                        const node_content& content,
                                        std::span<const object_id> more = {});
  /// move() by paths. A file at `to` is refused (`errc::name_taken`), or with `replace` gets the moved file's
  /// content as its next version (`more`: as in make_file()).
  [[nodiscard]] expected<void> move_at(std::span<const std::string> from,
                                       std::span<const std::string> to, bool replace,
                                       std::span<const object_id> more = {});
  /// remove() by path; a folder with something in it only if `recursive` (`errc::folder_not_empty`).
  [[nodiscard]] expected<void> remove_at(std::span<const std::string> path, bool recursive);

  // -- after a damaged database ---------------------------------------------------------------------

  /// The journal in another database, for restore(); `state` as an engine's.
  [[nodiscard]] static std::vector<bytes> saved_journal(db::view& state);
  /// The same of what own entries say that name a ledger position from `from` on: the line of the ledger in
  /// which these stand is given up.
  [[nodiscard]] std::vector<bytes> changes_since(ledger_seq from) const;
  /// Journals the changes of such a journal, once the own entries are back: but for those that entries have already,
  /// and those that cannot be read. Gives how many. Fails as local changes do.
  [[nodiscard]] expected<std::size_t> restore(std::span<const bytes> saved);
  /// Makes what find_past() gives stand at the path again. A file that is there gets that content as its next version
  /// (`more`: as in make_file()); a deleted one comes back, with the folders that lack; of one that was moved away a
  /// copy is made. A folder comes back with what was in it when it was deleted, and merges with one of its name; a
  /// file of its name is `errc::name_taken`, a folder in a file's place `errc::is_a_folder`. Gives what stands there.
  [[nodiscard]] expected<item> restore(std::span<const std::string> path, const past_thing& what,
                                       std::span<const object_id> more = {});

  // -- entries --------------------------------------------------------------------------------------

  /// Takes entries as they come from a replica, the past first. One under a key that is not held is not taken:
  /// so this device never claims to have seen what it could not show.
  [[nodiscard]] received receive(std::span<const feed::entry> entries);
  /// Judges all entries anew after the ledger advanced.
  [[nodiscard]] std::vector<entry_incident> ledger_advanced();
  /// Reads again what was of a later version, after an update of Keyfold.
  [[nodiscard]] std::vector<entry_incident> retry_unread();

  /// The oldest pending changes as a signed entry, held and to be pushed once the transaction is committed;
  /// nullopt when there are none. A new generation is begun first where one is due. `errc::rotation_due`,
  /// `errc::key_not_held`, `errc::role_insufficient`, `errc::lacks_records`.
  [[nodiscard]] expected<std::optional<feed::entry>> sign_next(const signing_key& author);
  /// Entries of the generation that is written came from elsewhere: this device comes from a backup, or a copy of it
  /// runs. The next sign_next() begins another generation.
  [[nodiscard]] bool feed_is_ahead() const {
    return journal_.renewal_due(ledger_) == feed::renewal::feed_is_ahead;
  }

 private:
  struct planned {
    operation what;
    std::vector<object_id> needed;
  };
  using plan = std::vector<planned>;

  // engine_changes.cpp
  [[nodiscard]] expected<void> may_write() const;
  [[nodiscard]] expected<void> record(const plan& changes);
  [[nodiscard]] node_id real_parent(node_id parent, plan& changes);
  node_id plan_folder(const place& at, plan& changes);
  item plan_write(node_id node, std::vector<version_id> replaces, const node_content& content,
                  std::span<const object_id> more, plan& changes);
  void plan_move_folder(std::span<const node_id> merged, const place& to, plan& changes);
  [[nodiscard]] bool plan_remove_folder(std::span<const node_id> merged, const seen_by_user& seen,
                                        plan& changes) const;
  [[nodiscard]] bool plan_remove_versions(node_id node, std::span<const version_id> versions,
                                          plan& changes) const;
  [[nodiscard]] bool all_seen(std::span<const node_id> merged, const seen_by_user& seen) const;
  [[nodiscard]] expected<shown_entry> shown_folder(node_id node) const;
  [[nodiscard]] node_nonce new_nonce();

  // engine_restore.cpp
  [[nodiscard]] expected<place> plan_parents(std::span<const std::string> path, plan& changes);
  [[nodiscard]] expected<item> restore_folder(std::span<const std::string> path, node_id folder);

  // engine.cpp
  void apply_entry(const feed::operation_order& order, std::vector<entry_incident>& incidents);
  void follow(std::span<const feed::standing_change> changes,
              std::vector<entry_incident>& incidents);
  [[nodiscard]] expected<std::vector<operation>> read_payload(const feed::entry& e) const;
  void begin_generation();
  void set_unread(const entry_hash& hash, bool unread);
  [[nodiscard]] std::vector<operation> pending_operations(const feed::pending_entry& entry) const;

  const ledger::view& ledger_;
  epoch_key_lookup keys_;
  engine_setup setup_;
  random_source& random_;
  db::prefixed feed_state_;
  db::prefixed tree_state_;
  db::prefixed own_state_;
  feed::index feeds_;
  feed::journal journal_;
  workspace::tree tree_;
  tree_changes changes_;
  mutable std::optional<bool> read_only_;  ///< nullopt: not known, look
  std::optional<std::uint64_t> told_ms_;   ///< the time that was journalled last
};

/// What a version says (tree::content_of), out of a workspace's part of the database as it was committed: for those
/// who do not have the engine.
[[nodiscard]] expected<node_content> content_in(db::view& state, workspace_id workspace,
                                                const version_id& version);

}  // namespace keyfold::workspace
