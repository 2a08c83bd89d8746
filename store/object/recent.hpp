// What was stored last, in memory.
#pragma once

#include <list>
#include <map>
#include <mutex>

#include "store/object/seal.hpp"

namespace keyfold::object {

/// What all stores of a program stored last: it is usually asked for at once (to be uploaded, passed on, or read).
/// However many stores there are, it holds 16 MiB. Thread-safe.
class recent_objects {
 public:
  using owner = const void*;  ///< a store: an object of one is not in another
  void add(owner of, std::span<const sealed_object> objects);
  void remove(owner of, const object_id& id);
  void remove_all(owner of);
  [[nodiscard]] std::optional<sealed_object> find(owner of, const object_id& id) const;

 private:
  using name = std::pair<owner, object_id>;
  using entry = std::pair<owner, sealed_object>;
  void drop(std::map<name, std::list<entry>::iterator>::iterator at);

  mutable std::mutex mutex_;
  std::list<entry> objects_;  ///< the oldest first
  std::map<name, std::list<entry>::iterator> by_name_;
  std::size_t bytes_ = 0;
};

/// Of the program.
[[nodiscard]] recent_objects& recent();

}  // namespace keyfold::object
