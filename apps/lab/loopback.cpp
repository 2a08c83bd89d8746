#include "apps/lab/loopback.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "crypto/random.hpp"

namespace keyfold::apps::lab {
namespace {

constexpr std::uint16_t first_port = 20'000, ports = 12'000;
constexpr int attempts = 1000;

sockaddr_in address_of(std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  out.sin_port = htons(port);
  return out;
}

db::file stream_socket() {
  return db::file(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

void send_at_once(const db::file& socket) {
  const int yes = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

}  // namespace

expected<db::file> listen_on(std::uint16_t port) {
  auto out = stream_socket();
  const int yes = 1;
  setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const auto at = address_of(port);
  if (bind(out.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      listen(out.get(), SOMAXCONN) != 0)
    return fail(errc::cannot_listen,
                "cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + std::strerror(errno));
  return out;
}

db::file accept_from(const db::file& listening) {
  db::file out(accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (out) send_at_once(out);
  return out;
}

db::file begin_connect(std::uint16_t port) {
  auto out = stream_socket();
  const auto at = address_of(port);
  if (connect(out.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 &&
      errno != EINPROGRESS)
    return db::file();
  send_at_once(out);
  return out;
}

bool has_connected(const db::file& socket) {
  int problem = 0;
  socklen_t size = sizeof problem;
  return getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &problem, &size) == 0 && problem == 0;
}

expected<std::vector<std::uint16_t>> free_ports(std::size_t count) {
  std::vector<std::uint16_t> out;
  std::vector<db::file> held;  // until all are found, so that none is found twice
  for (int i = 0; i < attempts && out.size() < count; ++i) {
    const auto port = static_cast<std::uint16_t>(first_port + system_random().below(ports));
    auto listening = listen_on(port);
    if (!listening) continue;
    held.push_back(std::move(*listening));
    out.push_back(port);
  }
  if (out.size() < count) return fail(errc::cannot_listen, "too few ports are free");
  return out;
}

}  // namespace keyfold::apps::lab
