// The object store of this device as a source of file contents.
#pragma once

#include "store/object/reader.hpp"
#include "store/object/store.hpp"

namespace keyfold::object {

class local_source final : public source {
 public:
  explicit local_source(store& objects) : objects_(objects) {}
  expected<bool> has(const object_id& id) override { return objects_.has(id); }
  /// What the store finds damaged it puts aside: `errc::damaged` once, then not here.
  expected<std::optional<cell_range>> get(const object_id& id, cell_span cells) override {
    return objects_.get_range(id, cells.first, cells.count);
  }

 private:
  store& objects_;
};

}  // namespace keyfold::object
