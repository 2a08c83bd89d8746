// A small SOCKS5 proxy on loopback: no authentication, CONNECT to addresses and to `localhost`; a thread a connection.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace keyfold::net {

class socks_proxy {
 public:
  /// `port` 0: any free one.
  explicit socks_proxy(std::uint16_t port = 0) {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    ::setsockopt(listening_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in at = loopback(port);
    if (::bind(listening_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) std::abort();
    ::listen(listening_, 16);
    socklen_t size = sizeof at;
    ::getsockname(listening_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~socks_proxy() {
    ::shutdown(listening_, SHUT_RDWR);
    acceptor_.join();
    cut();
    for (auto& each : threads_) each.join();
    for (const int fd : fds_) ::close(fd);
    ::close(listening_);
  }
  socks_proxy(const socks_proxy&) = delete;
  socks_proxy& operator=(const socks_proxy&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// From now on every request is refused ("connection not allowed by ruleset"), or not.
  void refuse(bool on) {
    const std::lock_guard lock(mutex_);
    refusing_ = on;
  }
  /// Ends every connection.
  void cut() {
    const std::lock_guard lock(mutex_);
    for (const int fd : fds_) ::shutdown(fd, SHUT_RDWR);
  }
  /// What was asked for so far: HOST:PORT.
  [[nodiscard]] std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out.sin_port = htons(port);
    return out;
  }

  void accept_all() {
    for (;;) {
      const int client = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      keep(client);
      threads_.emplace_back([this, client] {
        serve(client);
        ::shutdown(client, SHUT_RDWR);
      });
    }
  }
  void keep(int fd) {
    const std::lock_guard lock(mutex_);
    fds_.push_back(fd);
  }

  static bool read(int fd, std::uint8_t* to, std::size_t count) {
    while (count > 0) {
      const auto got = ::recv(fd, to, count, 0);
      if (got <= 0) return false;
      to += got;
      count -= static_cast<std::size_t>(got);
    }
    return true;
  }
  static bool write(int fd, const std::uint8_t* from, std::size_t count) {
    return ::send(fd, from, count, MSG_NOSIGNAL) == static_cast<ssize_t>(count);
  }

  /// greeting := 5 n method…   request := 5 command 0 type address port   (RFC 1928)
  void serve(int client) {
    std::array<std::uint8_t, 300> b{};
    if (!read(client, b.data(), 2) || b[0] != 5 || !read(client, b.data() + 2, b[1])) return;
    const std::array<std::uint8_t, 2> no_authentication{5, 0};
    if (!write(client, no_authentication.data(), 2) || !read(client, b.data(), 5)) return;
    if (b[0] != 5 || b[1] != 1) return;
    const std::size_t length = b[3] == 1 ? 4 : b[3] == 4 ? 16 : b[4];
    const std::size_t more = b[3] == 3 ? length + 2 : length + 1;  // of an address one byte is here
    if (!read(client, b.data() + 5, more)) return;
    const auto* address = b[3] == 3 ? b.data() + 5 : b.data() + 4;
    const auto port = static_cast<std::uint16_t>(address[length] * 256 + address[length + 1]);
    std::array<char, INET6_ADDRSTRLEN> text{};
    const auto host =
        b[3] == 3 ? std::string(reinterpret_cast<const char*>(address), length)
                  : ::inet_ntop(b[3] == 1 ? AF_INET : AF_INET6, address, text.data(), text.size());
    bool refused = false;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(host + ":" + std::to_string(port));
      refused = refusing_;
    }
    const int target = refused ? -1 : connect(b[3] == 4, port);
    std::array<std::uint8_t, 10> answer{5, 0, 0, 1};
    answer[1] = refused ? 2 : target < 0 ? 5 : 0;
    if (!write(client, answer.data(), answer.size()) || target < 0) return;
    pass(client, target);
    ::shutdown(target, SHUT_RDWR);
  }

  /// All that tests connect to is on this machine.
  int connect(bool ipv6, std::uint16_t port) {
    const int fd = ::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = in6addr_loopback;
    v6.sin6_port = htons(port);
    const auto v4 = loopback(port);
    const auto* at =
        ipv6 ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
    if (::connect(fd, at, ipv6 ? sizeof v6 : sizeof v4) != 0) {
      ::close(fd);
      return -1;
    }
    keep(fd);
    return fd;
  }

  static void pass(int a, int b) {
    std::array<pollfd, 2> ends{{{a, POLLIN, 0}, {b, POLLIN, 0}}};
    std::array<std::uint8_t, 65'536> piece{};
    while (::poll(ends.data(), ends.size(), -1) > 0) {
      for (std::size_t i = 0; i < ends.size(); ++i) {
        if (ends[i].revents == 0) continue;
        const auto got = ::recv(ends[i].fd, piece.data(), piece.size(), 0);
        if (got <= 0) return;
        for (ssize_t sent = 0; sent < got;) {
          const auto n = ::send(ends[1 - i].fd, piece.data() + sent,
                                static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
          if (n <= 0) return;
          sent += n;
        }
      }
    }
  }

  int listening_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  bool refusing_ = false;
  std::vector<int> fds_;  ///< closed at the end alone, so that no number is used again meanwhile
  std::vector<std::string> requests_;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace keyfold::net
