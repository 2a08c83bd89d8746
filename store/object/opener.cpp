#include "store/object/opener.hpp"

namespace keyfold::object {
namespace {

constexpr std::size_t most_cells = max_object_size / sealed_cell_size + 1;

}  // namespace

expected<bool> opener::has(const object_id& id) {
  return clear_ && id == id_ ? expected<bool>(true) : objects_->has(id);
}

expected<bool> opener::load(const chunk_ref& chunk) {
  const auto first = cells_of(chunk.offset, 1).first;
  const bool here = clear_ && id_ == chunk.object && clear_->first() <= first;
  if (!here) {
    clear_.reset();
    KEYFOLD_TRY(auto found, objects_->get(chunk.object, {first, most_cells}));
    if (!found) return false;
    range_ = std::move(*found);
    id_ = chunk.object;
  }
  if (!here || !(clear_->key() == chunk.key))
    clear_.emplace(chunk.key, range_.object_size, range_.first, range_.cells);
  return true;
}

expected<std::optional<bytes_view>> opener::open(const chunk_ref& chunk) {
  if (chunk.length == 0 || chunk.offset > max_chunk_size)
    return fail(errc::bad_chunk_list, "a chunk that no object can hold");
  KEYFOLD_TRY(const bool here, load(chunk));
  if (!here) return std::nullopt;
  const auto plain = clear_->open(chunk);
  if (plain) return *plain;
  clear_.reset();
  KEYFOLD_TRY(const bool intact, objects_->is_intact(chunk.object));
  if (!intact) return std::nullopt;
  return fail(plain);
}

}  // namespace keyfold::object
