#include "store/replica/authors.hpp"

namespace keyfold::replica {

bool authors_at_relay::went(const device_id& device) {
  there_.erase(device);
  return left_to_.erase(device) > 0;
}

void authors_at_relay::clear() {
  there_.clear();
  left_to_.clear();
}

bool authors_at_relay::brings(const device_id& author, const entitlement& may) {
  if (!there_.contains(author) || !may(author)) return false;
  left_to_.insert(author);
  return true;
}

bool authors_at_relay::review(const entitlement& may) {
  return std::erase_if(left_to_, [&](const device_id& device) { return !may(device); }) > 0;
}

}  // namespace keyfold::replica
