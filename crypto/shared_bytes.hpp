// Bytes that many hold and nobody changes: a received frame, an object on its way to ten peers.
#pragma once

#include <algorithm>
#include <memory>
#include <span>

#include "crypto/bytes.hpp"

namespace keyfold {

/// A const view and a share of whatever keeps it alive. Copies share; nothing is copied but the
/// view.
class shared_bytes {
 public:
  /// No bytes.
  shared_bytes() = default;
  /// Takes `data` over.
  shared_bytes(
      bytes data) {  // NOLINT(google-explicit-constructor): bytes are what bodies encode to
    if (data.empty()) return;
    auto held = std::make_shared<const bytes>(std::move(data));
    view_ = *held;
    owner_ = std::move(held);
  }
  /// `size` bytes that `fill` writes, all of them: they are not zeroed before.
  template <class Fill>
  [[nodiscard]] static shared_bytes of_size(std::size_t size, Fill fill) {
    auto held = std::make_shared_for_overwrite<std::uint8_t[]>(size);
    const std::span<std::uint8_t> room(held.get(), size);
    fill(room);
    return {room, std::move(held)};
  }
  /// A view on memory that lives as long as `owner`.
  shared_bytes(bytes_view view, std::shared_ptr<const void> owner)
      : view_(view), owner_(std::move(owner)) {}

  [[nodiscard]] bytes_view view() const { return view_; }
  [[nodiscard]] std::size_t size() const { return view_.size(); }
  [[nodiscard]] bool empty() const { return view_.empty(); }
  [[nodiscard]] const std::shared_ptr<const void>& owner() const { return owner_; }
  /// A part of these bytes that shares their life; `part` must lie within view().
  [[nodiscard]] shared_bytes part(bytes_view part) const { return {part, owner_}; }

  friend bool operator==(const shared_bytes& a, const shared_bytes& b) {
    return std::ranges::equal(a.view_, b.view_);
  }

 private:
  bytes_view view_;
  std::shared_ptr<const void> owner_;
};

}  // namespace keyfold
