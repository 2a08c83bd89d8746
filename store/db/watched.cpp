#include "store/db/watched.hpp"

namespace keyfold::db {
namespace {

class watched final : public store {
 public:
  watched(store& below, std::shared_ptr<health> said) : below_(below), said_(std::move(said)) {}

  expected<std::optional<bytes>> get(bytes_view key) const override {
    return noted(below_.get(key));
  }
  expected<void> scan(bytes_view prefix, bytes_view from, const visitor& visit) const override {
    return noted(below_.scan(prefix, from, visit));
  }
  expected<std::optional<std::pair<bytes, bytes>>> last(bytes_view prefix,
                                                        bytes_view before) const override {
    return noted(below_.last(prefix, before));
  }
  expected<void> write(const batch& changes, bool synced) override {
    auto result = noted(below_.write(changes, synced));
    if (result) said_->written();
    return result;
  }

 private:
  template <class T>
  expected<T> noted(expected<T> result) const {
    if (!result) said_->failed(result.error());
    return result;
  }

  store& below_;
  const std::shared_ptr<health> said_;
};

}  // namespace

std::optional<error> health::trouble() const {
  const std::lock_guard guard(mutex_);
  return damage_ ? damage_ : write_;
}

bool health::damaged() const {
  const std::lock_guard guard(mutex_);
  return damage_.has_value();
}

void health::failed(const error& why) {
  const std::lock_guard guard(mutex_);
  auto& noted = why.code == errc::damaged ? damage_ : write_;
  if (!noted) noted = why;
}

void health::written() {
  const std::lock_guard guard(mutex_);
  write_.reset();
}

std::unique_ptr<store> watched_store(store& below, std::shared_ptr<health> said) {
  return std::make_unique<watched>(below, std::move(said));
}

}  // namespace keyfold::db
