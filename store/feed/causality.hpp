// The causal past of entries (DESIGN 4.4): which entries an author knew when he wrote another.
#pragma once

#include <functional>

#include "store/feed/entry.hpp"

namespace keyfold::feed {

/// Answers over all held entries, pending ones of the own journal (hash zero) included.
class causality {
 public:
  virtual ~causality() = default;
  /// True when the author of the entry `later` knew the entry `earlier`, or they are the same one.
  [[nodiscard]] virtual bool knows(const operation_order& later,
                                   const operation_order& earlier) const = 0;
  /// Visits every held entry that the author of `later` did not know, in any order.
  virtual void unknown_to(const operation_order& later,
                          const std::function<void(const operation_order&)>& visit) const = 0;
};

}  // namespace keyfold::feed
