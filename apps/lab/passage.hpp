// Bytes on their way from one end of a link to the other, held back as long as the link's delay says. No I/O.
#pragma once

#include <chrono>
#include <deque>
#include <optional>

#include "crypto/bytes.hpp"

namespace keyfold::apps::lab {

using instant = std::chrono::milliseconds;  ///< of a clock that only goes forward

class passage {
 public:
  /// What came in at `now` may go out `delay` later, and never before what came earlier.
  void take(bytes_view came, instant now, instant delay);
  /// Nothing more comes.
  void end() { ended_ = true; }
  /// The next bytes that may go out at `now`; empty: none.
  [[nodiscard]] bytes_view ready(instant now) const;
  /// So many of them are gone.
  void gone(std::size_t count);
  /// When something may go out; nullopt: nothing is on its way.
  [[nodiscard]] std::optional<instant> due() const;
  [[nodiscard]] bool full() const { return held_ >= most; }
  /// Everything is through, and nothing more comes.
  [[nodiscard]] bool over() const { return ended_ && pieces_.empty(); }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  static constexpr std::size_t most = 4 * 1024 * 1024;
  struct piece {
    instant due;
    bytes data;
  };
  std::deque<piece> pieces_;
  std::size_t sent_ = 0;  ///< of the first piece
  std::size_t held_ = 0;
  bool ended_ = false;
};

}  // namespace keyfold::apps::lab
