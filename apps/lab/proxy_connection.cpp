#include "apps/lab/proxy_connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "apps/lab/loopback.hpp"

namespace keyfold::apps::lab {
namespace {

constexpr std::size_t piece_size = 64 * 1024;
constexpr instant at_once{0};

bool try_again() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/// A socket of which nothing is wanted is left out, so that its hanging up wakes nobody again and again.
pollfd wish(const db::file& socket, bool read, bool write) {
  return {read || write ? socket.get() : -1,
          static_cast<short>((read ? POLLIN : 0) | (write ? POLLOUT : 0)), 0};
}

}  // namespace

void proxy_connection::add_to(std::vector<pollfd>& out, instant now) const {
  const bool open = stage_ == stage::open;
  const bool hears = stage_ == stage::talking || (open && !up_.full() && !up_.ended());
  out.push_back(wish(client_, hears, !down_.ready(now).empty()));
  const bool writes = stage_ == stage::connecting || (open && !up_.ready(now).empty());
  out.push_back(wish(server_, open && !down_.full() && !down_.ended(), writes));
}

std::optional<instant> proxy_connection::due() const {
  const auto a = up_.due();
  const auto b = down_.due();
  return a && b ? std::min(a, b) : a ? a : b;
}

bool proxy_connection::serve(short client, short server, instant now, instant delay,
                             const resolver& who) {
  if (stage_ == stage::talking && client != 0) talk(now, who);
  if (stage_ == stage::connecting && server != 0) {
    if (has_connected(server_)) {
      say(encode(socks_answer::granted), now);
      stage_ = stage::open;
    } else {
      refuse(socks_answer::refused, now);
    }
  } else if (stage_ == stage::open) {
    if ((client & (POLLIN | POLLHUP | POLLERR)) != 0 && !up_.ended() && !up_.full() &&
        !read(client_, up_, now, delay))
      up_.end();
    if ((server & (POLLIN | POLLHUP | POLLERR)) != 0 && !down_.ended() && !down_.full() &&
        !read(server_, down_, now, delay))
      down_.end();
    if (!write(up_, server_, now)) return false;
  }
  if (!write(down_, client_, now)) return false;
  if (stage_ == stage::talking && (client & (POLLHUP | POLLERR)) != 0) return false;
  return !down_.over() && !up_.over();
}

void proxy_connection::talk(instant now, const resolver& who) {
  bytes piece(piece_size), reply;
  const auto got = recv(client_.get(), piece.data(), piece.size(), 0);
  if (got < 0 && try_again()) return;
  if (got <= 0) {
    stage_ = stage::closing;
    return down_.end();
  }
  piece.resize(static_cast<std::size_t>(got));
  const auto heard = socks_.take(piece, reply);
  say(reply, now);
  if (heard == socks_client::state::failed) {
    stage_ = stage::closing;
    return down_.end();
  }
  if (heard != socks_client::state::asked) return;
  to_ = who(socks_.host(), socks_.port());
  if (to_.empty()) return refuse(socks_answer::not_allowed, now);
  server_ = begin_connect(socks_.port());
  if (!server_) return refuse(socks_answer::refused, now);
  stage_ = stage::connecting;
}

void proxy_connection::say(const bytes& reply, instant now) {
  if (!reply.empty()) down_.take(reply, now, at_once);
}

void proxy_connection::refuse(socks_answer code, instant now) {
  say(encode(code), now);
  down_.end();
  stage_ = stage::closing;
}

bool proxy_connection::read(const db::file& from, passage& to, instant now, instant delay) {
  bytes piece(piece_size);
  const auto got = recv(from.get(), piece.data(), piece.size(), 0);
  if (got < 0) return try_again();
  if (got == 0) return false;
  piece.resize(static_cast<std::size_t>(got));
  to.take(piece, now, delay);
  return true;
}

bool proxy_connection::write(passage& from, const db::file& to, instant now) {
  for (auto piece = from.ready(now); !piece.empty(); piece = from.ready(now)) {
    const auto sent = send(to.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
    if (sent < 0) return try_again();
    from.gone(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace keyfold::apps::lab
