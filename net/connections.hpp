// The TCP connections below a socket, for the two things that libzmq does not do: close a single one, and
// bound the bytes of a message that never ends (its frames pile up within libzmq, and no high-water mark
// counts them until the last has come).
//
// A connection is known by its descriptor, which the monitor tells. We keep a duplicate of it, so what we
// do to it later never hits another file that got the number meanwhile: the monitor says "disconnected"
// before libzmq closes a descriptor, so a duplicate is sound once all events up to its making are read.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace keyfold::net {

class connections {
 public:
  connections() = default;
  ~connections();
  connections(const connections&) = delete;
  connections& operator=(const connections&) = delete;

  /// The monitor told that the connection `fd` came, or went.
  void came(int fd);
  void went(int fd);
  /// So many bytes of it were handed to us.
  void handed(int fd, std::size_t bytes);
  /// Shuts it down: both ends then see that it is lost. False for one that we do not know.
  bool shut(int fd) const;
  /// Those that have sent more than `limit` bytes which were not handed to us yet.
  [[nodiscard]] std::vector<int> overfull(std::size_t limit);
  [[nodiscard]] bool empty() const { return known_.empty(); }

 private:
  struct connection {
    int duplicate;
    std::uint64_t handed = 0;  ///< since `base`, with an upper bound of what sealing adds
    std::uint64_t base = 0;    ///< bytes received when counting began
  };
  std::unordered_map<int, connection> known_;
};

}  // namespace keyfold::net
