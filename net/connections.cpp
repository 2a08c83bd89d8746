#include "net/connections.hpp"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

namespace keyfold::net {
namespace {

// At least what ZMTP and CURVE add to a frame (9 and 33 bytes), so that honest talk never counts as held.
constexpr std::size_t frame_overhead = 64;

/// All bytes that the kernel has received; nullopt for what is no TCP connection.
std::optional<std::uint64_t> received_bytes(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  if (size < offsetof(tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received)
    return std::nullopt;
  return info.tcpi_bytes_received;
}

}  // namespace

connections::~connections() {
  for (const auto& [fd, c] : known_) ::close(c.duplicate);
}

void connections::came(int fd) {
  went(fd);
  const int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (duplicate >= 0) known_.emplace(fd, connection{duplicate});
}

void connections::went(int fd) {
  const auto found = known_.find(fd);
  if (found == known_.end()) return;
  ::close(found->second.duplicate);
  known_.erase(found);
}

void connections::handed(int fd, std::size_t bytes) {
  if (const auto found = known_.find(fd); found != known_.end())
    found->second.handed += bytes + frame_overhead;
}

bool connections::shut(int fd) const {
  const auto found = known_.find(fd);
  if (found == known_.end()) return false;
  ::shutdown(found->second.duplicate, SHUT_RDWR);
  return true;
}

std::vector<int> connections::overfull(std::size_t limit) {
  std::vector<int> out;
  for (auto& [fd, c] : known_) {
    const auto received = received_bytes(c.duplicate);
    if (!received) continue;
    if (*received - c.base <= c.handed) {  // nothing is held: count anew, so that no slack adds up
      c.base = *received;
      c.handed = 0;
    } else if (*received - c.base - c.handed > limit) {
      out.push_back(fd);
    }
  }
  return out;
}

}  // namespace keyfold::net
