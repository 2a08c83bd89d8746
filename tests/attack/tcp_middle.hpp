// A man in the middle of a TCP connection on loopback: he passes bytes on, records them, and may
// change them or cut the connection.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "crypto/bytes.hpp"

namespace keyfold::attack {

/// The port of "tcp://127.0.0.1:PORT".
[[nodiscard]] inline std::uint16_t port_of(const std::string& endpoint) {
  return static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
}

/// A connected socket to a port of loopback, or -1.
[[nodiscard]] inline int connect_to(std::uint16_t port) {
  const int out = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(out, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0) return out;
  ::close(out);
  return -1;
}

class tcp_middle {
 public:
  struct piece {
    std::size_t connection;  ///< from 0
    bool to_server;
    std::size_t offset;  ///< of its first byte in that direction of the connection
    bytes data;
  };
  /// May change the piece; false cuts the connection.
  using tamper = std::function<bool(piece&)>;

  explicit tcp_middle(
      std::uint16_t server, tamper how = [](piece&) { return true; })
      : server_port_(server), how_(std::move(how)) {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(listening_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
        ::listen(listening_, 8) != 0 ||
        ::getsockname(listening_, reinterpret_cast<sockaddr*>(&at), &size) != 0 ||
        ::pipe(stop_.data()) != 0)
      throw std::runtime_error("no middle");
    endpoint_ = "tcp://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    thread_ = std::thread([this] { run(); });
  }
  tcp_middle(const tcp_middle&) = delete;
  tcp_middle& operator=(const tcp_middle&) = delete;
  ~tcp_middle() {
    ::close(stop_[1]);
    thread_.join();
    ::close(stop_[0]);
    ::close(listening_);
  }

  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  /// All bytes that came by so far, in one direction.
  [[nodiscard]] bytes recorded(bool to_server) {
    const std::lock_guard lock(mutex_);
    return recorded_[to_server ? 1 : 0];
  }
  [[nodiscard]] std::size_t connections() const { return connections_; }

 private:
  void run() {
    std::array<int, 2> ends{-1, -1};  // client, server
    std::array<std::size_t, 2> offsets{};
    const auto cut = [&] {
      for (auto& end : ends) {
        if (end >= 0) ::close(end);
        end = -1;
      }
    };
    while (true) {
      std::array<pollfd, 4> on{{{stop_[0], POLLIN, 0},
                                {listening_, POLLIN, 0},
                                {ends[0], POLLIN, 0},
                                {ends[1], POLLIN, 0}}};
      if (::poll(on.data(), on.size(), -1) < 0) continue;
      if (on[0].revents != 0) return cut();
      if (on[1].revents != 0) {
        cut();
        offsets = {};
        ends[0] = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
        ends[1] = connect_to(server_port_);
        ++connections_;
        continue;
      }
      for (std::size_t from = 0; from < 2; ++from)
        if (ends[from] >= 0 && on[2 + from].revents != 0 && !pass(ends, from, offsets[from])) cut();
    }
  }

  bool pass(const std::array<int, 2>& ends, std::size_t from, std::size_t& offset) {
    piece p{connections_ - 1, from == 0, offset, bytes(16 * 1024)};
    const auto got = ::recv(ends[from], p.data.data(), p.data.size(), 0);
    if (got <= 0) return false;
    p.data.resize(static_cast<std::size_t>(got));
    offset += p.data.size();
    {
      const std::lock_guard lock(mutex_);
      append(recorded_[p.to_server ? 1 : 0], p.data);
    }
    if (!how_(p)) return false;
    for (std::size_t sent = 0; sent < p.data.size();) {
      const auto n =
          ::send(ends[1 - from], p.data.data() + sent, p.data.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += static_cast<std::size_t>(n);
    }
    return true;
  }

  std::uint16_t server_port_;
  tamper how_;
  int listening_ = -1;
  std::array<int, 2> stop_{-1, -1};
  std::string endpoint_;
  std::mutex mutex_;
  std::array<bytes, 2> recorded_;
  std::atomic<std::size_t> connections_ = 0;
  std::thread thread_;
};

}  // namespace keyfold::attack
