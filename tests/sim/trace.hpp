// What happened in a run, as a number: the same seed and plan give the same one. In words only when asked for.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>

#include "crypto/bytes.hpp"

namespace keyfold::sim {

/// The run's own time, which has nothing to do with any clock; from 0.
using instant = std::chrono::milliseconds;

class trace {
 public:
  /// `out` may be null: then nothing is put into words.
  explicit trace(std::ostream* out = nullptr) : out_(out) {}

  /// `what` names the kind of event; all numbers go into the hash.
  void note(instant at, std::string_view what, std::initializer_list<std::uint64_t> numbers);
  /// A line for people; it goes into the hash too.
  void say(instant at, const std::string& line);
  /// The same for people alone: it goes into no hash.
  void remark(instant at, const std::string& line);
  [[nodiscard]] bool speaks() const { return out_ != nullptr; }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }

 private:
  void mix(std::string_view text);
  void mix(std::uint64_t number);
  std::ostream* out_;
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

/// The first eight bytes of an id or hash, as a number.
[[nodiscard]] inline std::uint64_t short_of(bytes_view id) {
  return read_u64(id);
}
[[nodiscard]] std::string seconds_text(instant at);

}  // namespace keyfold::sim
