// An object that is not in the store, made again of the files of a mirror: the same key and bytes are the same object.
#pragma once

#include <memory>

#include "store/mirror/base.hpp"
#include "store/mirror/root.hpp"
#include "store/object/seal.hpp"

namespace keyfold::mirror {

/// Where the bytes of a file version lie.
struct version_chunks {
  workspace::file_content content;
  std::vector<workspace::chunk_ref> chunks;  ///< of the file; those of `content` may be its list's
};
/// null: not known here, or not of a file.
using chunks_of_version =
    std::function<std::shared_ptr<const version_chunks>(const version_id& version)>;

/// True when the index has a file with something of the object: remake() is worth trying. Reads a row or two.
[[nodiscard]] bool may_remake(const base& b, const object_id& object);

/// The object, of all chunks that lie in it, each read from a file that has it and checked by its hash.
/// `errc::not_found` where one lacks: a file was changed or deleted since, or is not in the index.
[[nodiscard]] expected<object::sealed_object> remake(const root& r, const base& b,
                                                     const chunks_of_version& chunks,
                                                     const object_id& object);

}  // namespace keyfold::mirror
