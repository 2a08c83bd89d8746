#include "store/object/chunk_index.hpp"

#include "crypto/hash.hpp"
#include "store/object/list.hpp"

namespace keyfold::object {

chunk_index::chunk_index(const db::store& sealed, const symmetric_key& local_key,
                         workspace_id workspace)
    : store_(sealed), local_key_(local_key), workspace_(workspace) {}

bytes chunk_index::key_of(const hash32& plaintext_hash) const {
  bytes input = to_bytes(workspace_.view());
  append(input, plaintext_hash.view());
  bytes out{'x'};
  append(out, workspace_.view());
  append(out, derive(local_key_, "keyfold/v1/chunk-index", input).view());
  return out;
}

expected<std::optional<chunk_ref>> chunk_index::find(const hash32& plaintext_hash) const {
  KEYFOLD_TRY(const auto value, store_.get(key_of(plaintext_hash)));
  if (!value) return std::nullopt;
  const auto rows = decode_list(*value);
  if (!rows || rows->size() != 1 || rows->front().plaintext_hash != plaintext_hash)
    return std::nullopt;
  return rows->front();
}

void chunk_index::add(db::batch& changes, const chunk_ref& chunk) const {
  changes.insert_or_assign(key_of(chunk.plaintext_hash), encode_list({&chunk, 1}));
}

}  // namespace keyfold::object
