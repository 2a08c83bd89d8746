// The TCP connections below a socket, for the things that libzmq does not do: close a single one, bound
// the bytes of a message that never ends (its frames pile up within libzmq, and no high-water mark counts
// them until the last has come), and bound how many there are, from one address and in all.
//
// A connection is known by its descriptor, which the monitor tells. We keep a duplicate of it, so what we
// do to it later never hits another file that got the number meanwhile: the monitor says "disconnected"
// before libzmq closes a descriptor, so a duplicate is sound once all events up to its making are read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/session.hpp"

namespace keyfold::net {

class connections {
 public:
  connections() = default;
  ~connections();
  connections(const connections&) = delete;
  connections& operator=(const connections&) = delete;

  /// The monitor told that the connection `fd` came, or went.
  void came(int fd, instant now);
  void went(int fd);
  /// So many bytes of it were handed to us.
  void handed(int fd, std::size_t bytes);
  /// Shuts it down: both ends then see that it is lost. False for one that we do not know.
  bool shut(int fd);
  /// Which one has to go now that `fd` came, so that there are at most `limit`, and at most half as many
  /// from one address (IPv6: one network of 64 bits): the one that came first of those that have handed
  /// us nothing, else `fd` itself; nullopt when there is room. Shut ones do not count.
  [[nodiscard]] std::optional<int> surplus(int fd, std::size_t limit) const;
  /// Those that came at `time` or before, and have handed us nothing.
  [[nodiscard]] std::vector<int> silent_since(instant time) const;
  struct load {
    int fd;
    std::string address;  ///< as bytes, without port; of IPv6 the network alone
    std::uint64_t bytes;  ///< received, and not handed to us yet
  };
  [[nodiscard]] std::vector<load> loads();
  /// Those whose load is more than `limit` bytes.
  [[nodiscard]] std::vector<int> overfull(std::size_t limit);
  [[nodiscard]] std::size_t size() const { return known_.size(); }
  [[nodiscard]] bool empty() const { return known_.empty(); }

 private:
  using place = std::uint64_t;  ///< in the order of coming
  struct connection {
    int duplicate;
    std::string address;
    place at;
    instant since;
    bool open = true;          ///< not shut by us
    std::uint64_t handed = 0;  ///< since `base`, with an upper bound of what sealing adds
    std::uint64_t base = 0;    ///< bytes received when counting began
  };
  struct company {
    std::size_t open = 0;
    std::set<place> silent;  ///< those that have handed us nothing
  };
  void leave(connection& c);
  void spoke(const connection& c);

  std::unordered_map<int, connection> known_;
  std::map<place, int> silent_;  ///< of all addresses
  std::map<std::string, company> crowds_;
  std::size_t open_ = 0;
  place last_ = 0;
};

}  // namespace keyfold::net
