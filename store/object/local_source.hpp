// The object store of this device as a source of file contents.
#pragma once

#include "store/object/reader.hpp"
#include "store/object/store.hpp"

namespace keyfold::object {

class local_source final : public source {
 public:
  explicit local_source(store& objects) : objects_(objects) {}
  expected<bool> has(const object_id& id) override { return objects_.has(id); }
  /// A damaged one has been put aside by then: it is not here, and to be fetched again.
  expected<std::optional<cell_range>> get(const object_id& id, cell_span cells) override {
    auto range = objects_.get_unchecked(id, cells.first, cells.count);
    if (!range && range.error().code == errc::damaged) return std::nullopt;
    return range;
  }
  expected<bool> is_intact(const object_id& id) override { return objects_.is_intact(id); }

 private:
  store& objects_;
};

}  // namespace keyfold::object
