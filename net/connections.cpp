#include "net/connections.hpp"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

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

/// The peer's address without port, as bytes; of IPv6 the first 8, since who has one has 2^64 of them.
/// Empty for what is no TCP connection, or is gone.
std::string address_of(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  if (peer.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer).sin_addr;
    return {reinterpret_cast<const char*>(&v4), sizeof v4};
  }
  if (peer.ss_family != AF_INET6) return {};
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
  const auto* bytes = reinterpret_cast<const char*>(&v6);
  return IN6_IS_ADDR_V4MAPPED(&v6) ? std::string(bytes + 12, 4) : std::string(bytes, 8);
}

}  // namespace

connections::~connections() {
  for (const auto& [fd, c] : known_) ::close(c.duplicate);
}

void connections::came(int fd, instant now) {
  went(fd);
  const int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) return;
  const auto& c =
      known_.emplace(fd, connection{duplicate, address_of(duplicate), ++last_, now}).first->second;
  auto& crowd = crowds_[c.address];
  ++open_;
  ++crowd.open;
  crowd.silent.insert(c.at);
  silent_.emplace(c.at, fd);
}

void connections::spoke(const connection& c) {
  if (silent_.erase(c.at) > 0) crowds_[c.address].silent.erase(c.at);
}

/// It counts no longer.
void connections::leave(connection& c) {
  if (!std::exchange(c.open, false)) return;
  spoke(c);
  --open_;
  const auto crowd = crowds_.find(c.address);
  if (--crowd->second.open == 0) crowds_.erase(crowd);
}

void connections::went(int fd) {
  const auto found = known_.find(fd);
  if (found == known_.end()) return;
  leave(found->second);
  ::close(found->second.duplicate);
  known_.erase(found);
}

void connections::handed(int fd, std::size_t bytes) {
  const auto found = known_.find(fd);
  if (found == known_.end()) return;
  found->second.handed += bytes + frame_overhead;
  spoke(found->second);
}

bool connections::shut(int fd) {
  const auto found = known_.find(fd);
  if (found == known_.end()) return false;
  leave(found->second);
  ::shutdown(found->second.duplicate, SHUT_RDWR);
  return true;
}

std::optional<int> connections::surplus(int fd, std::size_t limit) const {
  const auto found = known_.find(fd);
  if (found == known_.end() || !found->second.open) return std::nullopt;
  const auto& crowd = crowds_.at(found->second.address);
  if (crowd.open > (limit + 1) / 2)
    return crowd.silent.empty() ? fd : silent_.at(*crowd.silent.begin());
  if (open_ > limit) return silent_.empty() ? fd : silent_.begin()->second;
  return std::nullopt;
}

std::vector<int> connections::silent_since(instant time) const {
  std::vector<int> out;
  for (const auto& [_, fd] : silent_) {
    if (known_.at(fd).since > time) break;
    out.push_back(fd);
  }
  return out;
}

std::vector<connections::load> connections::loads() {
  std::vector<load> out;
  for (auto& [fd, c] : known_) {
    const auto received = received_bytes(c.duplicate);
    if (!received) continue;
    if (*received - c.base <= c.handed) {  // nothing is held: count anew, so that no slack adds up
      c.base = *received;
      c.handed = 0;
    }
    out.push_back({fd, c.address, *received - c.base - c.handed});
  }
  return out;
}

std::vector<int> connections::overfull(std::size_t limit) {
  std::vector<int> out;
  for (const auto& each : loads())
    if (each.bytes > limit) out.push_back(each.fd);
  return out;
}

}  // namespace keyfold::net
