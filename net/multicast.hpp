// UDP multicast to whoever is in the local networks of this machine: IPv4 and IPv6, on each interface by itself, never
// beyond a router (TTL and hop limit 1).
//
// Every socket that joined the group on an interface hears what is sent there, those of this machine included.
#pragma once

#include <poll.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "crypto/bytes.hpp"

namespace keyfold::net {

// Specification (PROTOCOL.md, Discovery)
inline constexpr const char* multicast_ipv4 = "239.255.75.70";  ///< administratively scoped, local
inline constexpr const char* multicast_ipv6 = "ff12::eb65:7966";  ///< link-local, not assigned
inline constexpr std::uint16_t multicast_port = 7701;

/// An interface with an address of a family by which multicast is sent and heard.
struct multicast_interface {
  std::string name;
  unsigned index = 0;
  int family = 0;       ///< AF_INET or AF_INET6
  std::string address;  ///< of the interface, as bytes: the sender's with IPv4
  auto operator<=>(const multicast_interface&) const = default;
};

/// Those that are up and do multicast, but no tunnels; loopback only where there is nothing else. With names: exactly
/// those, loopback too. Ascending, at most 32.
[[nodiscard]] std::vector<multicast_interface> multicast_interfaces(
    const std::vector<std::string>& names);

struct arrived_datagram {
  std::string
      host;  ///< the sender's address, as it stands in an endpoint: IPv6 in brackets, with its zone where needed
  bytes data;
};

/// The sockets. For one thread.
class multicast {
 public:
  /// `names` as for multicast_interfaces.
  explicit multicast(std::vector<std::string> names);
  ~multicast();
  multicast(const multicast&) = delete;
  multicast& operator=(const multicast&) = delete;

  /// Looks at the interfaces again, and listens on those that came; true when they are not the ones of before.
  /// `errc::cannot_listen` when there are some and it can listen on none.
  [[nodiscard]] expected<bool> look();
  /// Sends what `make` gives, asked anew for each interface. What cannot be sent is lost, as on the way. Gives the
  /// number of datagrams.
  std::size_t send(const std::function<std::vector<bytes>()>& make) const;

  /// Appends what is to be polled to hear datagrams.
  void poll_for_datagrams(std::vector<pollfd>& out) const;
  /// The next datagram that waits, however it looks, from one of these sockets; nullopt when there is none. One whose
  /// sender has no address comes without a host; of one longer than `max` the first max + 1 bytes.
  [[nodiscard]] std::optional<arrived_datagram> receive(std::size_t max);
  /// Readable when interfaces may have changed; -1 where the system does not tell.
  [[nodiscard]] int changes() const { return changes_; }
  /// True when interfaces may have changed since the last call: look() tells.
  [[nodiscard]] bool take_changes() const;

 private:
  struct ear {
    multicast_interface on;
    int fd;
  };

  std::vector<std::string> names_;
  std::vector<multicast_interface> seen_;
  std::vector<ear> ears_;
  std::size_t turn_ = 0;  ///< of which to receive next
  int changes_;
};

}  // namespace keyfold::net
