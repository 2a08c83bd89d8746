#include "net/multicast.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <set>

namespace keyfold::net {
namespace {

constexpr std::size_t max_interfaces = 32;
constexpr int receive_buffer = 128 * 1024;  ///< of a socket: a flood is dropped by the system

class descriptor {
 public:
  explicit descriptor(int fd) : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// An address of either family, as the system wants it.
struct socket_address {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

template <class Value>
bool set(int fd, int level, int option, const Value& value) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

int udp_socket(int family) {
  return ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

in_addr group_ipv4() {
  in_addr out{};
  ::inet_pton(AF_INET, multicast_ipv4, &out);
  return out;
}
in6_addr group_ipv6() {
  in6_addr out{};
  ::inet_pton(AF_INET6, multicast_ipv6, &out);
  return out;
}

/// The group on that interface.
socket_address group_on(const multicast_interface& on) {
  socket_address out;
  if (on.family == AF_INET) {
    auto& address = reinterpret_cast<sockaddr_in&>(out.storage);
    address.sin_family = AF_INET;
    address.sin_addr = group_ipv4();
    address.sin_port = htons(multicast_port);
    out.size = sizeof address;
  } else {
    auto& address = reinterpret_cast<sockaddr_in6&>(out.storage);
    address.sin6_family = AF_INET6;
    address.sin6_addr = group_ipv6();
    address.sin6_port = htons(multicast_port);
    address.sin6_scope_id = on.index;
    out.size = sizeof address;
  }
  return out;
}

/// The group, the interface's own address (on loopback the system would take another one) and the interface.
ip_mreqn request_ipv4(const multicast_interface& on) {
  ip_mreqn out{};
  out.imr_multiaddr = group_ipv4();
  std::memcpy(&out.imr_address, on.address.data(), sizeof out.imr_address);
  out.imr_ifindex = static_cast<int>(on.index);
  return out;
}

bool join(int fd, const multicast_interface& on) {
  const int yes = 1;
  const int no = 0;
  if (!set(fd, SOL_SOCKET, SO_REUSEADDR, yes)) return false;
  (void)set(fd, SOL_SOCKET, SO_RCVBUF, receive_buffer);
  auto group = group_on(on);
  if (on.family == AF_INET)
    return ::bind(fd, group.get(), group.size) == 0 && set(fd, IPPROTO_IP, IP_MULTICAST_ALL, no) &&
           set(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, request_ipv4(on));
  ipv6_mreq request{};
  request.ipv6mr_multiaddr = group_ipv6();
  request.ipv6mr_interface = on.index;
  return set(fd, IPPROTO_IPV6, IPV6_V6ONLY, yes) && ::bind(fd, group.get(), group.size) == 0 &&
         set(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, request);
}

bool point_at(int fd, const multicast_interface& on) {
  const int one = 1;
  if (on.family == AF_INET)
    return set(fd, IPPROTO_IP, IP_MULTICAST_IF, request_ipv4(on)) &&
           set(fd, IPPROTO_IP, IP_MULTICAST_TTL, one) &&
           set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, one);
  return set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, static_cast<int>(on.index)) &&
         set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, one) &&
         set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, one);
}

/// A socket that the system makes readable when interfaces or addresses change.
int watch_changes() {
  descriptor out(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (::bind(out.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return -1;
  return out.release();
}

std::optional<multicast_interface> described(const ifaddrs& entry) {
  if (entry.ifa_addr == nullptr || (entry.ifa_flags & IFF_UP) == 0) return std::nullopt;
  multicast_interface out;
  out.name = entry.ifa_name;
  out.index = ::if_nametoindex(entry.ifa_name);
  out.family = entry.ifa_addr->sa_family;
  if (out.index == 0 || (out.family != AF_INET && out.family != AF_INET6)) return std::nullopt;
  if (out.family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in&>(*entry.ifa_addr);
    out.address.assign(reinterpret_cast<const char*>(&address.sin_addr), sizeof address.sin_addr);
  }
  return out;
}

std::string host_of(socket_address& from) {
  std::array<char, NI_MAXHOST> text{};
  if (::getnameinfo(from.get(), from.size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) !=
      0)
    return {};
  const std::string host(text.data());
  if (from.storage.ss_family == AF_INET) return host == "0.0.0.0" ? std::string() : host;
  return "[" + host + "]";
}

}  // namespace

std::vector<multicast_interface> multicast_interfaces(const std::vector<std::string>& names) {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all(first, ::freeifaddrs);
  std::vector<multicast_interface> named;
  std::vector<multicast_interface> outside;
  std::vector<multicast_interface> loopback;
  for (const auto* entry = all.get(); entry != nullptr; entry = entry->ifa_next) {
    auto found = described(*entry);
    if (!found) continue;
    const auto flags = entry->ifa_flags;
    if (std::find(names.begin(), names.end(), found->name) != names.end())
      named.push_back(std::move(*found));
    else if ((flags & IFF_LOOPBACK) != 0)
      loopback.push_back(std::move(*found));
    else if ((flags & IFF_MULTICAST) != 0 && (flags & IFF_POINTOPOINT) == 0)
      outside.push_back(std::move(*found));
  }
  auto out = !names.empty() ? named : !outside.empty() ? outside : loopback;
  // One address of each is enough: the first in their order, so that it stays the same one.
  std::sort(out.begin(), out.end());
  const auto same = [](const auto& a, const auto& b) {
    return a.index == b.index && a.family == b.family;
  };
  out.erase(std::unique(out.begin(), out.end(), same), out.end());
  if (out.size() > max_interfaces) out.resize(max_interfaces);
  return out;
}

multicast::multicast(std::vector<std::string> names)
    : names_(std::move(names)), changes_(watch_changes()) {}

multicast::~multicast() {
  for (const auto& each : ears_) ::close(each.fd);
  if (changes_ >= 0) ::close(changes_);
}

expected<bool> multicast::look() {
  auto now = multicast_interfaces(names_);
  const bool changed = now != seen_;
  seen_ = std::move(now);
  std::erase_if(ears_, [&](const ear& each) {
    const bool gone = std::find(seen_.begin(), seen_.end(), each.on) == seen_.end();
    if (gone) ::close(each.fd);
    return gone;
  });
  for (const auto& on : seen_) {
    const auto has = [&](const ear& each) { return each.on == on; };
    if (std::any_of(ears_.begin(), ears_.end(), has)) continue;
    descriptor socket(udp_socket(on.family));
    if (socket.get() >= 0 && join(socket.get(), on)) ears_.push_back({on, socket.release()});
  }
  if (ears_.empty() && !seen_.empty())
    return fail(errc::cannot_listen, "cannot listen for other devices in the local network: " +
                                         std::generic_category().message(errno));
  return changed;
}

std::size_t multicast::send(const std::function<std::vector<bytes>()>& make) const {
  std::size_t sent = 0;
  for (const auto& on : seen_) {
    // A socket for each time: nobody can tell by its port that two of them come from one device.
    const descriptor socket(udp_socket(on.family));
    if (socket.get() < 0 || !point_at(socket.get(), on)) continue;
    auto to = group_on(on);
    for (const auto& datagram : make())
      if (::sendto(socket.get(), datagram.data(), datagram.size(), 0, to.get(), to.size) >= 0)
        ++sent;
  }
  return sent;
}

void multicast::poll_for_datagrams(std::vector<pollfd>& out) const {
  for (const auto& each : ears_) out.push_back({each.fd, POLLIN, 0});
}

std::optional<arrived_datagram> multicast::receive(std::size_t max) {
  bytes buffer(max + 1);
  for (std::size_t i = 0; i < ears_.size(); ++i) {
    socket_address from;
    const int fd = ears_[turn_++ % ears_.size()].fd;
    const auto size = ::recvfrom(fd, buffer.data(), buffer.size(), 0, from.get(), &from.size);
    if (size < 0) continue;
    buffer.resize(static_cast<std::size_t>(size));
    return arrived_datagram{host_of(from), std::move(buffer)};
  }
  return std::nullopt;
}

bool multicast::take_changes() const {
  std::array<char, 8192> buffer{};
  bool any = false;
  while (true) {
    const auto got = ::recv(changes_, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == ENOBUFS)
      any = true;  // there were too many to be kept
    else if (got <= 0)
      return any;
    any = true;
  }
}

}  // namespace keyfold::net
