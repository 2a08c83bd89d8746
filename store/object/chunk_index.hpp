// Which chunks a workspace has in objects already, so that equal bytes are not sealed twice.
//
//   'x' ‖ workspace id ‖ derive(local key, "chunk-index", workspace id ‖ plaintext hash)
//     -> the chunk as a row of store/object/list.hpp
//
// The key is keyed by a secret of the device alone, and the store must be a sealed one: the index
// never tells which known plaintexts are here. It is a cache: losing it costs space, never data.
#pragma once

#include "store/db/kv.hpp"
#include "store/object/seal.hpp"

namespace keyfold::object {

class chunk_index {
 public:
  /// `sealed` (db::sealed_store) must outlive it. Safe to use from several threads.
  chunk_index(const db::store& sealed, const symmetric_key& local_key, workspace_id workspace);

  /// The chunk with that plaintext hash; an entry that cannot be read counts as none.
  [[nodiscard]] expected<std::optional<chunk_ref>> find(const hash32& plaintext_hash) const;
  /// Adds the pair that makes find() give `chunk` to `changes`, to be written once its object is
  /// stored.
  void add(db::batch& changes, const chunk_ref& chunk) const;

 private:
  [[nodiscard]] bytes key_of(const hash32& plaintext_hash) const;
  const db::store& store_;
  symmetric_key local_key_;
  workspace_id workspace_;
};

}  // namespace keyfold::object
