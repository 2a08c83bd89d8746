#include "store/db/committer.hpp"

namespace keyfold::db {

committer::committer(store& below, std::size_t max_bytes, std::size_t max_batches)
    : below_(below), max_bytes_(max_bytes), max_batches_(max_batches) {}

committer::~committer() {
  while (!empty()) flush();
}

void committer::add(const batch& changes, callback done) {
  for (const auto& [key, value] : changes) {
    bytes_ += key.size() + (value ? value->size() : 0);
    changes_.insert_or_assign(key, value);
  }
  waiting_.push_back(std::move(done));
  if (bytes_ >= max_bytes_ || waiting_.size() >= max_batches_) flush();
}

void committer::flush() {
  if (empty()) return;
  const auto changes = std::exchange(changes_, {});
  const auto waiting = std::exchange(waiting_, {});
  bytes_ = 0;
  const auto result = below_.write(changes, true);
  for (const auto& done : waiting) done(result);
}

}  // namespace keyfold::db
