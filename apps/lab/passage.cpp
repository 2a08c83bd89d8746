#include "apps/lab/passage.hpp"

#include <algorithm>

namespace keyfold::apps::lab {

void passage::take(bytes_view came, instant now, instant delay) {
  auto due = now + delay;
  if (!pieces_.empty()) due = std::max(due, pieces_.back().due);
  pieces_.push_back({due, to_bytes(came)});
  held_ += came.size();
}

bytes_view passage::ready(instant now) const {
  if (pieces_.empty() || pieces_.front().due > now) return {};
  return bytes_view(pieces_.front().data).subspan(sent_);
}

void passage::gone(std::size_t count) {
  held_ -= count;
  sent_ += count;
  if (sent_ < pieces_.front().data.size()) return;
  pieces_.pop_front();
  sent_ = 0;
}

std::optional<instant> passage::due() const {
  if (pieces_.empty()) return std::nullopt;
  return pieces_.front().due;
}

}  // namespace keyfold::apps::lab
